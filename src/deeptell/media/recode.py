"""Frames pass through an H.264 encoder and a decoder, in memory: the same video, sent on once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import groupby
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from deeptell.errors import MediaError
from deeptell.media.decode import RawFrame
from deeptell.media.pixels import Upright
from deeptell.records import Frame, Image

_HD_HEIGHT = 720


def recoded(frames: Iterable[RawFrame], *, crf: int, rate: Fraction) -> Iterator[RawFrame]:
    """Yield every frame as it looks after compression, with the index and time it had.

    They are compressed in order, as a video is, so that what moves suffers more than what stands
    still. Only the frames that x264 looks ahead are held, as YUV. A size that is odd loses its
    last column or row; a frame of another size than the one before begins a new stream.

    Args:
        crf: constant rate factor, 0 to 51.
        rate: frames per second, which x264 weighs against what the eye misses.

    Raises:
        MediaError: a frame is smaller than 2x2, or was lost on the way.
    """
    pictures = ((raw, raw.frame().image) for raw in frames)
    for shape, run in groupby(pictures, key=lambda picture: picture[1].shape):
        height, width = shape[0] - shape[0] % 2, shape[1] - shape[1] % 2
        if not (height and width):
            raise MediaError(f"H.264 takes pictures from 2x2, got {shape[1]}x{shape[0]}.")
        yield from _Stream(width, height, crf=crf, rate=rate).passed(run)


@dataclass(frozen=True, slots=True)
class _Recoded:
    """A `RawFrame` out of the decoder; it holds YUV until it is asked for RGB."""

    frame_index: int
    pts_seconds: float
    decoded: av.VideoFrame = field(repr=False)
    upright: Upright = field(repr=False)

    def frame(self) -> Frame:
        return Frame(self.upright.image(self.decoded), self.frame_index, self.pts_seconds)

    def thumbnail(self, side: int) -> Image:
        return self.upright.thumbnail(self.decoded, side=side)


class _Stream:
    """Frames of one size on their way through encoder and decoder."""

    def __init__(self, width: int, height: int, *, crf: int, rate: Fraction) -> None:
        # As in `encode`: the matrix players take for this height, and no macroblock-tree rate
        # control, which gives other bytes each time.
        self._matrix = Colorspace.ITU709 if height >= _HD_HEIGHT else Colorspace.ITU601
        self._size, self._tick = (width, height), 1 / rate
        self._encoder = self._open_encoder({"crf": str(crf), "mbtree": "0"}, rate)
        self._decoder: Any = av.CodecContext.create("h264", "r")
        self._decoder.thread_count = 1
        self._on_the_way: dict[int, tuple[int, float]] = {}  # frame_index and time, by number
        self._upright: Upright | None = None

    def _open_encoder(self, options: dict[str, str], rate: Fraction) -> Any:
        encoder: Any = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height = self._size
        encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", self._tick, rate
        encoder.colorspace, encoder.color_range = self._matrix, ColorRange.MPEG
        encoder.options, encoder.thread_count = options, 1
        return encoder

    def passed(self, pictures: Iterable[tuple[RawFrame, Image]]) -> Iterator[_Recoded]:
        for number, (raw, image) in enumerate(pictures):
            self._on_the_way[number] = (raw.frame_index, raw.pts_seconds)
            yield from self._decoded(self._encoder.encode(self._as_yuv(image, number)))
        yield from self._decoded([*self._encoder.encode(None), None])
        if self._on_the_way:
            raise MediaError(f"{len(self._on_the_way)} frames were lost when encoded as H.264.")

    def _as_yuv(self, image: Image, number: int) -> av.VideoFrame:
        width, height = self._size
        whole = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), "rgb24")
        frame = whole.reformat(
            format="yuv420p",
            dst_colorspace=self._matrix,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.pts, frame.time_base = number, self._tick
        return frame

    def _decoded(self, packets: Iterable[Any]) -> Iterator[_Recoded]:
        """What the decoder gives for these packets; None empties it."""
        for packet in packets:
            for frame in self._decoder.decode(packet):
                if self._upright is None:
                    self._upright = Upright(frame)
                yield _Recoded(*self._on_the_way.pop(frame.pts), frame, self._upright)
