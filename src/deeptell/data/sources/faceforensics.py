"""FaceForensics++ (Rössler et al., ICCV 2019), as its download script lays it out.

    root/
      original_sequences/youtube/{raw|c0,c23,c40}/videos/000.mp4 ... 999.mp4
      manipulated_sequences/<method>/{raw|c0,c23,c40}/videos/<target>_<source>.mp4
      splits/{train,val,test}.json        (or dataset/splits/: pairs such as ["071", "054"])

A pair (a, b) of the official split gives the reals a and b and the fakes a_b and b_a of every
method. The pair is the group: nothing of it may stand on two sides of a split.
"""

import json
from pathlib import Path

import pandas as pd

from deeptell.data.manifest import COLUMNS
from deeptell.errors import DataError

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
COMPRESSIONS = {"raw": "raw", "c0": "raw", "c23": "c23", "c40": "c40"}


def index(root: Path) -> pd.DataFrame:
    """Manifest of the FaceForensics++ tree at `root`; videos outside the split have split ""."""
    pairs = _read_splits(root)
    partner = {a: b for pair, _ in pairs.items() for a, b in (pair, pair[::-1])}
    split_of = {name: split for pair, split in pairs.items() for name in pair}
    rows = []
    for folder, method in _folders(root):
        for path in sorted(folder.glob("*.mp4")):
            target, _, source = path.stem.partition("_")
            group = "_".join(sorted((target, partner.get(target, target))))
            # A fake that is not of an official pair belongs to no side.
            official = not source or partner.get(target) == source
            compression = COMPRESSIONS[folder.parent.name]
            rows.append(
                (
                    f"FaceForensics++/{method}/{compression}/{path.stem}",
                    path.relative_to(root).as_posix(),
                    "FaceForensics++",
                    method,
                    compression,
                    int(method != "real"),
                    split_of.get(target, "") if official else "",
                    target,
                    source,
                    group,
                )
            )
    if not rows:
        raise DataError(
            f"{root} is not a FaceForensics++ tree: no original_sequences/youtube/<compression>/"
            "videos/*.mp4 and no manipulated_sequences/<method>/<compression>/videos/*.mp4 in it."
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _folders(root: Path) -> list[tuple[Path, str]]:
    """The folders of videos that exist, with the method they hold."""
    tops = [(root / "original_sequences" / "youtube", "real")]
    tops += [(root / "manipulated_sequences" / method, method) for method in METHODS]
    found = [(top / name / "videos", method) for top, method in tops for name in COMPRESSIONS]
    return [(folder, method) for folder, method in found if folder.is_dir()]


def _read_splits(root: Path) -> dict[tuple[str, str], str]:
    """Which split each official pair belongs to."""
    pairs: dict[tuple[str, str], str] = {}
    for split in ("train", "val", "test"):
        candidates = [root / "splits", root / "dataset" / "splits"]
        path = next((folder / f"{split}.json" for folder in candidates if folder.is_dir()), None)
        if path is None or not path.is_file():
            raise DataError(
                f"{root} has no splits/{split}.json; copy the three split files of the "
                "FaceForensics++ repository (dataset/splits) there."
            )
        try:
            listed = json.loads(path.read_text(encoding="utf-8"))
            pairs |= {(str(a), str(b)): split for a, b in listed}
        except (ValueError, TypeError) as error:
            raise DataError(f"{path} is not a list of pairs of video ids: {error}.") from None
    return pairs
