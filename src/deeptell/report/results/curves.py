"""The curves of a results page from labels and scores: arrays in, points out.

Points are pairs of shares in [0, 1], to be joined by straight lines. Tied scores are one step.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from deeptell.evaluation.curve import Curve
from deeptell.evaluation.metrics import check, logit
from deeptell.evaluation.risk import RiskCoverage, risk_coverage
from deeptell.records import FAKE
from deeptell.report.results.records import Point, VideoScores

Floats = NDArray[np.float64]

GRID = 500  # places to which a curve is thinned: about what a panel's pixels can show
BINS = 15  # of equal width, as in the calibration error


def thinned(points: Iterable[Point]) -> list[Point]:
    """The points of a course from left to right that can be told apart in a drawing.

    On each of `GRID` columns the first and last point stay, and the lowest and highest between
    them; what then lies amid a level stretch goes.
    """
    rounded = [(round(x * GRID) / GRID, round(y * GRID) / GRID) for x, y in points]
    kept: list[Point] = []
    for _, run in groupby(rounded, key=lambda point: point[0]):
        column = list(run)
        ends = {0, len(column) - 1}
        ends |= {pick(range(len(column)), key=lambda i: column[i][1]) for pick in (min, max)}
        kept += [column[i] for i in sorted(ends)]
    kept = [point for point, _ in groupby(kept)]
    return [
        point
        for before, point, after in zip(kept[:1] + kept, kept, kept[1:] + kept[-1:], strict=False)
        if point in (before, after) or not before[1] == point[1] == after[1]
    ]


def rates(scores: VideoScores) -> tuple[Floats, Floats]:
    """Shares of reals and of fakes called fake at each corner, from the highest score down.

    Both `(T + 1,)` for T distinct scores; NaN where a class is missing.
    """
    curve = Curve.through(*check(scores.labels, scores.fake_probability))
    with np.errstate(invalid="ignore"):
        return curve.reals_at / curve.reals_at[-1], curve.fakes_at / curve.fakes_at[-1]


def roc(scores: VideoScores) -> list[Point]:
    """False alarms, fakes found: the area below it is the AUC."""
    alarms, found = rates(scores)
    return list(zip(alarms.tolist(), found.tolist(), strict=True))


def precision_recall(scores: VideoScores) -> list[Point]:
    """Fakes found, precision, in steps: the area below it is the average precision."""
    curve = Curve.through(*check(scores.labels, scores.fake_probability))
    found = (curve.found_at / curve.found_at[-1]).tolist()
    precision = (curve.found_at / (curve.found_at + curve.alarms_at)).tolist()
    steps = zip([0.0, *found[:-1]], found, precision, strict=True)
    return [point for start, end, height in steps for point in ((start, height), (end, height))]


def deviate(share: float) -> float:
    """The normal deviate of a share that lies between 0 and 1."""
    return NormalDist().inv_cdf(share)


def errors_at(scores: VideoScores, threshold: float) -> tuple[float, float]:
    """Shares of reals called fake, and of fakes found, at a threshold."""
    y, p = check(scores.labels, scores.fake_probability)
    called = p >= threshold
    return float(called[y != FAKE].mean()), float(called[y == FAKE].mean())


def precision_at(scores: VideoScores, threshold: float) -> float | None:
    """The share of fakes among the videos called fake; None where none is."""
    y, p = check(scores.labels, scores.fake_probability)
    called = p >= threshold
    return float((y[called] == FAKE).mean()) if called.any() else None


@dataclass(frozen=True, slots=True)
class Bin:
    """The videos whose scores lie from `low` to below `high`; the last bin holds 1 as well."""

    low: float
    high: float
    videos: int
    mean: float  # of their scores
    fakes: float  # share of them that are


def reliability(scores: VideoScores) -> list[Bin]:
    """The bins that hold videos, in order."""
    y, p = check(scores.labels, scores.fake_probability)
    place = np.minimum((p * BINS).astype(int), BINS - 1)
    return [
        Bin(
            low=i / BINS,
            high=(i + 1) / BINS,
            videos=int((place == i).sum()),
            mean=float(p[place == i].mean()),
            fakes=float((y[place == i] == FAKE).mean()),
        )
        for i in np.unique(place).tolist()
    ]


def confidence(scores: VideoScores, threshold: float) -> Floats:
    """How far each score lies from the threshold, as a difference of logits: `(N,)`.

    At a threshold of one half it orders videos as |score - 0.5| does.
    """
    return np.abs(logit(scores.fake_probability) - logit(threshold))


def risk(scores: VideoScores, *, threshold: float, surest: Floats | None = None) -> RiskCoverage:
    """The error rate at the threshold among the videos kept, from the surest on.

    Args:
        threshold: scores at or above it are called fake.
        surest: `(N,)`, high for videos to be kept first; how far the score lies from the
            threshold by default.
    """
    called = np.array(scores.fake_probability) >= threshold
    sure = confidence(scores, threshold) if surest is None else surest
    return risk_coverage(scores.labels, called, sure)


def risk_at(course: RiskCoverage, coverage: float) -> float:
    """The error rate where at least this share of the videos is kept."""
    return float(course.risk[np.searchsorted(course.coverage, coverage - 1e-9)])
