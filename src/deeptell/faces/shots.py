"""Where a video is cut: tracks never pass from one shot to the next."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deeptell.media.decode import RawFrame

# A cut stands between frames k-1 and k where every one of the 3 frames before differs from every
# one of the 3 after (mean absolute difference of small pictures, 0 to 1) by MIN_DIFFERENCE and by
# MIN_RATIO times what neighbours within the two groups differ (median). A flash of up to two
# frames has its scene on both sides; in a fast pan or shake neighbours differ as much.
REACH = 3
MIN_DIFFERENCE = 0.07
MIN_RATIO = 3.0

_SIDE = 24

Thumbnail = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ShotFrame:
    """A frame, the shot it belongs to, and its place in it."""

    raw: RawFrame = field(repr=False)
    shot: int
    first: bool  # of its shot
    next_seconds: float | None  # time of the next frame; None for the last of its shot


def split_shots(frames: Iterable[RawFrame]) -> Iterator[ShotFrame]:
    """Pass frames on, a few frames late, with the shot each belongs to."""
    waiting: deque[tuple[RawFrame, Thumbnail]] = deque()
    past: deque[Thumbnail] = deque(maxlen=REACH)
    place = _Place()
    for raw in frames:
        waiting.append((raw, (raw.thumbnail(_SIDE) / np.float32(255)).astype(np.float32)))
        if len(waiting) > REACH:
            yield _pass_on(waiting, past, place)
    while waiting:
        yield _pass_on(waiting, past, place)


@dataclass(slots=True)
class _Place:
    shot: int = 0
    first: bool = True


def _pass_on(
    waiting: deque[tuple[RawFrame, Thumbnail]], past: deque[Thumbnail], place: _Place
) -> ShotFrame:
    raw, thumbnail = waiting.popleft()
    past.append(thumbnail)
    cut = is_cut(list(past), [later for _, later in waiting])
    next_seconds = waiting[0][0].pts_seconds if waiting and not cut else None
    passed = ShotFrame(raw, place.shot, place.first, next_seconds)
    place.first = cut
    place.shot += cut
    return passed


def is_cut(before: list[Thumbnail], after: list[Thumbnail]) -> bool:
    """Tell whether a cut separates `before` from `after`, up to `REACH` small pictures each."""
    if not before or not after or _difference(before[-1], after[0]) < MIN_DIFFERENCE:
        return False
    across = min(_difference(a, b) for a in before for b in after)
    neighbours = [_difference(a, b) for a, b in [*pairwise(before), *pairwise(after)]]
    within = float(np.median(neighbours)) if neighbours else 0.0
    return across >= max(MIN_DIFFERENCE, MIN_RATIO * within)


def _difference(a: Thumbnail, b: Thumbnail) -> float:
    return float(np.abs(a - b).mean())
