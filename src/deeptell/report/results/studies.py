"""What becomes of a model's figures when its videos change: drawn, and in numbers.

Videos are corrupted, their faces are found and cut otherwise, or few of their frames are seen.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from deeptell.figures import Difference
from deeptell.report.comparison_figures import has_interval, in_order, signed, signed_interval
from deeptell.report.comparison_plots import few_figure, frames_percent
from deeptell.report.results.figures import batches, name_of, number, titles_of
from deeptell.report.results.plots import (
    Axis,
    Figure,
    Plot,
    Span,
    along,
    auc_span,
    inset,
    measured_course,
)
from deeptell.report.results.records import Corrupted, Extracted, Measured, Robustness
from deeptell.report.results.tables import Cell, Table, cell, share
from deeptell.report.words import DASH

FEW = ("auc", "accuracy")


def robustness_figures(models: Sequence[Measured]) -> Iterator[Figure]:
    """One panel for each corruption: AUC over severity."""
    for data, part in batches([model for model in models if model.robustness]):
        tested = [r for model in part if (r := model.robustness)]
        span = auc_span(point.auc for one in tested for point in one.points)
        yield Figure(
            name=data,
            keys=tuple((m.name, _drop(r)) for m, r in zip(part, tested, strict=True)),
            plots=tuple(
                _corruption(name, tested, span, [m.name for m in part])
                for name in _corruptions(tested)
            ),
            caption="AUC of videos over severity; 0: the videos as they are. Upright bars: 95 % "
            "intervals over source groups. Broken line: guessing. All panels share one axis.",
        )


def _corruption(
    corruption: str, tested: Sequence[Robustness], span: Span, names: Sequence[str]
) -> Plot:
    most = max(point.severity for one in tested for point in one.points)
    rows = [
        [(inset(point.severity / most), point.auc) for point in _severities(one, corruption)]
        for one in tested
    ]
    return Plot(
        title=corruption.replace("_", " "),
        describe=f"AUC over the severity of {corruption.replace('_', ' ')}, of "
        f"{', '.join(names)}; the figures stand in the table.",
        x=Axis("severity", tuple((inset(i / most), str(i)) for i in range(most + 1))),
        y=span.axis,
        courses=tuple(
            measured_course(row, span, place=i, of=len(rows)) for i, row in enumerate(rows)
        ),
        guide=along([(0, span.share(0.5)), (1, span.share(0.5))]),
    )


def robustness_tables(models: Sequence[Measured]) -> Iterator[Table]:
    """For each model, AUC by corruption and severity."""
    titles = titles_of(models)
    for model in models:
        if tested := model.robustness:
            severities = sorted({point.severity for point in tested.points})
            rows, drops = [], dict(tested.drops)
            for name in _corruptions([tested]):
                mine = {point.severity: point for point in _severities(tested, name)}
                cells = [_corrupted(mine.get(severity)) for severity in severities]
                cells += [cell(drops[name])] if name in drops else []
                rows.append((Cell(name.replace("_", " ")), *cells))
            yield Table(
                caption=f"{titles[id(model)]}: AUC by severity; {_drop(tested)}",
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


def _drop(robustness: Robustness) -> str:
    """ "mean relative drop 12.3 % [8.1 to 17.0]"."""
    drop = robustness.drop
    text = f"mean relative drop {number(drop.value, drop.metric)}"
    return f"{text} [{100 * drop.low:.1f} to {100 * drop.high:.1f}]" if has_interval(drop) else text


def _corruptions(tested: Sequence[Robustness]) -> list[str]:
    """Their names, in the order given."""
    return in_order(p.corruption for one in tested for p in one.points if p.severity)


def _severities(robustness: Robustness, corruption: str) -> list[Corrupted]:
    """The points of one corruption, by severity; videos as they are belong to every corruption."""
    points = sorted(robustness.points, key=lambda point: point.corruption == corruption)
    belong = (p for p in points if p.corruption == corruption or p.severity == 0)
    mine = {point.severity: point for point in belong}
    return [mine[severity] for severity in sorted(mine)]


def extraction_tables(models: Sequence[Measured]) -> Iterator[Table]:
    """For each model, its figures on faces extracted in other ways, and their range."""
    titles = titles_of(models)
    for model in models:
        if rows := model.extractions:
            yield Table(
                caption=f"{titles[id(model)]}: {_range(rows)}",
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


def few_figures(models: Sequence[Measured]) -> Iterator[Figure]:
    """AUC and accuracy over the frames seen of each video."""
    for data, part in batches([model for model in models if model.few_frames]):
        rows = [few_figure(p, metric) for m in part for p in m.few_frames for metric in FEW]
        span = auc_span(rows, name="")
        yield Figure(
            name=data,
            keys=tuple((model.name, "") for model in part),
            plots=tuple(_few(metric, part, span) for metric in FEW),
            caption="Of videos of which at most so many frames were seen, spread over the video; "
            "the axis of frames is logarithmic. Upright bars: 95 % intervals.",
        )


def _few(metric: str, part: Sequence[Measured], span: Span) -> Plot:
    counts = sorted({point.frames for model in part for point in model.few_frames})
    rows = [
        [
            (inset(frames_percent(p.frames, counts) / 100), few_figure(p, metric))
            for p in sorted(model.few_frames, key=lambda point: point.frames)
        ]
        for model in part
    ]
    return Plot(
        title=name_of(metric),
        describe=f"{name_of(metric)} over the frames seen of each video, of "
        f"{', '.join(model.name for model in part)}; the figures stand in the table.",
        x=Axis(
            "frames of each video",
            tuple((inset(frames_percent(count, counts) / 100), str(count)) for count in counts),
        ),
        y=span.axis,
        courses=tuple(
            measured_course(row, span, place=i, of=len(rows)) for i, row in enumerate(rows)
        ),
    )


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
