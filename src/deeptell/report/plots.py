"""Geometry of the drawings; `templates/plots.html.j2` turns it into SVG.

The drawings stretch with the page while their text keeps its size: x is in percent of the width,
y in pixels from the top.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from deeptell.answers import FrameScore
from deeptell.records import OperatingPoint
from deeptell.report.words import SPACE, minutes

HEIGHT = 150  # pixels of a timeline
GAP = 2.5  # scores further apart than this many usual steps are not joined by a line

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Lines:
    """Where the thresholds lie, as shares of the scale."""

    clear: float
    flag: float

    @classmethod
    def of(cls, points: Mapping[str, OperatingPoint]) -> "Lines | None":
        """The lines of a model's thresholds; None where it has none."""
        if not {"flag", "clear"} <= points.keys():
            return None
        return cls(min(1.0, points["clear"].threshold), min(1.0, points["flag"].threshold))


@dataclass(frozen=True, slots=True)
class Timeline:
    """A person's score over the seconds of the file."""

    height: int
    lines: Lines | None
    dots: tuple[Point, ...]
    strokes: tuple[str, ...]  # points of polylines, both axes as shares of the plot
    worst: tuple[Point, ...]  # from and to, in percent of the width, worst first
    ticks: tuple[tuple[float, str], ...]

    def y(self, probability: float) -> float:
        """Pixels from the top at which a probability lies."""
        return round((1 - probability) * self.height, 1)


def timeline(
    scores: Sequence[FrameScore],
    *,
    worst: Sequence[tuple[float, float]],
    seconds: float,
    lines: Lines | None,
) -> Timeline:
    """Lay out the scores of one person.

    Args:
        worst: stretches to mark, in seconds, worst first.
        seconds: length of the axis; stretched where a score lies beyond it.
    """
    span = max([seconds, *(score.seconds for score in scores)]) or 1.0
    percent = 100 / span
    runs = _runs(scores)
    return Timeline(
        height=HEIGHT,
        lines=lines,
        dots=tuple(
            (round(score.seconds * percent, 2), round((1 - score.fake_probability) * HEIGHT, 1))
            for score in scores
        ),
        strokes=tuple(_points(run, span) for run in runs if len(run) > 1),
        worst=tuple((round(a * percent, 2), round(b * percent, 2)) for a, b in worst),
        ticks=tuple((round(second * percent, 2), text) for second, text in _ticks(span)),
    )


def _runs(scores: Sequence[FrameScore]) -> list[list[FrameScore]]:
    ordered = sorted(scores, key=lambda score: score.seconds)
    steps = [later.seconds - earlier.seconds for earlier, later in pairwise(ordered)]
    usual = float(np.median(steps)) if steps else 0.0
    runs = [ordered[:1]]
    for score, step in zip(ordered[1:], steps, strict=True):
        if step > GAP * usual:
            runs.append([])
        runs[-1].append(score)
    return runs


def _points(run: Sequence[FrameScore], span: float) -> str:
    return " ".join(f"{s.seconds / span:.4f},{1 - s.fake_probability:.4f}" for s in run)


def _ticks(span: float) -> list[tuple[float, str]]:
    """At most six round moments, the first at 0."""
    steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400]
    step = next((step for step in steps if span / step <= 5), span / 5)
    moments = np.arange(int(span / step + 1e-9) + 1) * step
    if span < 60:
        return [(float(m), f"{m:g}{SPACE}s") for m in moments.round(1)]
    return [(float(m), minutes(float(m))) for m in moments]
