"""Tables of a results page beside its main ones: the numbers behind its drawings.

Operating points, reliability, risk and distance, robustness, extraction, few frames.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

from deeptell.records import Difference
from deeptell.report.comparison_figures import in_order, signed, signed_interval
from deeptell.report.comparison_plots import few_figure
from deeptell.report.results import curves as curves
from deeptell.report.results.drawings import distance_risk
from deeptell.report.results.figures import batches, labels_of, name_of, number
from deeptell.report.results.panels import FEW, corruptions_of, drop_of, severities_of
from deeptell.report.results.records import Corrupted, Extracted, Measured
from deeptell.report.results.tables import Cell, Table, cell, share
from deeptell.report.words import DASH, SPACE

KEPT = (1.0, 0.9, 0.8, 0.7, 0.5)  # shares of the videos kept
FAR = 0.95  # further than this share of the validation videos


def operating_table(models: Sequence[Measured]) -> Iterator[Table]:
    """The error rates measured at the thresholds that came with each model."""
    labels = labels_of(models)
    rows = tuple(
        (
            Cell(*labels[id(model)]),
            Cell(point.name),
            Cell(f"{point.threshold:.3g}"),
            Cell(number(point.false_positive_rate, "share"), f"of {point.real_videos:,} real"),
            Cell(number(point.true_positive_rate, "share"), f"of {point.fake_videos:,} fake"),
        )
        for model in models
        for point in model.operating_points
    )
    if rows:
        yield Table(
            caption="Operating points, with their error rates on validation videos",
            head=("Model", "Point", "Threshold", "Reals at or above it", "Fakes at or above it"),
            rows=rows,
        )


def reliability_tables(models: Sequence[Measured]) -> Iterator[Table]:
    """The bins of each reliability diagram."""
    labels = labels_of(models)
    for model in models:
        name = ": ".join(filter(None, labels[id(model)]))
        yield Table(
            caption=f"{name}: scores and shares of fakes",
            head=("Scores", "Videos", "Mean score", "Manipulated"),
            rows=tuple(
                (
                    Cell(f"{100 * one.low:.0f} to {100 * one.high:.0f}{SPACE}%"),
                    Cell(f"{one.videos:,}"),
                    share(one.mean),
                    share(one.fakes),
                )
                for one in curves.reliability(model.scores)
            ),
            folded=True,
        )


def risk_table(models: Sequence[Measured]) -> Table:
    """Error rates among the videos kept, by score and, where it is known, by distance."""
    labels = labels_of(models)
    rows = []
    for model in models:
        courses = {"score": curves.risk(model.scores, threshold=model.chosen.threshold)}
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


def robustness_tables(models: Sequence[Measured]) -> Iterator[Table]:
    """For each model, AUC by corruption and severity."""
    labels = labels_of(models)
    for model in models:
        if tested := model.robustness:
            severities = sorted({point.severity for point in tested.points})
            rows, drops = [], dict(tested.drops)
            for name in corruptions_of([tested]):
                mine = {point.severity: point for point in severities_of(tested, name)}
                cells = [_corrupted(mine.get(severity)) for severity in severities]
                cells += [cell(drops[name])] if name in drops else []
                rows.append((Cell(name.replace("_", " ")), *cells))
            yield Table(
                caption=f"{': '.join(filter(None, labels[id(model)]))}: AUC by severity; "
                f"{drop_of(tested)}",
                head=(
                    "Corruption",
                    *(str(severity) if severity else "as they are" for severity in severities),
                    *(["Mean relative drop"] if drops else []),
                ),
                rows=tuple(rows),
                folded=True,
            )


def _corrupted(point: Corrupted | None) -> Cell:
    if point is None:
        return Cell(DASH)
    made = cell(point.auc, shaded=True)
    if math.isnan(point.coverage) or point.coverage >= 1:
        return made
    return replace(made, more=f"{number(point.coverage, 'share')} scored")


def extraction_tables(models: Sequence[Measured]) -> Iterator[Table]:
    """For each model, its figures on faces extracted in other ways, and their range."""
    labels = labels_of(models)
    for model in models:
        if rows := model.extractions:
            name = ": ".join(filter(None, labels[id(model)]))
            yield Table(
                caption=f"{name}: {_range(rows)}",
                head=(
                    "Setting",
                    "Value",
                    "AUC",
                    "Difference to its own",
                    "Accuracy",
                    "Difference",
                    "Scored",
                ),
                rows=tuple(_extracted(row) for row in rows),
            )


def _range(rows: Sequence[Extracted]) -> str:
    """ "largest minus smallest AUC 0.043, accuracy 8.3 points", of figures that are defined."""
    columns = ([row.auc for row in rows], [row.accuracy for row in rows])
    known = [[row.value for row in column if not math.isnan(row.value)] for column in columns]
    auc, accuracy = (max(values) - min(values) if values else math.nan for values in known)
    return (
        f"largest minus smallest AUC {number(auc, 'auc')}, accuracy "
        f"{signed(accuracy, 'accuracy').removeprefix('+')}"
    )


def _extracted(row: Extracted) -> tuple[Cell, ...]:
    return (
        Cell(row.setting),
        Cell(row.value, "its own" if row.own else ""),
        cell(row.auc),
        _difference(row.auc_difference, own=row.own),
        cell(row.accuracy),
        _difference(row.accuracy_difference, own=row.own),
        share(row.coverage),
    )


def _difference(row: Difference | None, *, own: bool) -> Cell:
    if row is None or own:
        return Cell(DASH)
    return Cell(signed(row.value, row.metric), signed_interval(row))


def few_tables(models: Sequence[Measured]) -> Iterator[Table]:
    """AUC and accuracy by the frames seen of each video."""
    for data, part in batches([model for model in models if model.few_frames]):
        for metric in FEW:
            counts = sorted({point.frames for model in part for point in model.few_frames})
            rows = []
            for model in part:
                mine = {p.frames: few_figure(p, metric) for p in model.few_frames}
                rows.append((Cell(model.name), *(cell(mine.get(count)) for count in counts)))
            yield Table(
                caption=f"{name_of(metric)} by frames of each video{f', {data}' if data else ''}",
                head=("Model", *map(str, counts)),
                rows=tuple(rows),
            )
