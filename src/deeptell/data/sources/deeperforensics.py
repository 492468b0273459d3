"""DeeperForensics-1.0 (Jiang et al., CVPR 2020): 1,000 swaps in eleven versions.

    root/
      manipulated_videos/<method>/<target>_<actor>.mp4     end_to_end, reenact_postprocess, ...
      lists/splits/{train,val,test}.txt                    000_M101.mp4, one a line
      source_videos/...                                    the filmed actors, who are no reals

Its reals are the targets, which do not come with it: the youtube clips of FaceForensics++ at c23.
`original_sequences/youtube/c23/videos` is looked for in the root, in the folder around it, and in
the folders of both. Real and fakes of a target are a group; an actor keeps to one split.
"""

import os
import re
from pathlib import Path

from deeptell.data.sources.files import read_text, videos_in
from deeptell.data.sources.listing import NATIVE, UNLISTED, Listing, Row, listing, noted, row
from deeptell.errors import DataError

_REALS = "original_sequences/youtube/c23/videos"
_NO_REALS = (
    f"There are no real videos: put those of FaceForensics++ ({_REALS}) into the root or beside it."
)


def list_videos(root: Path) -> Listing:
    """List the fakes of every method there is, and the reals that belong to them."""
    fakes = _read_splits(root)
    reals = {name[:3] + ".mp4": split for name, split in fakes.items()}
    folders = [path for path in sorted((root / "manipulated_videos").glob("*")) if videos_in(path)]
    found = _find_reals(root)
    rows: list[Row] = []
    missing: list[str] = []
    unlisted: list[str] = []
    for folder in [*found, *folders]:
        split_of = reals if folder in found else fakes
        present = {path.name for path in videos_in(folder)}
        place = Path(os.path.relpath(folder.resolve(), root.resolve())).as_posix()
        missing += [f"{place}/{name}" for name in set(split_of) - present]
        unlisted += [f"{place}/{name}" for name in present - set(split_of) if folder not in found]
        for name in sorted(present & set(split_of)):
            target, _, actor = Path(name).stem.partition("_")
            rows.append(
                row(
                    f"{place}/{name}",
                    dataset="DeeperForensics-1.0",
                    method="real" if folder in found else folder.name,
                    file=Path(name).stem,
                    group=target,
                    compression="c23" if folder in found else NATIVE,
                    split=split_of[name],
                    target=target,
                    source=actor,
                )
            )
    notes = ["" if found else _NO_REALS, noted(unlisted, UNLISTED)]
    return listing(rows, missing=missing, notes=notes)


def _find_reals(root: Path) -> list[Path]:
    """The nearest folder of real videos, if there is one."""
    bases = (root, root.absolute().parent)
    near = (path for base in bases for path in [base / _REALS, *sorted(base.glob(f"*/{_REALS}"))])
    return [path for path in near if videos_in(path)][:1]


def _read_splits(root: Path) -> dict[str, str]:
    """The split of each fake, by its file name."""
    split_of: dict[str, str] = {}
    for split in ("train", "val", "test"):
        path = f"lists/splits/{split}.txt"
        for name in read_text(root, path, hint="the folder lists ships with the videos").split():
            if not re.fullmatch(r"[0-9]{3}_[MW][0-9]+\.mp4", name):
                raise DataError(f"{root / path} must list names like 000_M101.mp4, got '{name}'.")
            split_of[name] = split
    return split_of
