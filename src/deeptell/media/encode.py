"""Pictures become H.264 files: whole or not at all, and the same bytes for the same pictures."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import ColorRange, Colorspace

from deeptell.errors import OutputError
from deeptell.files import replacing
from deeptell.records import Image

Put = Callable[[Image, Fraction | float], None]

_HD_HEIGHT = 720
_TICKS = 10_000  # per second at least: frames that come unevenly keep their time to 0.1 ms


@dataclass(frozen=True, slots=True)
class Profile:
    """How a clip is compressed: constant rate factor, RGB or YUV 4:2:0, and what limits it."""

    crf: int
    rgb: bool = False
    long_side: int | None = None  # larger pictures are shrunk to this, pixels
    max_rate: int | None = None  # of the data, bits per second, over any two seconds
    gop_seconds: float | None = None  # between key frames; None: x264's 250 frames


# The first three are those of FaceForensics++ (Roessler et al., ICCV 2019): lossless RGB, high and
# low quality. The others are like what people are sent; no platform publishes its settings.
PROFILES = {
    "raw": Profile(crf=0, rgb=True),
    "c23": Profile(crf=23),
    "c40": Profile(crf=40),
    # A feed: 1280 pixels at 2,048 kbit/s were long advised for uploads to Twitter, and streams
    # are cut every two seconds (HLS Authoring Specification for Apple Devices, 1.10).
    "social": Profile(crf=28, long_side=1280, max_rate=2_048_000, gop_seconds=2),
    # A chat, squeezed harder: 640 pixels, and two minutes must fit into the 16 MB that WhatsApp
    # takes.
    "messenger": Profile(crf=32, long_side=640, max_rate=1_000_000, gop_seconds=2),
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
    profile, rate = Profile(crf, rgb), as_fraction(frame_rate)
    try:
        with replacing(path) as part:
            return _encode(part, images, target=path, rate=rate, profile=profile)
    except av.FFmpegError as error:
        raise OutputError(
            f"The video {path} cannot be written: {error}. Choose a folder that can be."
        ) from error


def _encode(
    part: Path, images: Iterable[Image], *, target: Path, rate: Fraction, profile: Profile
) -> int:
    pending = iter(images)
    first = next(pending, None)
    if first is None:
        raise OutputError(f"The video {target} cannot be written: it has no frame.")
    height, width = first.shape[:2]
    if not profile.rgb and (height % 2 or width % 2):
        raise OutputError(
            f"The video {target} cannot be written: YUV 4:2:0 needs even sizes, got "
            f"{width}x{height}. Cut a row or a column, or write it as RGB."
        )
    size, kind = (width, height), _container(target)
    with encoder(part, container=kind, size=size, rate=rate, profile=profile) as put:
        put(first, 0)
        count = 1
        for image in pending:
            if image.shape != first.shape:
                raise OutputError(
                    f"The video {target} cannot be written: frame {count} is {image.shape[1]}x"
                    f"{image.shape[0]}, the first was {width}x{height}. Give images of one size."
                )
            put(image, count / rate)
            count += 1
    return count


@contextmanager
def encoder(
    path: Path, *, container: str, size: tuple[int, int], rate: Fraction, profile: Profile
) -> Iterator[Put]:
    """Give a function that adds one image at a time, in seconds since the first, ascending.

    Nothing is kept but the few frames that x264 looks ahead.

    Args:
        container: name of the format, whatever the path ends in.
        size: width and height of every image; even unless `profile.rgb`.
        rate: frames per second; evenly spaced frames are stored as such, others keep their times.

    Raises:
        av.FFmpegError: the file cannot be written (an `OSError` too), or x264 refuses the size.
    """
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream("libx264rgb" if profile.rgb else "libx264", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "rgb24" if profile.rgb else "yuv420p"
        stream.options = _options(profile, rate)
        stream.codec_context.thread_count = 1
        tick = Fraction(1, rate.numerator * -(-_TICKS // rate.numerator))
        stream.codec_context.time_base = tick
        # The matrix that players take for this height where none is named, and named here for
        # those that do not: OpenCV would be 28 levels off at 720 lines.
        matrix = Colorspace.ITU709 if size[1] >= _HD_HEIGHT else Colorspace.ITU601
        if not profile.rgb:
            stream.codec_context.colorspace = matrix
            stream.codec_context.color_range = ColorRange.MPEG

        def put(image: Image, seconds: Fraction | float) -> None:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if not profile.rgb:
                frame = frame.reformat(
                    format="yuv420p",
                    dst_colorspace=matrix,
                    dst_color_range=ColorRange.MPEG,
                    threads=1,
                )
            frame.pts, frame.time_base = round(seconds / tick), tick
            output.mux(stream.encode(frame))

        yield put
        output.mux(stream.encode(None))


def as_fraction(frame_rate: float) -> Fraction:
    """The frame rate that a float stands for: 29.97002997 becomes 30000/1001."""
    return Fraction(frame_rate).limit_denominator(1001)


def _options(profile: Profile, rate: Fraction) -> dict[str, str]:
    # Macroblock-tree rate control reads uninitialised memory on AVX-512 processors: the same
    # pictures gave four different files in eight tries, without it one.
    options = {"crf": str(profile.crf), "mbtree": "0"}
    if profile.max_rate is not None:
        options |= {"maxrate": str(profile.max_rate), "bufsize": str(2 * profile.max_rate)}
    if profile.gop_seconds is not None:
        options["g"] = str(max(1, round(profile.gop_seconds * rate)))
    return options


def _container(path: Path) -> str:
    known = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
    if path.suffix.lower() not in known:
        raise OutputError(
            f"The video {path} cannot be written: '{path.suffix}' is no container that deeptell "
            f"writes. Choose one of {', '.join(known)}."
        )
    return known[path.suffix.lower()]
