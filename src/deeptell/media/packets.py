"""What the packets of a video tell without being decoded: their times, key frames and sizes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deeptell.answers import Fact
from deeptell.media.video import _packets

_UNEVEN = 0.1  # share of the usual interval by which evenly spaced frames may be off
_GAP = 1.6  # usual intervals from which on a frame is missing
_JUMP = 4.0  # times as much data per frame as in the second before, or as little
_START = 8192  # bytes of the first packet that are kept
_MOST_NAMED = 3  # moments that are named one by one


@dataclass(frozen=True, slots=True)
class Packets:
    """One entry for each packet of the video, in the order of the file."""

    seconds: NDArray[np.float64]  # (N,) when it is shown; NaN where the file does not say
    sizes: NDArray[np.int64]  # (N,) bytes
    keys: NDArray[np.bool_]  # (N,) whether it can be decoded by itself
    start: bytes  # of the first one

    @classmethod
    def read(cls, container: Any, stream: Any) -> "Packets":
        """Read all of them; those that cannot be read are left out."""
        rows, start = [], b""
        for packet in _packets(container, stream):
            if packet is not None and not packet.is_discard:
                start = start or bytes(packet)[:_START]
                second = np.nan if packet.pts is None else float(packet.pts * stream.time_base)
                rows.append((second, packet.size, packet.is_keyframe))
        seconds, sizes, keys = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(np.array(seconds, float), np.array(sizes, int), np.array(keys, bool), start)


def packet_facts(packets: Packets, *, declared_frames: int) -> Iterator[Fact]:
    """What stands out in the packets, and what is as usual.

    Args:
        declared_frames: as the container says; 0 where it does not.
    """
    if len(packets.sizes) < 2:
        return
    yield _times(packets.seconds)
    count = len(packets.sizes)
    if declared_frames and declared_frames != count:
        yield Fact(
            "frame_count",
            f"The container declares {declared_frames} frames and holds {count}.",
            "A file that was cut short, or cut without being encoded again, counts so; so do some "
            "programs that write it in haste.",
        )
    yield _key_frames(packets)
    if not np.isnan(packets.seconds).any():
        yield from _data_rate(packets)


def _times(seconds: NDArray[np.float64]) -> Fact:
    means = (
        "Cameras and editing programs keep an even beat; phones in poor light, screen recorders "
        "and video calls do not. A gap or a doubled frame can come from a cut, from lost frames, "
        "or from a change of frame rate, and does not tell which."
    )
    unknown = int(np.isnan(seconds).sum())
    if unknown:
        return Fact("frame_times", f"{unknown} of {len(seconds)} frames have no time.", means)
    steps = np.diff(np.sort(seconds))
    usual = float(np.median(steps))
    doubled = int((steps <= 0).sum())
    gaps = np.flatnonzero(steps > _GAP * usual)
    told = []
    if doubled:
        told.append(f"{doubled} frames have the same time as another.")
    if len(gaps):
        where = _moments(np.sort(seconds)[gaps] - seconds.min())
        told.append(
            f"{len(gaps)} gaps between frames, the longest of {steps.max():.2f} s, after {where}."
            if len(gaps) > 1
            else f"One gap of {steps.max():.2f} s between frames, after {where}."
        )
    off = np.abs(steps - usual) > _UNEVEN * usual
    varying = int(off.sum()) - doubled - len(gaps)
    if varying > 0.05 * len(steps):
        low, high = np.percentile(steps, [5, 95])
        told.append(f"Frames come unevenly, mostly {1000 * low:.0f} to {1000 * high:.0f} ms apart.")
    even = f"Frames come evenly, {1000 * usual:.4g} ms apart."
    return Fact("frame_times", " ".join(told) or even, means)


def _key_frames(packets: Packets) -> Fact:
    order = np.argsort(packets.seconds, kind="stable")
    at = np.flatnonzero(packets.keys[order])
    means = (
        "Cameras, streams and many sites set key frames at a fixed distance; programs on computers "
        "mostly let the pictures decide. An odd distance in a regular row can be the mark of a "
        "cut made without encoding again."
    )
    apart = np.diff(at)
    if len(at) == len(packets.keys):
        says = "Every frame is a key frame, as in material for editing."
    elif len(at) < 2:
        says = f"{len(at) or 'No'} key frame in {len(packets.keys)} frames."
    elif len(at) == 2:
        says = f"2 key frames in {len(packets.keys)} frames, {apart[0]} frames apart."
    elif (apart == apart[0]).all():
        says = f"Key frames come every {apart[0]} frames."
    else:
        usual = int(np.median(apart))
        odd = np.flatnonzero(apart != usual)
        says = f"Key frames come {apart.min()} to {apart.max()} frames apart."
        # "Regular but for a few" needs a row to stand out from.
        if len(apart) >= 4 * len(odd):
            where = packets.seconds[order][at[odd + 1]]
            named = "" if np.isnan(where).any() else f", before {_moments(where)}"
            says = f"Key frames come every {usual} frames, but for {len(odd)}{named}."
    return Fact("key_frames", says, means)


def _data_rate(packets: Packets) -> Iterator[Fact]:
    """Bits per second, and where the data of a frame jumps; key frames are left out of that."""
    seconds = packets.seconds - packets.seconds.min()
    length = float(seconds.max()) * len(seconds) / (len(seconds) - 1)
    if length <= 0:
        return
    says = f"{8 * packets.sizes.sum() / length / 1000:,.0f} kbit/s."
    others = ~packets.keys
    of_second = seconds[others].astype(int)
    counts = np.bincount(of_second)
    means_of = np.bincount(of_second, packets.sizes[others]) / np.maximum(counts, 1)
    enough = counts >= max(3, np.median(counts) / 2) if len(counts) else counts > 0
    both = enough[1:] & enough[:-1]
    ratio = np.maximum(means_of[1:], 1) / np.maximum(means_of[:-1], 1)
    jumps = np.flatnonzero(both & ((ratio >= _JUMP) | (ratio <= 1 / _JUMP))) + 1
    if len(jumps):
        times = "once" if len(jumps) == 1 else f"{len(jumps)} times"
        says += (
            f" The data of a frame changes by {_JUMP:.0f} times or more from one second to the "
            f"next {times}, at {_moments(jumps.astype(float))}."
        )
    yield Fact(
        "data_rate",
        says,
        "A low rate wipes out traces that a detector looks for. Sudden changes come with cuts and "
        "movement; parts that were encoded apart and joined show them too.",
    )


def _moments(seconds: NDArray[np.float64]) -> str:
    """ "3.2 s, 4.0 s and 5 more"."""
    named = [f"{second:.1f} s" for second in seconds[:_MOST_NAMED]]
    more = len(seconds) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
