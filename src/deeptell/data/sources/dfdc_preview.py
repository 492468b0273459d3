"""DFDC preview (Dolhansky et al., 2019): two methods, and a list of all videos.

    root/
      original_videos/<person>/<person>_<scene>_<take>.mp4
      method_A/<target>/<target>_<scene>/<source>_<target>_<scene>_<take>.mp4
      method_B/...
      dataset.json       {"method_A/...mp4": {"label": "fake", "set": "train", ...}, ...}

The list names every video with its side, training or test. The folder below the method is the
person who was filmed, and the group, since real clips are not linked to fakes one by one.
"""

from pathlib import Path, PurePosixPath
from typing import Any

from deeptell.data.sources.files import is_video, read_records
from deeptell.data.sources.listing import UNLISTED, Listing, Row, listing, noted, row
from deeptell.errors import DataError

_FOLDERS = {"original_videos": "real", "method_A": "method_A", "method_B": "method_B"}
_HINT = "it ships with the videos: copy it there"


def list_videos(root: Path) -> Listing:
    """List the videos that dataset.json names and the root holds."""
    known = read_records(root, "dataset.json", hint=_HINT)
    present = {
        path.relative_to(root).as_posix()
        for folder in _FOLDERS
        for path in (root / folder).rglob("*")
        if is_video(path)
    }
    rows = [_row(root, name, known[name]) for name in sorted(present & set(known))]
    unlisted = noted(present - set(known), UNLISTED)
    return listing(rows, missing=set(known) - present, notes=[unlisted])


def _row(root: Path, name: str, entry: dict[str, Any]) -> Row:
    path = PurePosixPath(name)
    method = _FOLDERS[path.parts[0]]
    label = "real" if method == "real" else "fake"
    if entry["label"] != label or entry.get("set") not in ("train", "test"):
        raise DataError(
            f"{root / 'dataset.json'}: '{name}' must have its folder's label '{label}' and the set "
            f"'train' or 'test', got '{entry['label']}' and '{entry.get('set')}'."
        )
    target = path.parts[1]
    source = path.stem.partition("_")[0] if method != "real" else ""
    return row(
        name,
        dataset="DFDC-preview",
        method=method,
        file=path.relative_to(path.parts[0]).with_suffix("").as_posix(),
        group=target,
        split=entry["set"],
        target=target,
        source=source if source != target else "",
    )
