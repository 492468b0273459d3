"""The curves of a results page as drawings: ROC, precision and recall, DET, reliability, risk.

At most `TOGETHER` models share a figure; further models, and other data, get figures of their own.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from deeptell.evaluation.risk import RiskCoverage
from deeptell.report.results import curves as curves
from deeptell.report.results.figures import auc_of, batches, number
from deeptell.report.results.plots import (
    Axis,
    Course,
    Figure,
    Plot,
    Span,
    along,
    shares,
    span_of,
    spot,
)
from deeptell.report.results.records import Measured, Point
from deeptell.report.words import SPACE, counted

PERCENT = f",{SPACE}%"
# Shares with a tick on the axes of a DET curve, and where the axes may begin: the more videos
# there are of a class, the smaller the error rates that it can show.
DEVIATES = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
DET_LOWS = (0.02, 0.005, 0.001)
TALLEST = 0.3  # of the height, for the bars of a reliability diagram
STEADY = 0.1  # of the videos kept: below it, an error rate is of too few to be drawn


def both_classes(models: Sequence[Measured]) -> list[Measured]:
    """Those whose scored videos are of both classes: the others have no curve."""
    return [model for model in models if len(set(model.scores.labels)) == 2]


def curve_figures(models: Sequence[Measured]) -> Iterator[Figure]:
    """ROC, precision and recall, and DET side by side."""
    for data, part in batches(both_classes(models)):
        yield Figure(
            name=data,
            keys=tuple((model.name, auc_of(model)) for model in part),
            plots=(_roc(part), _precision_recall(part), _det(part)),
            caption="Of videos. A marker stands where a model’s threshold, chosen beforehand, puts "
            "it. The DET curve has the normal deviates of both error rates as axes: the lower, "
            "the better; an error rate of zero is drawn at the edge. Thin broken lines: guessing.",
        )


def _names(part: Sequence[Measured]) -> str:
    return "; ".join(", ".join(filter(None, (model.name, auc_of(model)))) for model in part)


def _roc(part: Sequence[Measured]) -> Plot:
    return Plot(
        title="ROC",
        describe=f"ROC curves: fakes found over false alarms. {_names(part)}.",
        x=shares(f"false alarms{PERCENT}"),
        y=shares(f"fakes found{PERCENT}"),
        courses=tuple(
            Course(
                place=i,
                path=along(curves.thinned(curves.roc(model.scores))),
                spots=(spot(*curves.errors_at(model.scores, model.chosen.threshold)),),
            )
            for i, model in enumerate(part)
        ),
        guide=along([(0, 0), (1, 1)]),
        square=True,
    )


def _precision_recall(part: Sequence[Measured]) -> Plot:
    fakes = float(np.mean(part[0].scores.labels))
    return Plot(
        title="Precision and recall",
        describe=f"Share of fakes among the videos called fake, over fakes found. {_names(part)}.",
        x=shares(f"fakes found{PERCENT}"),
        y=shares(f"right among those called fake{PERCENT}"),
        courses=tuple(
            Course(
                place=i,
                path=along(curves.thinned(curves.precision_recall(model.scores))),
                spots=tuple(spot(*point) for point in _precision_there(model)),
            )
            for i, model in enumerate(part)
        ),
        guide=along([(0, fakes), (1, fakes)]),
        square=True,
    )


def _precision_there(model: Measured) -> list[Point]:
    """Recall and precision at the threshold; nothing where no video is called fake."""
    precision = curves.precision_at(model.scores, model.chosen.threshold)
    found = curves.errors_at(model.scores, model.chosen.threshold)[1]
    return [] if precision is None else [(found, precision)]


def _det(part: Sequence[Measured]) -> Plot:
    most = max(max(np.bincount(model.scores.labels)) for model in part)
    low = next((low for low in DET_LOWS if low <= 1 / most), DET_LOWS[-1])
    span = _deviates(low)
    return Plot(
        title="DET",
        describe=f"Fakes missed over false alarms, both as normal deviates. {_names(part)}.",
        x=Axis(f"false alarms{PERCENT}", span.axis.ticks),
        y=Axis(f"fakes missed{PERCENT}", span.axis.ticks),
        courses=tuple(_det_course(i, model, span) for i, model in enumerate(part)),
        square=True,
    )


def _deviates(low: float) -> Span:
    start, end = curves.deviate(low), curves.deviate(DEVIATES[-1])
    ticks = tuple(
        ((curves.deviate(share) - start) / (end - start), f"{100 * share:g}")
        for share in DEVIATES
        if share >= low
    )
    return Span(start, end, Axis("", ticks))


def _det_course(place: int, model: Measured, span: Span) -> Course:
    def placed(alarms: float, found: float) -> Point:
        return _there(alarms, span), _there(1 - found, span)

    points = [placed(*corner) for corner in curves.roc(model.scores)]
    there = placed(*curves.errors_at(model.scores, model.chosen.threshold))
    return Course(place, along(curves.thinned(points)), (spot(*there),))


def _there(share: float, span: Span) -> float:
    """The place of an error rate on a deviate axis; what lies beyond an end lies on it."""
    edge = 1e-9  # the deviates of 0 and 1 are infinite
    return min(1.0, max(0.0, span.share(curves.deviate(min(1 - edge, max(edge, share))))))


def reliability_figures(models: Sequence[Measured]) -> Iterator[Figure]:
    """For each model, how often videos of about the same score were manipulated."""
    for data, part in batches(models):
        yield Figure(
            name=data,
            keys=(),
            plots=tuple(_reliability(model) for model in part),
            caption="Of the videos with about the same score, how many are manipulated; on the "
            "broken line, a score is the share of fakes that it claims to be. Bars: how many "
            "videos have such a score. The share of fakes is that of these videos, not of the "
            "world.",
        )


def _reliability(model: Measured) -> Plot:
    bins = curves.reliability(model.scores)
    tallest = max(one.videos for one in bins)
    points = [(one.mean, one.fakes) for one in bins]
    error = model.figure("calibration_error")
    said = f"Calibration error {number(error.value, error.metric)}; " if error else ""
    return Plot(
        title=model.name,
        describe=f"Reliability of {model.name}: share of fakes over the mean score of "
        f"{len(bins)} bins; the numbers stand in the table.",
        x=shares(f"mean score{PERCENT}"),
        y=shares(f"manipulated{PERCENT}"),
        courses=(Course(0, "", tuple(spot(*point) for point in points)),),
        guide=along([(0, 0), (1, 1)]),
        columns=tuple(
            (one.low, one.high - one.low, TALLEST * one.videos / tallest) for one in bins
        ),
        square=True,
        remark=f"{said}the tallest bar is {counted(tallest, 'video')}",
    )


def risk_figures(models: Sequence[Measured]) -> Iterator[Figure]:
    """Error rate among the videos kept, as the least sure are left out."""
    for data, part in batches(models):
        plots = [_risk_plot("Left out by score", part, [_risk(model) for model in part])]
        if all(model.scores.distance_rank for model in part):
            far = [distance_risk(model) for model in part]
            plots.append(_risk_plot("Left out by distance", part, far))
        yield Figure(
            name=data,
            keys=tuple((model.name, "") for model in part),
            plots=tuple(plots),
            caption="From right to left, videos are left out: by score, those nearest to the "
            "threshold first; by distance, those whose faces are farthest from the training data. "
            "A model that knows what it does not know makes fewer errors among those it keeps.",
        )


def _risk(model: Measured) -> RiskCoverage:
    return curves.risk(model.scores, threshold=model.chosen.threshold)


def distance_risk(model: Measured) -> RiskCoverage:
    """The errors of a model among the videos kept, where the farthest are left out first."""
    near = -np.array(model.scores.distance_rank)
    return curves.risk(model.scores, threshold=model.chosen.threshold, surest=near)


def _risk_plot(title: str, part: Sequence[Measured], courses: Sequence[RiskCoverage]) -> Plot:
    steady = np.concatenate([one.risk[one.coverage >= STEADY] for one in courses])
    span = span_of((100 * steady).tolist(), f"errors among those kept{PERCENT}")

    def placed(course: RiskCoverage) -> list[Point]:
        steady = course.coverage >= STEADY
        heights = (span.share(100 * risk) for risk in course.risk[steady].tolist())
        return list(zip(course.coverage[steady].tolist(), heights, strict=True))

    return Plot(
        title=title,
        describe=f"Error rate over the share of videos kept, of "
        f"{', '.join(model.name for model in part)}; the numbers stand in the table.",
        x=shares(f"videos kept{PERCENT}"),
        y=span.axis,
        courses=tuple(
            Course(i, along(curves.thinned(placed(course)))) for i, course in enumerate(courses)
        ),
    )
