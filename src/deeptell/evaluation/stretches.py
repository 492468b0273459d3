"""Stretches of a video whose scores stand above a line: the rule, and the highest such line.

A mean over a whole video hides seconds that were manipulated. Of all ways to share the scores of
a person into calm and suspicious stretches, the best is the one in which they stand farthest on
their sides of the line, with a price on every change between the two (Viterbi's algorithm on two
states). The higher the line, the less is suspicious, so that every video has a highest line at
which something in it is: the statistic by which false alarms of stretches can be measured.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from deeptell.evaluation.metrics import logit, sigmoid
from deeptell.evaluation.scores import ScoreTable
from deeptell.evaluation.tallies import Floats

# How much one face may say for or against, and what a change costs, in calibrated logits: so that
# a stretch inside a video needs the full weight of five faces, one at its beginning or end that
# of three, and no single face, however sure, makes or breaks one. The price rises where there are
# more faces than a scan of a short video keeps: there are more places at which chance may agree.
MOST_SAID, TURN, USUAL_FACES = 2.0, 4.0, 32
_STEPS = 40  # of the search for the highest line


def suspicious(logits: ArrayLike, line: float) -> list[bool]:
    """Which scores of a person, in order of time, lie in a suspicious stretch.

    Args:
        logits: `(N,)`, calibrated.
        line: a calibrated logit.
    """
    said = np.clip(np.asarray(logits, np.float64) - line, -MOST_SAID, MOST_SAID)
    turn = turn_of(len(said))
    calm = raised = 0.0  # the best sums that end in either state
    before: list[tuple[bool, bool]] = []  # the state before each score, by the state in it
    for value in said.tolist():
        before.append((raised - turn > calm, raised >= calm - turn))
        calm, raised = max(calm, raised - turn), value + max(raised, calm - turn)
    state = raised > calm
    states: list[bool] = []
    for was_raised in reversed(before):
        states.append(state)
        state = was_raised[state]
    return states[::-1]


def turn_of(faces: int) -> float:
    """The price of a change among so many faces: it rises by the logarithm of their number."""
    return TURN + math.log(max(1.0, faces / USUAL_FACES))


def highest_line(logits: ArrayLike) -> float:
    """The highest line, a calibrated logit, at which some of these scores are suspicious."""
    z = np.asarray(logits, np.float64)
    low, high = float(z.min()) - 1.0, float(z.max())
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if any(suspicious(z, middle)) else (low, middle)
    return low


def standing(frames: ScoreTable) -> Floats:
    """`(V,)` of each video, in the order of `frames.pooled()`: where it stands as a scan judges.

    That is the highest line, a probability, at or above which it is called likely manipulated: of
    any of its tracks, the whole or a stretch stands above it.

    Args:
        frames: with their calibration; the rows of a track ascend in time.
    """
    z = logit(frames.fake_probability)
    found: dict[str, float] = {}
    for rows in frames.runs():
        of = str(frames.videos[rows[0]])
        found[of] = max(found.get(of, -np.inf), highest_line(z[rows]))
    pooled = frames.pooled()
    lines = sigmoid([found[str(video)] for video in pooled.videos])
    return np.asarray(np.maximum(pooled.fake_probability, lines))
