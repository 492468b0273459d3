"""Geometry of the drawings of a results page; `templates/results_plots.html.j2` draws them.

Every drawing is a `Plot`: axes, and courses in it. Places are in thousandths of the width from the
left and of the height from the top, so that a drawing stretches with the page while its text and
strokes keep their size.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from deeptell.figures import Measurement
from deeptell.report.comparison_figures import has_interval
from deeptell.report.comparison_plots import share_scale
from deeptell.report.results.records import Point
from deeptell.report.words import SPACE

SIDE = 1000  # a drawing's own units along each axis
INSET = 0.06  # share of an axis that stays free at both ends, for courses set aside
APART = 5  # pixels by which courses are set aside, so that their intervals do not cover
STEPS = (1, 2, 2.5, 5, 10)
IN_PERCENT = f",{SPACE}%"  # ends the name of an axis of shares


@dataclass(frozen=True, slots=True)
class Axis:
    """What is measured along an axis, and its ticks: share of the axis from its low end, text."""

    name: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Spot:
    """A marked point, with the ends of its interval along y, where it has one."""

    x: float
    y: float
    ends: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """A line, and marked points of it."""

    place: int  # among the lines of its figure: gives colour, dash and marker
    path: str  # points of a polyline
    spots: tuple[Spot, ...] = ()
    offset: float = 0.0  # pixels to the right


@dataclass(frozen=True, slots=True)
class Plot:
    """One panel."""

    title: str
    describe: str  # for who cannot see it
    x: Axis
    y: Axis
    courses: tuple[Course, ...]
    guide: str = ""  # a broken line to compare with: points of a polyline
    columns: tuple[tuple[float, float, float], ...] = ()  # x, width and height of bars from below
    square: bool = False
    remark: str = ""  # below it


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels side by side, with one key to their lines."""

    kind: ClassVar[str] = "figure"
    name: str
    keys: tuple[tuple[str, str], ...]  # of the lines, by place: what they are, a figure of them
    plots: tuple[Plot, ...] = field(repr=False)
    caption: str = ""


def along(shares: Iterable[Point]) -> str:
    """The points of a polyline from shares of both axes, (0, 0) at the lower left."""
    return " ".join(f"{SIDE * _in(x):.0f},{SIDE * (1 - _in(y)):.0f}" for x, y in shares)


def spot(x: float, y: float, ends: tuple[float, float] | None = None) -> Spot:
    """A marked point from shares of both axes, (0, 0) at the lower left; places in percent."""
    places = tuple(round(100 * (1 - _in(end)), 2) for end in ends) if ends else None
    lower, upper = places or (0.0, 0.0)
    return Spot(
        round(100 * _in(x), 2), round(100 * (1 - _in(y)), 2), (lower, upper) if ends else None
    )


def inset(share: float) -> float:
    """A share of an axis whose ends stay free."""
    return INSET + (1 - 2 * INSET) * share


def _in(share: float) -> float:
    return min(1.0, max(0.0, share))


def shares(name: str) -> Axis:
    """An axis from 0 to 100 %."""
    return Axis(name, tuple((t / 100, str(t)) for t in (0, 25, 50, 75, 100)))


@dataclass(frozen=True, slots=True)
class Span:
    """The values from `low` to `high` along an axis."""

    low: float
    high: float
    axis: Axis

    def share(self, value: float) -> float:
        """Where a value lies, from the low end."""
        return (value - self.low) / (self.high - self.low)


def span_of(values: Iterable[float], name: str) -> Span:
    """From 0 to a round number at or above every finite value, with at most five steps."""
    top = max((value for value in values if math.isfinite(value)), default=1.0) or 1.0
    unit = 10.0 ** math.floor(math.log10(top / 4))
    step = next(unit * s for s in STEPS if top / (unit * s) <= 4 + 1e-9)
    count = math.ceil(top / step - 1e-9)
    ticks = tuple((i / count, f"{step * i:g}") for i in range(count + 1))
    return Span(0.0, step * count, Axis(name, ticks))


def auc_span(rows: Iterable[Measurement], name: str = "AUC") -> Span:
    """From the tenth below everything to 1, never without 0.5; see `comparison_plots`."""
    scale = share_scale(rows)
    ticks = tuple((scale.percent(value) / 100, text) for value, text in scale.ticks)
    return Span(scale.low, scale.high, Axis(name, ticks))


def measured_course(
    points: Sequence[tuple[float, Measurement]], y: Span, *, place: int, of: int
) -> Course:
    """A model's figures: each at a share of the x axis, with its interval upright.

    Args:
        place: the model's place among the courses of the panel.
        of: how many courses the panel has.
    """
    known = [(x, row) for x, row in points if not math.isnan(row.value)]
    return Course(
        place=place,
        path=along((x, y.share(row.value)) for x, row in known),
        spots=tuple(
            spot(
                x,
                y.share(row.value),
                (y.share(row.low), y.share(row.high)) if has_interval(row) else None,
            )
            for x, row in known
        ),
        offset=APART * (place - (of - 1) / 2),
    )
