"""Values with their intervals on one axis: AUCs of models, and differences between them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from deeptell.figures import Difference, Measurement
from deeptell.report.comparison_figures import finding, has_interval, short_data, shown, tick
from deeptell.report.comparison_plots import (
    Bar,
    Scale,
    difference_bars,
    difference_scale,
    share_scale,
)
from deeptell.report.results.figures import interval, labels_of, name_of, number
from deeptell.report.results.records import Measured

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Bars:
    """Values with their intervals on one axis, one below the other."""

    kind: ClassVar[str] = "bars"
    name: str
    bars: tuple[Bar, ...]
    scale: Scale
    line_name: str
    style: str = ""  # "paired"


def auc_bars(models: Sequence[Measured]) -> Iterator[Bars]:
    """The AUC of each of several models, in the order given."""
    known = [(model, row) for model in models if (row := model.figure("auc"))]
    if len(known) > 1:
        labels, scale = labels_of(models), share_scale(row for _, row in known)
        yield Bars(
            name="AUC of videos",
            bars=tuple(_bar(labels[id(model)], row, scale) for model, row in known),
            scale=scale,
            line_name="chance",
        )


def _bar(label: tuple[str, str], row: Measurement, scale: Scale) -> Bar:
    return Bar(
        label=label[0],
        below=label[1],
        value=number(row.value, row.metric),
        interval=interval(row),
        remark="",
        x=scale.percent(row.value),
        ends=(scale.percent(row.low), scale.percent(row.high)) if has_interval(row) else None,
    )


def difference_bars_of(rows: Sequence[Difference], metric: str) -> Bars:
    """The differences of one figure, with what their tests found."""
    mine = [row for row in rows if row.metric == metric]
    scale = difference_scale(mine, metric)
    short = short_data([row.data for row in rows])
    bars = difference_bars(mine, scale, short=short)
    in_points = tick(1.0, metric) == "+100"
    return Bars(
        name=f"{name_of(metric)}{', in percentage points' if in_points else ''}",
        bars=tuple(
            replace(bar, below=_less(row, short), remark=_tested(row), hollow=not _differ(row))
            for bar, row in zip(bars, mine, strict=True)
        ),
        scale=scale,
        line_name="no difference",
        style="paired",
    )


def _differ(row: Difference) -> bool:
    """Where it was tested among several, the corrected p decides; else the interval does."""
    return shown(row) if math.isnan(row.p_holm) else shown(row) and row.p_holm < SIGNIFICANT


def _less(row: Difference, short: Mapping[str, str]) -> str:
    return f"minus {row.worse}{f'; {short[row.data]}' if len(short) > 1 else ''}"


def _tested(row: Difference) -> str:
    if math.isnan(row.p_value):
        return finding(row)
    text = f"p {p_of(row.p_value)}"
    if not math.isnan(row.p_holm):
        text += f" (Holm: p {p_of(row.p_holm)})"
    return f"{text}: {'a difference' if _differ(row) else 'no difference shown'}"


def p_of(value: float) -> str:
    """ "= 0.012", or "< 0.001"."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
