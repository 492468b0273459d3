"""Files of video and pictures become upright RGB frames, read the same way."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.errors import MediaError
from deeptell.media.picture import PICTURE_SUFFIXES, load_picture
from deeptell.media.sequence import is_sequence, open_sequence
from deeptell.media.video import Video
from deeptell.records import Frame, Image, VideoInfo

VIDEO_SUFFIXES = frozenset(
    (
        *(".3gp", ".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg"),
        *(".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
    )
)
MEDIA_SUFFIXES = VIDEO_SUFFIXES | PICTURE_SUFFIXES


class RawFrame(Protocol):
    """A decoded frame whose pixels are converted only when asked for."""

    @property
    def frame_index(self) -> int: ...
    @property
    def pts_seconds(self) -> float: ...
    def frame(self) -> Frame:
        """Return the upright RGB frame."""
        ...

    def thumbnail(self, side: int) -> Image:
        """Return it shrunk to `(side, side, 3)` uint8, averaged over areas."""
        ...


class Media(Protocol):
    """A video, numbered pictures as a video, or a picture as a video of one frame."""

    @property
    def frame_times(self) -> NDArray[np.float64]:
        """Seconds since the first frame, ascending, of every frame that the file promises."""
        ...

    @property
    def info(self) -> VideoInfo:
        """What is known of the file; complete once it was read to the end."""
        ...

    def raw_frames(self) -> Iterator[RawFrame]:
        """Decode from the start, in display order; `MediaError` where not one frame comes."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...


@contextmanager
def open_media(path: Path) -> Iterator[Media]:
    """Open a folder of pictures, a picture where the suffix says so, or else a video.

    See `open_sequence`, which also knows folders inside archives, `read_picture`, `open_video`.
    """
    if is_sequence(path):
        yield open_sequence(path)
    elif path.suffix.lower() in PICTURE_SUFFIXES:
        yield read_picture(path)
    else:
        with open_video(path) as video:
            yield video


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """Open a video for reading.

    Raises:
        MediaError: the file is missing, empty, no video, or holds no video stream.
    """
    with ExitStack() as stack:
        yield Video(path, stack)


def find_media(path: Path) -> list[Path]:
    """List the videos and pictures in a folder and below it, sorted; a file stands for itself.

    Raises:
        MediaError: nothing is there, or the folder holds no media.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise MediaError(f"There is no file or folder {path}: check the path.")
    found = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in MEDIA_SUFFIXES
        and not file.name.startswith(".")  # macOS leaves "._clip.mp4" beside "clip.mp4"
        and file.is_file()
    )
    if not found:
        raise MediaError(
            f"The folder {path} holds no video or picture: files must end in one of "
            f"{' '.join(sorted(MEDIA_SUFFIXES))}."
        )
    return found


def read_picture(path: Path) -> "Still":
    """Read a picture as a video of one frame, turned as its EXIF orientation says.

    Raises:
        MediaError: the file is missing, empty, no picture, or damaged.
    """
    image, kind, degrees = load_picture(path)
    info = VideoInfo(
        path=str(path),
        container=kind,
        codec=kind,
        width=image.shape[1],
        height=image.shape[0],
        pixel_format="rgb24",
        frame_rate=0.0,
        duration_seconds=0.0,
        declared_frames=1,
        decoded_frames=1,
        bad_packets=0,
        rotation_degrees=degrees,
        color_transfer="sdr",
        is_picture=True,
    )
    return Still(info, image)


@dataclass(frozen=True, slots=True)
class Still:
    """A picture that can be read like a video; it is its own one `RawFrame`."""

    info: VideoInfo
    image: Image = field(repr=False)
    frame_index: int = 0
    pts_seconds: float = 0.0

    @property
    def frame_times(self) -> NDArray[np.float64]:
        """The one time, 0."""
        return np.zeros(1)

    def raw_frames(self) -> Iterator["Still"]:
        """Yield the one frame."""
        yield self

    def __iter__(self) -> Iterator[Frame]:
        yield self.frame()

    def frame(self) -> Frame:
        """Return the one frame."""
        return Frame(self.image, 0, 0.0)

    def thumbnail(self, side: int) -> Image:
        """Return it shrunk to `(side, side, 3)` uint8."""
        small = cv2.resize(self.image, (side, side), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.uint8)
