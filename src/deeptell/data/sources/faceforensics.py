"""FaceForensics++ (Rössler et al., ICCV 2019), as its download script lays it out.

    root/
      original_sequences/youtube/{raw|c0,c23,c40}/videos/000.mp4 ... 999.mp4
      manipulated_sequences/<method>/{raw|c0,c23,c40}/videos/<target>_<source>.mp4
      manipulated_sequences/<method>/masks/videos/...                     (left out)
      splits/{train,val,test}.json        (or dataset/splits/: pairs such as ["071", "054"])

A pair (a, b) of the official split gives the reals a and b and the fakes a_b and b_a of every
method. The pair is the group: nothing of it may stand on two sides of a split.
"""

import json
from pathlib import Path

import pandas as pd

from deeptell.data.sources.files import compressed, read_text
from deeptell.data.sources.listing import Listing, Row, listing, noted, row
from deeptell.errors import DataError

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
_TOPS = {"real": "original_sequences/youtube"}
_TOPS |= {method: f"manipulated_sequences/{method}" for method in METHODS}
_HINT = "copy the three split files of the FaceForensics++ repository (dataset/splits) there"


def index(root: Path) -> pd.DataFrame:
    """Manifest of the FaceForensics++ tree at `root`; videos outside the split have split ""."""
    return list_videos(root).manifest


def list_videos(root: Path) -> Listing:
    """List the tree at `root`; a method or compression that was not fetched is not missing."""
    split_of = _read_splits(root)
    rows: list[Row] = []
    missing: list[str] = []
    for method, top in _TOPS.items():
        expected = {stem for stem in split_of if ("_" in stem) == (method != "real")}
        for compression, videos in compressed(root / top).items():
            folder = next(iter(videos.values())).relative_to(root).parent
            missing += [(folder / f"{stem}.mp4").as_posix() for stem in expected - set(videos)]
            for stem, path in videos.items():
                target, _, source = stem.partition("_")
                rows.append(
                    row(
                        path.relative_to(root).as_posix(),
                        dataset="FaceForensics++",
                        method=method,
                        file=stem,
                        group=split_of.get(target, ("", target))[1],
                        compression=compression,
                        # A fake that is not of an official pair belongs to no side.
                        split=split_of.get(stem, ("", ""))[0],
                        target=target,
                        source=source,
                    )
                )
    outside = noted(
        (str(entry["path"]) for entry in rows if not entry["split"]),
        "Videos of no official pair, which belong to no split",
    )
    return listing(rows, missing=missing, notes=[outside])


def _read_splits(root: Path) -> dict[str, tuple[str, str]]:
    """Split and group of each real and fake that the official split names."""
    found: dict[str, tuple[str, str]] = {}
    folder = "dataset/splits" if (root / "dataset" / "splits").is_dir() else "splits"
    for split in ("train", "val", "test"):
        text = read_text(root, f"{folder}/{split}.json", hint=_HINT)
        try:
            for a, b in json.loads(text):
                group = "_".join(sorted((str(a), str(b))))
                found |= dict.fromkeys((str(a), str(b), f"{a}_{b}", f"{b}_{a}"), (split, group))
        except (ValueError, TypeError) as error:
            path = root / folder / f"{split}.json"
            raise DataError(f"{path} is not a list of pairs of ids: {error}.") from None
    return found
