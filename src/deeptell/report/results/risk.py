"""Errors among the videos kept, as those go of which a model is least sure."""

from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from deeptell.evaluation.risk import RiskCoverage
from deeptell.report.comparison_figures import in_order
from deeptell.report.results import curves
from deeptell.report.results.figures import batches, labels_of, number
from deeptell.report.results.plots import IN_PERCENT, Course, Figure, Plot, along, shares, span_of
from deeptell.report.results.records import Measured, Point
from deeptell.report.results.tables import Cell, Table, cell, share
from deeptell.report.words import SPACE

STEADY = 0.1  # of the videos kept: below it, an error rate is of too few to be drawn
KEPT = (1.0, 0.9, 0.8, 0.7, 0.5)  # shares of the videos kept
FAR = 0.95  # further than this share of the validation videos


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
    span = span_of((100 * steady).tolist(), f"errors among those kept{IN_PERCENT}")

    def placed(course: RiskCoverage) -> list[Point]:
        steady = course.coverage >= STEADY
        heights = (span.share(100 * risk) for risk in course.risk[steady].tolist())
        return list(zip(course.coverage[steady].tolist(), heights, strict=True))

    return Plot(
        title=title,
        describe=f"Error rate over the share of videos kept, of "
        f"{', '.join(model.name for model in part)}; the numbers stand in the table.",
        x=shares(f"videos kept{IN_PERCENT}"),
        y=span.axis,
        courses=tuple(
            Course(i, along(curves.thinned(placed(course)))) for i, course in enumerate(courses)
        ),
    )


def risk_table(models: Sequence[Measured]) -> Table:
    """Error rates among the videos kept, by score and, where it is known, by distance."""
    labels = labels_of(models)
    rows = []
    for model in models:
        courses = {"score": _risk(model)}
        if model.scores.distance_rank:
            courses["distance"] = distance_risk(model)
        for by, course in courses.items():
            errors = (share(curves.risk_at(course, kept)) for kept in KEPT)
            area = Cell(f"{course.area:.4f}")
            rows.append((Cell(*labels[id(model)]), Cell(by), *errors, area))
    return Table(
        caption="Errors among the videos kept",
        head=("Model", "Left out by", *(f"{100 * kept:.0f}{SPACE}% kept" for kept in KEPT), "Area"),
        rows=tuple(rows),
    )


def distance_tables(models: Sequence[Measured]) -> Iterator[Table]:
    """How far these videos are from the training data, and what the distance tells of others."""
    labels = labels_of(models)
    known = [model for model in models if model.scores.distance_rank]
    if known:
        yield Table(
            caption="How far the faces are from the training data",
            head=("Model", "Videos further than half of the validation videos",
                  f"Further than {100 * FAR:.0f}{SPACE}%", "Middle rank"),
            rows=tuple(
                (
                    Cell(*labels[id(model)]),
                    _beyond(model.scores.distance_rank, 0.5),
                    _beyond(model.scores.distance_rank, FAR),
                    share(median(model.scores.distance_rank)),
                )
                for model in known
            ),
        )  # fmt: skip
    if shifts := in_order(row.data for model in models for row in model.shifts):
        yield Table(
            caption="AUC of the distance: how well it tells other videos from those like "
            "the training data",
            head=("Model", *shifts),
            rows=tuple(
                (
                    Cell(*labels[id(model)]),
                    *(cell(next((r for r in model.shifts if r.data == d), None)) for d in shifts),
                )
                for model in models
                if model.shifts
            ),
        )


def _beyond(ranks: Sequence[float], limit: float) -> Cell:
    beyond = sum(rank > limit for rank in ranks)
    return Cell(number(beyond / len(ranks), "share"), f"{beyond:,} of {len(ranks):,}")
