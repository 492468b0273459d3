"""A video file, read packet by packet: a bad one is counted and passed over.

Decoding uses one thread, so that many workers can share a machine.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

from deeptell.errors import MediaError
from deeptell.media.pixels import Upright
from deeptell.media.quantiser import EXPORT, quantiser_of
from deeptell.records import Frame, Image, VideoInfo

# Containers that hold their own pictures. Playlists (HLS, concat) are left out: a file from a
# stranger could make FFmpeg open other files.
_CONTAINERS = "mov,mp4,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,asf,ogg,gif,mxf,h264,hevc,ivf"
_MAX_READ_ERRORS = 100


class Video:
    """A video file; iterate to get its `Frame`s, or `raw_frames()` to convert only some.

    Opening reads the packets once without decoding them, for the times of the frames.
    """

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path = path
        self._stack = stack  # closes what a half-finished iteration left open
        self._bad_packets = 0
        self._decoded_frames = 0
        self._quantisers: list[float] = []
        self._upright: Upright | None = None
        with ExitStack() as first_pass:
            container, stream = _open(path, first_pass)
            self._about = _about(path, container, stream)
            stamps = _stamps(container, stream)
        self._origin = stamps[0] if stamps else None
        clock = _Clock(self._about.frame_rate, self._origin)
        self._frame_times = np.array([clock.at(stamp) for stamp in stamps], np.float64)

    @property
    def frame_times(self) -> NDArray[np.float64]:
        """Seconds since the first frame of every packet the file holds, in display order."""
        return self._frame_times

    @property
    def info(self) -> VideoInfo:
        """What the file says; counts, upright size and rotation are complete after iteration."""
        about = self._about
        width, height = self._upright.size if self._upright else (about.width, about.height)
        return VideoInfo(
            path=str(self.path),
            container=about.container,
            codec=about.codec,
            width=width,
            height=height,
            pixel_format=about.pixel_format,
            frame_rate=about.frame_rate,
            duration_seconds=about.duration_seconds or self._span(),
            declared_frames=about.declared_frames or len(self._frame_times),
            decoded_frames=self._decoded_frames,
            bad_packets=self._bad_packets,
            rotation_degrees=self._upright.rotation_degrees if self._upright else 0,
            color_transfer=self._upright.transfer if self._upright else "sdr",
            quantiser=float(np.mean(self._quantisers)) if self._quantisers else None,
        )

    def __iter__(self) -> Iterator[Frame]:
        return (raw.frame() for raw in self.raw_frames())

    def raw_frames(self) -> Iterator["_VideoFrame"]:
        """Decode from the start, in display order.

        Raises:
            MediaError: not one frame could be decoded.
        """
        self._bad_packets = self._decoded_frames = 0
        self._quantisers = []
        clock = _Clock(self._about.frame_rate, self._origin)
        for stamp, decoded in self._decode():
            if self._upright is None:
                self._upright = Upright(decoded)
            if (told := quantiser_of(decoded)) is not None:
                self._quantisers.append(told)
            seconds = clock.at(stamp)
            yield _VideoFrame(self._decoded_frames, seconds, decoded, self._upright)
            self._decoded_frames += 1
        if not self._decoded_frames:
            raise MediaError(
                f"No frame of {self.path} could be decoded ({self._about.codec}, "
                f"{self._bad_packets} bad packets): the file is damaged or cut short."
            )

    def _decode(self) -> Iterator[tuple[float | None, av.VideoFrame]]:
        with self._stack.enter_context(ExitStack()) as this_pass:
            container, stream = _open(self.path, this_pass)
            for packet in _packets(container, stream):
                if packet is None:
                    self._bad_packets += 1
                else:
                    yield from self._frames_of(stream, packet)
            yield from self._frames_of(stream, None)

    def _frames_of(self, stream: Any, packet: Any) -> list[tuple[float | None, av.VideoFrame]]:
        """Decode one packet, or with None what the decoder still holds back."""
        try:
            frames = stream.decode(packet)
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            self._bad_packets += 1
            return []
        # A decoder may also patch over the damage and say so.
        self._bad_packets += sum(frame.is_corrupt for frame in frames)
        # The stream's time base: what is held back until the end comes without one.
        return [(_seconds(frame.pts, stream.time_base), frame) for frame in frames]

    def _span(self) -> float:
        rate = self._about.frame_rate
        last = float(self._frame_times[-1]) if len(self._frame_times) else 0.0
        return last + (1 / rate if rate else 0.0)


@dataclass(frozen=True, slots=True)
class _VideoFrame:
    """A `RawFrame` of a video; it holds the decoder's YUV, a quarter to half the size of RGB."""

    frame_index: int
    pts_seconds: float
    decoded: av.VideoFrame = field(repr=False)
    upright: Upright = field(repr=False)

    def frame(self) -> Frame:
        return Frame(self.upright.image(self.decoded), self.frame_index, self.pts_seconds)

    def thumbnail(self, side: int) -> Image:
        return self.upright.thumbnail(self.decoded, side=side)


@dataclass(frozen=True, slots=True)
class _About:
    container: str
    codec: str
    width: int
    height: int
    pixel_format: str
    frame_rate: float
    duration_seconds: float
    declared_frames: int


class _Clock:
    """Seconds since the first frame, strictly ascending whatever the file says.

    A frame without a time comes one frame interval after the one before; one that goes back or
    stands still comes a millisecond after it.
    """

    def __init__(self, frame_rate: float, origin: float | None) -> None:
        self._interval = 1 / frame_rate if frame_rate > 0 else 0.04
        self._origin = origin or 0.0
        self._last: float | None = None

    def at(self, seconds: float | None) -> float:
        """Return the time of the next frame, whose file says `seconds`."""
        if self._last is None:
            self._last = max(0.0, 0.0 if seconds is None else seconds - self._origin)
        elif seconds is None:
            self._last += self._interval
        else:
            self._last = max(seconds - self._origin, self._last + 0.001)
        return self._last


def _seconds(pts: int | None, time_base: Any) -> float | None:
    return None if pts is None or time_base is None else float(pts * time_base)


def _open(path: Path, stack: ExitStack) -> tuple[Any, Any]:
    """Open container and first true video stream; `stack` closes it."""
    if not path.is_file():
        raise MediaError(f"There is no file {path}: check the path.")
    if not path.stat().st_size:
        raise MediaError(f"The file {path} is empty.")
    try:
        container = stack.enter_context(
            av.open(
                str(path),
                options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"},
                metadata_errors="replace",
            )
        )
    except av.error.FFmpegError as error:
        raise MediaError(
            f"{path} cannot be read as a video ({error.strerror}): it is of another kind, or its "
            "header is damaged."
        ) from None
    for stream in container.streams.video:
        if stream.codec_context is not None and not stream.disposition & Disposition.attached_pic:
            stream.codec_context.thread_count = 1
            stream.codec_context.options = EXPORT
            return container, stream
    raise MediaError(f"{path} holds no video that can be decoded, only sound or other data.")


def _about(path: Path, container: Any, stream: Any) -> _About:
    codec = stream.codec_context
    duration = _seconds(stream.duration, stream.time_base)
    if duration is None and container.duration is not None:
        duration = container.duration / av.time_base
    return _About(
        container=container.format.name,
        codec=codec.name,
        width=codec.width,
        height=codec.height,
        pixel_format=codec.pix_fmt or "unknown",
        frame_rate=float(stream.average_rate or stream.base_rate or 0),
        duration_seconds=duration or 0.0,
        declared_frames=stream.frames,
    )


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    """Read the packets of one stream; None stands for one that could not be read."""
    for _ in range(_MAX_READ_ERRORS):
        try:
            for packet in container.demux(stream):
                if packet.size:
                    yield packet
            return
        except av.error.FFmpegError:
            yield None


def _stamps(container: Any, stream: Any) -> list[float] | list[None]:
    """Display times in seconds from the packets alone, which come in decoding order.

    All None where the file gives no time to some packet, as a bare H.264 stream does.
    """
    stamps = [
        _seconds(packet.dts if packet.pts is None else packet.pts, stream.time_base)
        for packet in _packets(container, stream)
        if packet is not None and not packet.is_discard
    ]
    known = [stamp for stamp in stamps if stamp is not None]
    return sorted(known) if len(known) == len(stamps) else [None] * len(stamps)
