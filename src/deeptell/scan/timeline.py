"""When: the stretches of a video in which a person looks manipulated."""

from collections.abc import Sequence

import numpy as np

from deeptell.answers import FrameScore
from deeptell.evaluation.metrics import logit
from deeptell.evaluation.stretches import suspicious

GAP = 2.5  # people unseen for longer than this many usual steps end a stretch

Stretch = tuple[float, float]


def suspicious_seconds(
    scores: Sequence[FrameScore], *, threshold: float, seconds: float
) -> tuple[Stretch, ...]:
    """The stretches whose scores stand above a line, in order of time.

    Which scores lie in one, `evaluation.stretches` says. A stretch ends midway to the next score,
    at the first and last score half a usual step beyond it, and where the person was not seen for
    long.

    Args:
        scores: of one person, ascending in time.
        threshold: the line, as a `fake_probability`.
        seconds: length of the file; 0 for a picture, of which there are no stretches.
    """
    if not seconds:
        return ()
    times = np.array([score.seconds for score in scores])
    logits = logit([score.fake_probability for score in scores])
    state = suspicious(logits, float(logit(min(threshold, 1.0))))
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else 0.0
    reach = np.minimum(np.concatenate(([usual], steps, [usual])), usual) / 2
    turns = np.flatnonzero((np.diff(state) != 0) | (steps > GAP * usual)) + 1
    found = []
    for run in np.split(np.arange(len(times)), turns):
        if state[run[0]]:
            start, end = times[run[0]] - reach[run[0]], times[run[-1]] + reach[run[-1] + 1]
            found.append((max(0.0, float(start)), min(seconds, float(end))))
    return tuple(found)
