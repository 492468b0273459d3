"""Any folder with `real/` and `fake/` in it, of videos, pictures, or folders of pictures.

    root/
      real/.../<name>.mp4, or <name>/<frame>.png, as tools that cut faces write them
      fake/.../<name>.mp4
      groups.csv           file,source_group,swap_model      (if there is one)

A folder of pictures is one video; pictures in real/ or fake/ itself stand each for itself.
`groups.csv` gives the group of every file of that name and, for fakes, the person put in. Where it
says nothing, the group is the name without its suffix: real/x.mp4 and fake/x.mp4 stay together.
"""

from collections.abc import Iterator
from pathlib import Path

from deeptell.data.sources.files import is_picture, is_video, picture_folders, read_table
from deeptell.data.sources.listing import Listing, Row, doubled, listing, noted, row
from deeptell.errors import DataError

GROUPS = "groups.csv"
_COLUMNS = ["file", "source_group", "swap_model"]


def list_videos(root: Path) -> Listing:
    """List what lies below real/ and fake/; missing are files that groups.csv names."""
    groups = _read_groups(root) if (root / GROUPS).is_file() else {}
    rows: list[Row] = []
    names: set[str] = set()
    notes: list[str] = []
    for method in ("real", "fake"):
        found = list(_videos(root / method))
        notes.append(doubled(found, where=f"{method}/"))
        for path in found:
            name = path.relative_to(root / method).as_posix()
            stem = path.stem if path.is_file() else path.name
            group, person = groups.get(path.name, (stem, ""))
            names.add(path.name)
            rows.append(
                row(
                    f"{method}/{name}",
                    dataset=root.resolve().name,
                    method=method,
                    file=name,
                    group=group,
                    source=person if method == "fake" else "",
                )
            )
    if groups:
        notes.append(noted(names - set(groups), f"Names that {GROUPS} says nothing of"))
    return listing(rows, missing=set(groups) - names, notes=notes)


def _videos(top: Path) -> Iterator[Path]:
    """Video files, folders of pictures, and the pictures of the top folder itself, sorted."""
    files = [path for path in top.rglob("*") if is_video(path)]
    stills = [path for path in top.glob("*") if is_picture(path)]
    yield from sorted([*files, *stills, *picture_folders(top)])


def _read_groups(root: Path) -> dict[str, tuple[str, str]]:
    """Group and person put in of each file name."""
    table = read_table(root, GROUPS, columns=_COLUMNS)[_COLUMNS].drop_duplicates()
    twice = table.loc[table["file"].duplicated(), "file"]
    if len(twice):
        raise DataError(f"{root / GROUPS} gives '{twice.iloc[0]}' two groups: keep one.")
    return {file: (group, person) for file, group, person in table.itertuples(index=False)}
