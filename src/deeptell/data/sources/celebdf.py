"""Celeb-DF, versions 1 and 2 (Li et al., CVPR 2020).

    root/
      Celeb-real/id<P>_<NNNN>.mp4
      YouTube-real/<NNNNN>.mp4
      Celeb-synthesis/id<A>_id<B>_<NNNN>.mp4
      List_of_testing_videos.txt

A fake shows clip <NNNN> of person A with the face of B; `Celeb-real/id<A>_<NNNN>.mp4` is its real
clip, and the group of both. In the list **1 is real**, there is no header and no last line end.
All other videos are for training; some are the real clips behind test fakes: the split leaks.
"""

import re
from functools import partial
from pathlib import Path

from deeptell.data.sources.files import read_text, videos_in
from deeptell.data.sources.listing import ODD, Listing, Row, listing, noted, row
from deeptell.errors import DataError

FAKES = "Celeb-synthesis"
LIST = "List_of_testing_videos.txt"
_PEOPLE = {"Celeb-real": 1, "YouTube-real": 0, FAKES: 2}  # named in a file of the folder
_LISTED = {"Celeb-DF v1": 100, "Celeb-DF v2": 518}  # lines of the list


def _list_videos(root: Path, *, dataset: str) -> Listing:
    """List the videos at `root`; missing are test videos that the list names."""
    tested = _read_list(root)
    rows, odd = list[Row](), list[str]()
    for folder, people in _PEOPLE.items():
        for path in videos_in(root / folder):
            name = f"{folder}/{path.name}"
            if not re.fullmatch(rf"(id[0-9]+_){{{people}}}[0-9]+", path.stem):
                odd.append(name)
                continue
            *ids, clip = path.stem.split("_")
            target, source = [*ids, "", ""][:2]
            rows.append(
                row(
                    name,
                    dataset=dataset,
                    method=FAKES if folder == FAKES else "real",
                    file=f"{folder}/{path.stem}",
                    group=f"{target or 'YouTube'}_{clip}",
                    split="test" if name in tested else "train",
                    target=target,
                    source=source,
                )
            )
    other = next((name for name, n in _LISTED.items() if n == len(tested) and name != dataset), "")
    notes = [
        other and f"The test list is as long as that of {other}, and this was read as {dataset}.",
        noted(odd, ODD),
    ]
    return listing(rows, missing=tested - {str(entry["path"]) for entry in rows}, notes=notes)


list_v1 = partial(_list_videos, dataset="Celeb-DF v1")
list_v2 = partial(_list_videos, dataset="Celeb-DF v2")


def _read_list(root: Path) -> set[str]:
    """The paths of the official test videos, each checked against its folder's label."""
    named = set()
    lines = read_text(root, LIST, hint="it ships with the videos: copy it there").splitlines()
    for number, line in enumerate(lines, start=1):
        digit, _, name = line.strip().partition(" ")
        folder = name.partition("/")[0]
        if folder not in _PEOPLE:
            rule = "must be like '1 Celeb-real/id0_0000.mp4'"
        elif digit != (right := "0" if folder == FAKES else "1"):
            rule = f"must begin with {right}, as videos of {folder} do (1 is real there)"
        else:
            named.add(name)
            continue
        raise DataError(f"{root / LIST}, line {number} {rule}, got '{line}'.")
    return named
