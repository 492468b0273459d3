"""Pictures become H.264 files: whole or not at all, and the same bytes for the same pictures."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from deeptell.errors import OutputError
from deeptell.files import replacing
from deeptell.records import Image


@dataclass(frozen=True, slots=True)
class Profile:
    """How strongly a clip is compressed: the constant rate factor, and RGB or YUV 4:2:0."""

    crf: int
    rgb: bool


# The three of FaceForensics++ (Roessler et al., ICCV 2019): lossless RGB, high and low quality.
PROFILES = {
    "raw": Profile(crf=0, rgb=True),
    "c23": Profile(crf=23, rgb=False),
    "c40": Profile(crf=40, rgb=False),
}


def write_video(
    path: Path,
    images: Iterable[Image],
    *,
    frame_rate: float = 25.0,
    crf: int,
    rgb: bool = False,
) -> int:
    """Write RGB `(H, W, 3)` uint8 images of one size as H.264 and return how many there were.

    The file appears under `path` when it is whole. One encoder thread and no clock in the
    header, so that equal pictures give equal bytes.

    Args:
        crf: constant rate factor, 0 (lossless where `rgb`) to 51.
        rgb: keep RGB (libx264rgb, 4:4:4) instead of YUV 4:2:0, which needs even sizes.

    Raises:
        OutputError: the folder cannot be written, there is no image, or a size is odd or changes.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with replacing(path) as part:
            return _encode(part, images, target=path, frame_rate=frame_rate, crf=crf, rgb=rgb)
    except av.FFmpegError as error:
        raise OutputError(
            f"The video {path} cannot be written: {error}. Choose a folder that can be."
        ) from error


def _encode(
    part: Path,
    images: Iterable[Image],
    *,
    target: Path,
    frame_rate: float,
    crf: int,
    rgb: bool,
) -> int:
    pending = iter(images)
    first = next(pending, None)
    if first is None:
        raise OutputError(f"The video {target} cannot be written: it has no frame.")
    height, width = first.shape[:2]
    if not rgb and (height % 2 or width % 2):
        raise OutputError(
            f"The video {target} cannot be written: YUV 4:2:0 needs even sizes, got "
            f"{width}x{height}. Cut a row or a column, or write it as RGB."
        )
    with av.open(str(part), "w", format=_container(target)) as container:
        stream = container.add_stream(
            "libx264rgb" if rgb else "libx264", rate=Fraction(frame_rate).limit_denominator(1001)
        )
        stream.width, stream.height = width, height
        stream.pix_fmt = "rgb24" if rgb else "yuv420p"
        # Macroblock-tree rate control reads uninitialised memory on AVX-512 processors: the same
        # pictures gave four different files in eight tries, without it one.
        stream.options = {"crf": str(crf), "mbtree": "0"}
        stream.codec_context.thread_count = 1
        count = 0
        for image in _and_the_rest(first, pending):
            if image.shape != first.shape:
                raise OutputError(
                    f"The video {target} cannot be written: frame {count} is {image.shape[1]}x"
                    f"{image.shape[0]}, the first was {width}x{height}. Give images of one size."
                )
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
    return count


def _and_the_rest(first: Image, rest: Iterator[Image]) -> Iterator[Image]:
    yield first
    yield from rest


def _container(path: Path) -> str:
    known = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
    if path.suffix.lower() not in known:
        raise OutputError(
            f"The video {path} cannot be written: '{path.suffix}' is no container that deeptell "
            f"writes. Choose one of {', '.join(known)}."
        )
    return known[path.suffix.lower()]
