"""Where the pictures of a video lie: names that people can read, and that no stranger can abuse."""

import hashlib
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from deeptell.errors import DataError
from deeptell.records import FAKE

_COLUMNS = ("dataset", "method", "compression", "label", "split")
_LONGEST = 120  # characters of a name


def places(videos: pd.DataFrame, *, what: str) -> dict[str, Path]:
    """Relative folder of each video_key: `<split>/<real|fake>/<method>_<compression>_<video>`.

    The split is "all" where none is given. Names that more than one video would have, as those of
    two data sets may, end in eight digits of their key's SHA-256.

    Raises:
        DataError: a column is missing, or a video has no label.
    """
    missing = [column for column in _COLUMNS if column not in videos]
    if missing:
        raise DataError(
            f"{what} lacks the column '{missing[0]}' of its videos: extract from a manifest."
        )
    unlabelled = videos.loc[~videos["label"].isin([0, 1]), "video_key"]
    if len(unlabelled):
        raise DataError(f"{what} has no label for '{unlabelled.iloc[0]}': extract from a manifest.")
    described = videos[["video_key", *_COLUMNS]].fillna("").astype(str)
    plain = {row[0]: _place(*row) for row in described.itertuples(index=False, name=None)}
    # Some file systems take "A" and "a" for one name.
    times = Counter(str(place).casefold() for place in plain.values())
    return {
        key: place if times[str(place).casefold()] == 1 else _distinct(place, key)
        for key, place in plain.items()
    }


def _place(key: str, dataset: str, method: str, compression: str, label: str, split: str) -> Path:
    video = key.removeprefix(f"{dataset}/{method}/{compression}/")
    side = "fake" if float(label) == FAKE else "real"
    return Path(_plain(split) or "all", side, _plain(f"{method}_{compression}_{video}"))


def _plain(name: str) -> str:
    """Only what is safe on any system; never "..", and never hidden."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[-_LONGEST:].strip(".")


def _distinct(place: Path, key: str) -> Path:
    return place.with_name(f"{place.name}-{hashlib.sha256(key.encode()).hexdigest()[:8]}")
