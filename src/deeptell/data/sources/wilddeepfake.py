"""WildDeepfake (Zi et al., ACM Multimedia 2020): sequences of faces from the web, no videos.

    root/                              (or root/deepfake_in_the_wild/)
      real train/<n>.tar.gz            (also real_train, real test, fake train, fake test)
        <n>/real/<sequence>/<frame>.png, inside the archive
      real train/<n>/real/<sequence>/<frame>.png         (the same, unpacked)

Every folder of pictures is a video; the number in a picture's name is that of its frame. Archives
are read as they are, each once to be indexed. All sequences of an archive are a group: they may be
of one video. Training and testing are official; there is no validation and no known person.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from deeptell.data.sources.files import picture_folders
from deeptell.data.sources.listing import Listing, Row, listing, noted, row
from deeptell.media.archive import ARCHIVE, archive_contents, natural

_SIDE = re.compile(r"(real|fake)[ _](train|test)")


def list_videos(root: Path) -> Listing:
    """List the sequences of every archive, or of its folder where it is unpacked beside it."""
    rows: list[Row] = []
    damaged: list[str] = []
    inner = root / "deepfake_in_the_wild"
    base = inner if inner.is_dir() else root
    for folder in sorted(base.iterdir()):
        side = _SIDE.fullmatch(folder.name)
        if side is None or not folder.is_dir():
            continue
        for number, entry in _archives_and_folders(folder):
            for path, name in _sequences(entry, number, damaged):
                rows.append(
                    row(
                        path.relative_to(root).as_posix(),
                        dataset="WildDeepfake",
                        method=side[1],
                        file=f"{side[1]}_{side[2]}/{number}/{name}",
                        group=f"{side[1]}_{side[2]}_{number}",
                        split=side[2],
                    )
                )
    what = "Archives that are damaged, and were read up to there (fetch them again)"
    return listing(rows, notes=[noted(damaged, what)])


def _archives_and_folders(folder: Path) -> Iterator[tuple[str, Path]]:
    """The numbered entries of a folder in natural order; an unpacked one hides its archive."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda path: natural(path.name)):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found[path.name] = path
        elif path.name.endswith(ARCHIVE):
            found.setdefault(path.name.removesuffix(ARCHIVE), path)
    yield from found.items()


def _sequences(entry: Path, number: str, damaged: list[str]) -> Iterator[tuple[Path, str]]:
    """Path and name of each sequence; archives repeat their own number on top."""
    if entry.is_dir():
        yield from ((path, path.relative_to(entry).as_posix()) for path in picture_folders(entry))
        return
    contents = archive_contents(entry)
    if contents.damage:
        damaged.append(f"{entry.parent.name}/{entry.name}")
    for folder in contents.folders:
        name = PurePosixPath(folder)
        below = name.relative_to(number) if name.parts[:1] == (number,) else name
        yield entry.parent / f"{entry.name}#{folder}", below.as_posix()
