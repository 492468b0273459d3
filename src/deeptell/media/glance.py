"""A few thumbnails of a video without reading it whole: a long one costs no more than a short."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av

from deeptell.errors import MediaError
from deeptell.media.decode import open_media
from deeptell.media.picture import PICTURE_SUFFIXES
from deeptell.media.pixels import Upright
from deeptell.media.sequence import is_sequence
from deeptell.media.video import _open, _packets
from deeptell.records import Image

# x264 sets a key frame every 250 frames or sooner; a file with hardly any must not cost more.
_MOST_DECODED = 300


def glance(path: Path, *, at: Sequence[float], side: int) -> list[Image]:
    """Thumbnails of the frames at some shares of a video's length, ascending, each in [0, 1).

    Between a key frame and the time that is meant, frames which no other needs are passed over:
    a thumbnail may be a few frames late. Of what is not a video, the pictures nearest are taken.

    Returns:
        `(side, side, 3)` uint8 RGB each, upright; fewer than asked where some cannot be decoded.

    Raises:
        MediaError: the file cannot be read, or not one frame was decoded.
    """
    if path.suffix.lower() in PICTURE_SUFFIXES or is_sequence(path):
        return _of_pictures(path, at, side)
    with ExitStack() as stack:
        container, stream = _open(path, stack)
        stream.codec_context.skip_frame = "NONREF"
        frames = list(_at(container, stream, at))
        if not frames:
            raise MediaError(
                f"No frame of {path} could be decoded ({stream.codec_context.name}): the file is "
                "damaged or cut short."
            )
        upright = Upright(frames[0])
        return [upright.thumbnail(frame, side=side) for frame in frames]


def _of_pictures(path: Path, at: Sequence[float], side: int) -> list[Image]:
    with open_media(path) as media:
        count = len(media.frame_times)
        wanted = {int(share * count) for share in at}
        return [
            raw.thumbnail(side) for place, raw in enumerate(media.raw_frames()) if place in wanted
        ]


def _at(container: Any, stream: Any, at: Sequence[float]) -> Iterator[av.VideoFrame]:
    """The first decoded frame at or after each time; one is given twice if there is no other."""
    length, start = _length(container, stream), stream.start_time or 0
    frames, last = _frames(container, stream), None
    for share in at:
        wanted = start + int(length * share)
        # Without a length, as in a bare H.264 stream, nothing can be sought: reading goes on.
        if length and not _is_in_reach(stream, wanted, last):
            frames = _sought(container, stream, wanted)
        found = _first_after(wanted, frames)
        if found is None and length:  # no key frame after where a container without index put us
            frames = _sought(container, stream, min(0, start))
            found = _first_after(wanted, frames)
        if found is not None:
            last = found
            yield found


def _sought(container: Any, stream: Any, wanted: int) -> Iterator[av.VideoFrame]:
    with suppress(av.error.FFmpegError):
        container.seek(wanted, stream=stream)
    return _frames(container, stream)


def _first_after(wanted: int, frames: Iterator[av.VideoFrame]) -> av.VideoFrame | None:
    """The frame at this time or the first after it; the last one where it does not come."""
    last = None
    for last in islice(frames, _MOST_DECODED):
        if last.pts is None or last.pts >= wanted:
            break
    return last


def _length(container: Any, stream: Any) -> int:
    """Length of the video in its own time base; 0 where the file does not say it."""
    if stream.duration is not None:
        return int(stream.duration)
    seconds = Fraction(container.duration or 0, av.time_base)
    return int(seconds / stream.time_base)


def _is_in_reach(stream: Any, wanted: int, last: av.VideoFrame | None) -> bool:
    """Whether no key frame lies between what was decoded last and what is wanted."""
    if last is None or last.pts is None:
        return False
    entries = stream.index_entries
    before = entries.search_timestamp(wanted, backward=True)
    return bool(before >= 0 and entries[before].timestamp <= last.pts)


def _frames(container: Any, stream: Any) -> Iterator[av.VideoFrame]:
    for packet in _packets(container, stream):
        if packet is not None:
            with suppress(av.error.FFmpegError):
                yield from stream.decode(packet)
    with suppress(av.error.FFmpegError):
        yield from stream.decode(None)
