"""DeepFakeDetection (DFD; Google and Jigsaw, 2019), which lies in the tree of FaceForensics++.

    root/
      original_sequences/actors/{raw|c0,c23,c40}/videos/<actor>__<scene>.mp4
      manipulated_sequences/DeepFakeDetection/{raw|c0,c23,c40}/videos/
          <target>_<source>__<scene>__<8 letters>.mp4
      manipulated_sequences/DeepFakeDetection/masks/videos/...            (left out)

The reals are the actors, not the youtube clips beside them. A fake was made from the real clip
<target>__<scene>: that is the group. Actors are the persons: 28 of them, in many clips each, so
only a split by person keeps them apart. There is no official split.
"""

import re
from pathlib import Path

from deeptell.data.sources.files import compressed
from deeptell.data.sources.listing import ODD, Listing, Row, listing, noted, row

METHOD = "DeepFakeDetection"
_TOPS = {"real": "original_sequences/actors", METHOD: f"manipulated_sequences/{METHOD}"}
_REAL = re.compile(r"(?P<target>[0-9]+)__(?P<scene>.+)")
_FAKE = re.compile(r"(?P<target>[0-9]+)_(?P<source>[0-9]+)__(?P<scene>.+)__(?P<tag>[A-Za-z0-9]{8})")


def list_videos(root: Path) -> Listing:
    """List the videos of the tree at `root` that are named as published."""
    rows: list[Row] = []
    odd: list[str] = []
    for method, top in _TOPS.items():
        pattern = _REAL if method == "real" else _FAKE
        for compression, videos in compressed(root / top).items():
            for stem, path in videos.items():
                name = path.relative_to(root).as_posix()
                match = pattern.fullmatch(stem)
                if match is None:
                    odd.append(name)
                    continue
                parts = match.groupdict()
                rows.append(
                    row(
                        name,
                        dataset="DeepFakeDetection",
                        method=method,
                        file=stem,
                        group=f"{parts['target']}__{parts['scene']}",
                        compression=compression,
                        target=parts["target"],
                        source=parts.get("source", ""),
                    )
                )
    notes = [
        "DeepFakeDetection has no official split: make one by person.",
        noted(odd, ODD),
    ]
    return listing(rows, notes=notes)
