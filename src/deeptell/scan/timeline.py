"""When: the stretches of a video in which a person looks worst."""

from collections.abc import Sequence

import numpy as np

from deeptell.records import FrameScore

WINDOW_SECONDS = 1.0
MOST_WINDOWS = 3


def worst_seconds(scores: Sequence[FrameScore]) -> tuple[tuple[float, float], ...]:
    """Up to three stretches of about a second, apart from each other, the worst first.

    A stretch starts at a scored frame and is rated by the mean of the frames in it; one that is
    rated below the person's own mean is left out.
    """
    times = np.array([score.seconds for score in scores])
    values = np.array([score.fake_probability for score in scores])
    stretches = []
    for start in times:
        inside = (times >= start) & (times <= start + WINDOW_SECONDS)
        stretches.append((float(values[inside].mean()), float(start), float(times[inside].max())))
    chosen: list[tuple[float, float]] = []
    for rating, start, end in sorted(stretches, key=lambda stretch: (-stretch[0], stretch[1])):
        apart = all(start > other[1] or end < other[0] for other in chosen)
        if apart and rating >= values.mean() and len(chosen) < MOST_WINDOWS:
            chosen.append((start, end))
    return tuple(chosen)
