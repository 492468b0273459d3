"""What lies in the root of a data set: its videos and its own lists."""

import json
import os
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from deeptell.errors import DataError
from deeptell.media.decode import VIDEO_SUFFIXES
from deeptell.media.picture import PICTURE_SUFFIXES

COMPRESSIONS = {"raw": "raw", "c0": "raw", "c23": "c23", "c40": "c40"}


def is_video(path: Path) -> bool:
    """Tell whether a name is that of a video; "._clip.mp4" is macOS's, not one."""
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")


def is_picture(path: Path) -> bool:
    """Tell whether a name is that of a picture."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


def videos_in(folder: Path) -> list[Path]:
    """The videos that lie in a folder, sorted; none where there is no folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if is_video(path))


def picture_folders(folder: Path) -> list[Path]:
    """The folders below a folder that hold pictures, itself left out."""
    return sorted(
        Path(top)
        for top, _, names in os.walk(folder, followlinks=True)
        if Path(top) != folder and any(is_picture(Path(name)) for name in names)
    )


def compressed(top: Path) -> dict[str, dict[str, Path]]:
    """Videos by compression and stem, as FaceForensics++ keeps them; "raw" and "c0" are one."""
    found: dict[str, dict[str, Path]] = {}
    for name, compression in COMPRESSIONS.items():
        for path in videos_in(top / name / "videos"):
            found.setdefault(compression, {}).setdefault(path.stem, path)
    return found


def read_text(root: Path, name: str, *, hint: str = "check the path") -> str:
    """Read one of the data set's own lists.

    Raises:
        DataError: it is missing, where `hint` says what to do, or is no text.
    """
    path = root / name
    if not path.is_file():
        raise DataError(f"{root} has no {name}; {hint}.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}.") from None


def read_records(
    root: Path, name: str, *, hint: str = "check the path"
) -> dict[str, dict[str, Any]]:
    """Read a JSON object that says something, with a label, of each video it names."""
    text = read_text(root, name, hint=hint)
    try:
        table = json.loads(text)
    except ValueError as error:
        raise DataError(f"{root / name} is not JSON: {error}.") from None
    whole = isinstance(table, dict) and all(
        isinstance(entry, dict) and str(entry.get("label")).lower() in ("real", "fake")
        for entry in table.values()
    )
    if not whole:
        raise DataError(
            f"{root / name} must be an object of videos, each with the label 'real' or 'fake'."
        )
    return dict(table)


def read_table(root: Path, name: str, *, columns: Sequence[str]) -> pd.DataFrame:
    """Read a table with commas, as text, that has at least the named columns."""
    try:
        text = StringIO(read_text(root, name))
        table = pd.read_csv(text, dtype=str, keep_default_na=False)
    except ValueError as error:
        raise DataError(f"{root / name} is not a table with commas: {error}.") from None
    # Where every row is longer than the header, pandas takes the first value for its name.
    if not isinstance(table.index, pd.RangeIndex):
        raise DataError(f"{root / name} has rows that are longer than its header: mend them.")
    for column in columns:
        if column not in table:
            raise DataError(
                f"{root / name} lacks the column '{column}'; it has {', '.join(table.columns)}."
            )
    return table
