"""One video becomes the same video, compressed again: frame for frame, or not at all."""

from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np

from deeptell.errors import MediaError
from deeptell.files import replacing
from deeptell.media.decode import open_video
from deeptell.media.encode import Profile, as_fraction, encoder
from deeptell.records import Image

_UNKNOWN_RATE = 25.0


def transcode(source: Path, target: Path, *, profile: Profile) -> int:
    """Write `source` again as an MP4 of this profile and return how many frames it has.

    Every frame that can be decoded is written at its own time, turned upright and, from HDR,
    tone-mapped; sound is dropped. Frames are streamed, so memory does not grow with the length.
    The file appears under `target` when it was decoded again to as many frames. Equal sources
    give equal bytes.

    Raises:
        MediaError: no frame can be decoded, the size cannot be encoded, or frames were lost.
        OutputError: `target` cannot be written.
    """
    try:
        source.stat()
    except OSError as error:  # below, an `OSError` is one of `target`
        raise MediaError(f"{source} cannot be read: {error.strerror}.") from None
    with replacing(target) as temporary:
        try:
            read = _encode(source, temporary, profile)
        except av.FFmpegError as error:
            if isinstance(error, OSError):  # a full disk, say: no fault of this video
                raise
            raise MediaError(f"{source} cannot be encoded as H.264: {error.strerror}.") from None
        written = _count(temporary)
        if written != read:
            raise MediaError(
                f"{source} lost frames when it was encoded: {read} went in, {written} came out."
            )
    return read


def fitted_size(width: int, height: int, profile: Profile) -> tuple[int, int]:
    """Width and height in which a picture of this size is written.

    YUV 4:2:0 has one colour for two columns and two rows. A size that is odd loses its last column
    or row: padding would invent pixels. Shrinking goes to the nearest even size.
    """
    longest = max(width, height)
    if profile.long_side is not None and longest > profile.long_side:
        scale = profile.long_side / longest
        return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))
    return (width, height) if profile.rgb else (width - width % 2, height - height % 2)


def _encode(source: Path, target: Path, profile: Profile) -> int:
    with open_video(source) as video:
        frames = iter(video)
        first = next(frames)
        height, width = first.image.shape[:2]
        size = fitted_size(width, height, profile)
        if min(size) < 2:
            raise MediaError(f"{source} is {width}x{height}: H.264 takes pictures from 2x2.")
        rate = as_fraction(video.info.frame_rate or _UNKNOWN_RATE)
        with encoder(target, container="mp4", size=size, rate=rate, profile=profile) as put:
            for frame in chain([first], frames):
                put(_fitted(frame.image, size), frame.pts_seconds)
        return video.info.decoded_frames


def _fitted(image: Image, size: tuple[int, int]) -> Image:
    width, height = size
    rows, columns = image.shape[:2]
    if rows - height < 2 and columns - width < 2:
        return np.ascontiguousarray(image[:height, :width])
    # Averaging over areas adds no aliasing that a detector could learn.
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _count(path: Path) -> int:
    with open_video(path) as video:
        return sum(1 for _ in video.raw_frames())
