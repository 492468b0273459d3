"""Pictures inside a .tar.gz are read where they lie; nothing is ever extracted.

The archive is read as a stream, its member names are only compared, and only regular files that are
pictures are looked at.
"""

import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from deeptell.errors import MediaError
from deeptell.media.picture import PICTURE_SUFFIXES

ARCHIVE = ".tar.gz"
# Pictures whose order in the archive is not that of their numbers wait here, still encoded; what
# does not fit is read in another pass over the archive.
_HELD = 32 << 20
_DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error)


@dataclass(frozen=True, slots=True)
class Contents:
    """The folders of an archive that hold pictures, in natural order, up to where it is damaged."""

    folders: tuple[str, ...]  # "." where pictures lie at the top
    damage: str  # "" where it was read to its end


def archive_contents(archive: Path) -> Contents:
    """List the folders of pictures inside a .tar.gz, reading it once to its end.

    Raises:
        MediaError: there is no such file.
    """
    folders: set[str] = set()
    damage = ""
    try:
        folders.update(str(name.parent) for name, _ in _members(archive))
    except MediaError:
        raise
    except _DAMAGE as error:
        damage = str(error) or "cut short"
    return Contents(tuple(sorted(folders, key=natural)), damage)


class Packed:
    """Pictures that lie in a folder inside an archive, which can only be read from its start."""

    kind = "tar.gz"

    def __init__(self, archive: Path, folder: PurePosixPath) -> None:
        self._archive, self._folder = archive, folder
        self.sizes: dict[str, int] = {}
        self.damage = ""
        try:
            for name, member in _members(archive):
                if name.parent == folder:
                    self.sizes[name.name] = member[0].size
        except MediaError:
            raise
        except _DAMAGE as error:
            self.damage = f"the archive is damaged: {error}"

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Name and bytes of each picture, in this order; those that cannot be read lack."""
        for run in _runs(names, self.sizes):
            found = self._fetch(set(run))
            yield from ((name, found.pop(name)) for name in run if name in found)

    def _fetch(self, wanted: set[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        try:
            for name, (member, tar) in _members(self._archive):
                if name.parent != self._folder or name.name not in wanted:
                    continue
                file = tar.extractfile(member)
                if file is not None and member.size == self.sizes[name.name]:
                    found[name.name] = file.read()
                if len(found) == len(wanted):
                    break
        except _DAMAGE:  # what came before the damage counts
            pass
        return found


def _members(
    archive: Path,
) -> Iterator[tuple[PurePosixPath, tuple[tarfile.TarInfo, tarfile.TarFile]]]:
    """The pictures of an archive in its own order, with safe relative names."""
    if not archive.is_file():
        raise MediaError(f"There is no file {archive}: check the path.")
    with tarfile.open(archive, "r|gz") as tar:
        for member in tar:
            tar.members = []  # type: ignore[attr-defined]  # it would remember every member
            name = PurePosixPath(member.name)
            if member.isreg() and is_picture(name) and _is_plain(name):
                yield name, (member, tar)


def is_picture(name: PurePosixPath) -> bool:
    """Tell by its name whether a file is a picture, and not one that its system hides."""
    return name.suffix.lower() in PICTURE_SUFFIXES and not name.name.startswith(".")


def _is_plain(name: PurePosixPath) -> bool:
    """Whether a member's name stays below the archive and can be written into a table."""
    return not name.is_absolute() and ".." not in name.parts and str(name).isprintable()


def _runs(names: Sequence[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Cut `names` into stretches that fit into memory together."""
    run: list[str] = []
    held = 0
    for name in names:
        if run and held + sizes[name] > _HELD:
            yield run
            run, held = [], 0
        run.append(name)
        held += sizes[name]
    if run:
        yield run


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Key that sorts "2.png" before "10.png"."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    # Pairs compare numbers with numbers and text with text: "" and 0 fill the other place.
    return tuple((int(part), "") if part[0] in "0123456789" else (-1, part) for part in parts)
