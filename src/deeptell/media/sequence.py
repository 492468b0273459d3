"""Numbered pictures, in a folder or inside a .tar.gz, are read like a video.

Data sets of faces ship pictures, not videos. A folder inside an archive is named
"archive.tar.gz#folder/in/it". Nothing is ever extracted: the archive is read as a stream, its
member names are only compared, and only regular files that are pictures are looked at.
"""

import re
import tarfile
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Protocol

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import ImageOps

from deeptell.errors import MediaError
from deeptell.media.picture import PICTURE_SUFFIXES
from deeptell.records import Frame, Image, VideoInfo

ARCHIVE = ".tar.gz"
FRAME_RATE = 25.0  # pictures do not tell theirs

_LARGEST_NUMBER = 2**31 - 1
_LARGEST_PICTURE = 64 << 20  # bytes in the file
# Pictures whose order in the archive is not that of their numbers wait here, still encoded; what
# does not fit is read in another pass over the archive.
_HELD = 32 << 20
_DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error)


def is_sequence(path: Path) -> bool:
    """Tell whether a path names a folder, or a folder inside an archive."""
    return f"{ARCHIVE}#" in str(path) or path.is_dir()


def open_sequence(path: Path) -> "PictureSequence":
    """Open a folder of pictures, or one inside an archive, for reading.

    The number of a picture is the last number in its name; where these are not all there and
    different, pictures are counted in natural order.

    Raises:
        MediaError: it is missing, the archive is damaged before its first picture, or it holds
            no picture.
    """
    if f"{ARCHIVE}#" in str(path):
        archive, _, folder = str(path).partition(f"{ARCHIVE}#")
        held: _Pictures = _Packed(Path(archive + ARCHIVE), PurePosixPath(folder))
    else:
        held = _Loose(path)
    if not held.sizes:
        why = f" ({held.damage})" if held.damage else ""
        raise MediaError(f"{path} holds no picture{why}: check the path.")
    return PictureSequence(path, held)


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


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Key that sorts "2.png" before "10.png"."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    # Pairs compare numbers with numbers and text with text: "" and 0 fill the other place.
    return tuple((int(part), "") if part[0] in "0123456789" else (-1, part) for part in parts)


class _Pictures(Protocol):
    """Where the pictures lie."""

    kind: str
    sizes: dict[str, int]  # bytes of each picture, by its name within the folder
    damage: str

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Give the pictures' bytes in the order of `names`; those that cannot be read lack."""
        ...


class PictureSequence:
    """Pictures as a video of 25 frames per second, one of them in memory at a time.

    A gap in the numbers is a gap in time. Pictures that cannot be read are counted as bad packets
    and passed over.
    """

    def __init__(self, path: Path, held: _Pictures) -> None:
        self.path = path
        self._held = held
        self._numbers = _numbers(list(held.sizes))
        self._size = (0, 0)
        self._tried = self._decoded = 0
        first = next(iter(self._numbers.values()))
        self._seconds = {
            name: (number - first) / FRAME_RATE for name, number in self._numbers.items()
        }

    @property
    def frame_times(self) -> NDArray[np.float64]:
        """Seconds since the first picture, ascending, of every picture that is listed."""
        return np.array(list(self._seconds.values()), np.float64)

    @property
    def info(self) -> VideoInfo:
        """What is known; size and counts are complete after iteration."""
        codec = Path(next(iter(self._numbers))).suffix.lower().lstrip(".")
        return VideoInfo(
            path=str(self.path),
            container=self._held.kind,
            codec="jpeg" if codec == "jpg" else codec,
            width=self._size[0],
            height=self._size[1],
            pixel_format="rgb24",
            frame_rate=FRAME_RATE,
            duration_seconds=float(self.frame_times[-1]) + 1 / FRAME_RATE,
            declared_frames=len(self._numbers),
            decoded_frames=self._decoded,
            bad_packets=self._tried - self._decoded,
            rotation_degrees=0,
            color_transfer="sdr",
        )

    def raw_frames(self) -> Iterator["_SequenceFrame"]:
        """Read from the start, in the order of the numbers.

        Raises:
            MediaError: not one picture could be read.
        """
        self._tried = self._decoded = 0
        for name, data in self._held.read(list(self._numbers)):
            self._tried += 1
            image = _decoded(data)
            if image is None:
                continue
            self._decoded += 1
            self._size = (image.shape[1], image.shape[0])
            yield _SequenceFrame(self._numbers[name], self._seconds[name], image)
        self._tried = len(self._numbers)
        if not self._decoded:
            raise MediaError(f"Not one picture of {self.path} could be read: they are damaged.")

    def __iter__(self) -> Iterator[Frame]:
        return (raw.frame() for raw in self.raw_frames())


@dataclass(frozen=True, slots=True)
class _SequenceFrame:
    """A `RawFrame` of a sequence; its index is the picture's number."""

    frame_index: int
    pts_seconds: float
    image: Image = field(repr=False)

    def frame(self) -> Frame:
        return Frame(self.image, self.frame_index, self.pts_seconds)

    def thumbnail(self, side: int) -> Image:
        small = cv2.resize(self.image, (side, side), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.uint8)


class _Loose:
    """Pictures that lie in a folder."""

    kind = "folder"
    damage = ""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise MediaError(f"There is no folder {folder}: check the path.")
        self._folder = folder
        self.sizes = {
            file.name: file.stat().st_size
            for file in folder.iterdir()
            if _is_picture(PurePosixPath(file.name)) and file.is_file()
        }

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            if self.sizes[name] > _LARGEST_PICTURE:
                continue
            try:
                data = (self._folder / name).read_bytes()
            except OSError:  # counted as bad by the one who asked
                continue
            yield name, data


class _Packed:
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
        readable = [name for name in names if self.sizes[name] <= _LARGEST_PICTURE]
        for run in _runs(readable, self.sizes):
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
            if member.isreg() and _is_picture(name) and _is_plain(name):
                yield name, (member, tar)


def _is_picture(name: PurePosixPath) -> bool:
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


def _numbers(names: list[str]) -> dict[str, int]:
    """The number of each picture, ascending."""
    found = {name: re.findall(r"[0-9]+", Path(name).stem) for name in names}
    numbers = {name: int(digits[-1]) for name, digits in found.items() if digits}
    distinct = len(set(numbers.values())) == len(names)
    if distinct and max(numbers.values()) <= _LARGEST_NUMBER:
        return dict(sorted(numbers.items(), key=lambda item: item[1]))
    return {name: place for place, name in enumerate(sorted(names, key=natural))}


def _decoded(data: bytes) -> Image | None:
    """The upright `(H, W, 3)` uint8 RGB image, or None where it cannot be read or is too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # A small file that would fill the memory.
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(BytesIO(data)) as picture:
                upright = ImageOps.exif_transpose(picture).convert("RGB")
                return np.array(upright, dtype=np.uint8)
    except (
        *(OSError, SyntaxError, ValueError),
        *(PIL.Image.DecompressionBombWarning, PIL.Image.DecompressionBombError),
    ):
        return None
