"""Geometry of the drawings of a comparison; `templates/comparison_plots.html.j2` draws them.

As in `plots`, drawings stretch with the page while their text keeps its size: x is in percent of
the width, y in pixels from the top.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from deeptell.figures import Compared, Difference, FewFrames, Measurement
from deeptell.report.comparison_figures import (
    figure,
    finding,
    has_interval,
    in_order,
    interval,
    number,
    ranked,
    shown,
    signed,
    signed_interval,
    tick,
)

HEIGHT = 150  # pixels of a small panel
TOGETHER = 4  # lines that can be told apart in one panel
APART = 5  # pixels by which lines of one panel are set aside, so that intervals do not cover
BOUNDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from `low` to `high`, with a line to compare with."""

    low: float
    high: float
    line: float
    ticks: tuple[tuple[float, str], ...]  # value and text

    def percent(self, value: float) -> float:
        """Where a value lies, in percent from `low`."""
        return round(100 * (value - self.low) / (self.high - self.low), 2)

    def y(self, value: float) -> float:
        """Pixels from the top of a small panel."""
        return round((1 - self.percent(value) / 100) * HEIGHT, 1)


def share_scale(rows: Iterable[Measurement]) -> Scale:
    """From the tenth below everything to 1, and never without chance, 0.5."""
    ends = [v for row in rows for v in (row.value, row.low) if not math.isnan(v)]
    tenths = math.floor(10 * min([0.5, *ends]) + 1e-9)
    step = 1 if tenths >= 5 else 2
    ticks = tuple((t / 10, f"{t / 10:.1f}") for t in range(10, tenths - 1, -step))[::-1]
    return Scale(tenths / 10, 1.0, 0.5, ticks)


def difference_scale(rows: Sequence[Difference], metric: str) -> Scale:
    """As far to the left of zero as to the right."""
    ends = [abs(v) for row in rows for v in (row.value, row.low, row.high) if not math.isnan(v)]
    bound = next(bound for bound in BOUNDS if bound >= max([0.0, *ends]))
    values = (-bound, -bound / 2, 0.0, bound / 2, bound)
    return Scale(-bound, bound, 0.0, tuple((v, tick(v, metric)) for v in values))


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval on a scale, and the words around it."""

    label: str
    below: str  # under the label
    value: str
    interval: str
    remark: str  # below the value
    x: float | None  # in percent, like the next two
    ends: tuple[float, float] | None
    hollow: bool = False  # nothing to be concluded from it
    dim: bool = False  # nor to be compared with the others


def auc_bars(models: Sequence[Compared], scale: Scale) -> list[Bar]:
    """The highest AUC first; at the end, without a place, models not trained enough."""
    bars = [_auc_bar(model, auc, scale) for model, auc in ranked(models)]
    left_out = [model for model in models if not model.trained_enough]
    return bars + [
        _dim_bar(model, auc, scale) for model in left_out if (auc := figure(model, "auc"))
    ]


def _auc_bar(model: Compared, auc: Measurement, scale: Scale) -> Bar:
    return Bar(
        label=model.name,
        below=model.family,
        value=number(auc.value, "auc"),
        interval=interval(auc),
        remark="",
        x=scale.percent(auc.value),
        ends=(scale.percent(auc.low), scale.percent(auc.high)) if has_interval(auc) else None,
    )


def _dim_bar(model: Compared, auc: Measurement, scale: Scale) -> Bar:
    return replace(
        _auc_bar(model, auc, scale),
        interval="",
        remark="not trained enough",
        ends=None,
        hollow=True,
        dim=True,
    )


def difference_bars(
    rows: Sequence[Difference], scale: Scale, *, short: Mapping[str, str]
) -> list[Bar]:
    """One bar for each difference, in the given order; `short` names the data in few words."""
    return [
        Bar(
            label=row.better,
            below=f"minus {row.worse}; {short[row.data]}",
            value=signed(row.value, row.metric),
            interval=signed_interval(row),
            remark=finding(row),
            x=None if math.isnan(row.value) else scale.percent(row.value),
            ends=(scale.percent(row.low), scale.percent(row.high)) if has_interval(row) else None,
            hollow=not shown(row),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Spot:
    """A point of a line, with the ends of its interval."""

    x: float
    y: float
    ends: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Line:
    """A model's figure over the frames seen of each video."""

    name: str
    place: int  # among the lines of its panel: gives marker, colour and offset
    offset: float  # pixels to the right
    spots: tuple[Spot, ...]

    @property
    def strokes(self) -> list[tuple[Spot, Spot]]:
        """Neighbouring points."""
        return list(pairwise(self.spots))


@dataclass(frozen=True, slots=True)
class Panel:
    """The lines of one family, with those of all others behind them."""

    family: str
    lines: tuple[Line, ...]
    behind: tuple[Line, ...]


def panels(
    models: Sequence[Compared], metric: str, *, scale: Scale, counts: Sequence[int]
) -> list[Panel]:
    """Small drawings of a figure over frames per video, one for each family.

    Args:
        models: of one data, trained enough; a family of more than `TOGETHER` gets several panels.
        metric: "auc" or "accuracy".
        counts: the frames on the axis, ascending; a model has no point where it was not measured.
    """
    every = {id(model): _spots(model, metric, scale, counts) for model in models}
    made = []
    for family, part in _parts(models):
        mine = {id(model) for model in part}
        middle = (len(part) - 1) / 2
        lines = tuple(
            Line(model.name, place, APART * (place - middle), every[id(model)])
            for place, model in enumerate(part)
        )
        behind = tuple(Line("", 0, 0.0, every[key]) for key in every if key not in mine)
        made.append(Panel(family, lines, behind))
    return made


def _parts(models: Sequence[Compared]) -> Iterator[tuple[str, Sequence[Compared]]]:
    for family in in_order(model.family for model in models):
        members = [model for model in models if model.family == family]
        for start in range(0, len(members), TOGETHER):
            yield (family if not start else f"{family}, continued"), members[start:][:TOGETHER]


def _spots(model: Compared, metric: str, scale: Scale, counts: Sequence[int]) -> tuple[Spot, ...]:
    points = sorted(model.few_frames, key=lambda point: point.frames)
    rows = [(point.frames, few_figure(point, metric)) for point in points]
    return tuple(
        Spot(
            x=frames_percent(frames, counts),
            y=scale.y(row.value),
            ends=(scale.y(row.low), scale.y(row.high)) if has_interval(row) else None,
        )
        for frames, row in rows
        if not math.isnan(row.value)
    )


def few_figure(point: FewFrames, metric: str) -> Measurement:
    """The "auc" or the "accuracy" of a point."""
    return point.auc if metric == "auc" else point.accuracy


def frames_percent(frames: int, counts: Sequence[int]) -> float:
    """Where so many frames lie on a logarithmic axis; in the middle if there is one count only."""
    low, high = math.log(counts[0]), math.log(counts[-1])
    return round(100 * (math.log(frames) - low) / (high - low), 2) if high > low else 50.0
