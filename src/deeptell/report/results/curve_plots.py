"""The curves of a results page as drawings: ROC, precision and recall, DET.

At most `TOGETHER` models share a figure; further models, and other data, get figures of their own.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from deeptell.report.results import curves
from deeptell.report.results.figures import auc_of, batches, both_classes
from deeptell.report.results.plots import (
    IN_PERCENT,
    Axis,
    Course,
    Figure,
    Plot,
    Span,
    along,
    shares,
    spot,
)
from deeptell.report.results.records import Measured, Point

# Shares with a tick on the axes of a DET curve, and where the axes may begin: the more videos
# there are of a class, the smaller the error rates that it can show.
DEVIATES = (0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
DET_LOWS = (0.02, 0.005, 0.001)


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
        x=shares(f"false alarms{IN_PERCENT}"),
        y=shares(f"fakes found{IN_PERCENT}"),
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
        x=shares(f"fakes found{IN_PERCENT}"),
        y=shares(f"right among those called fake{IN_PERCENT}"),
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
        x=Axis(f"false alarms{IN_PERCENT}", span.axis.ticks),
        y=Axis(f"fakes missed{IN_PERCENT}", span.axis.ticks),
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
