"""Numbered pictures, in a folder or inside a .tar.gz, are read like a video.

Data sets of faces ship pictures, not videos. A folder inside an archive is named
"archive.tar.gz#folder/in/it"; see `archive`.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
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
from deeptell.media.archive import ARCHIVE, Packed, is_picture, natural
from deeptell.records import Frame, Image, VideoInfo

FRAME_RATE = 25.0  # pictures do not tell theirs

_LARGEST_NUMBER = 2**31 - 1
_LARGEST_PICTURE = 64 << 20  # bytes in the file


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
        held: _Pictures = Packed(Path(archive + ARCHIVE), PurePosixPath(folder))
    else:
        held = _Loose(path)
    if not held.sizes:
        why = f" ({held.damage})" if held.damage else ""
        raise MediaError(f"{path} holds no picture{why}: check the path.")
    return PictureSequence(path, held)


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
        sizes = self._held.sizes
        readable = [name for name in self._numbers if sizes[name] <= _LARGEST_PICTURE]
        for name, data in self._held.read(readable):
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
            if is_picture(PurePosixPath(file.name)) and file.is_file()
        }

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            try:
                data = (self._folder / name).read_bytes()
            except OSError:  # counted as bad by the one who asked
                continue
            yield name, data


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
