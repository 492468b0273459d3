"""What the tables of a results page are made of, as HTML and Markdown share them."""

import math
from dataclasses import dataclass, field
from typing import ClassVar

from deeptell.figures import Measurement
from deeptell.report.results.figures import COUNTS, interval, number
from deeptell.report.words import DASH

HEAT = (0.6, 0.7, 0.8, 0.9, 0.95)  # from each on, a cell is shaded one step more


@dataclass(frozen=True, slots=True)
class Cell:
    """A value, and what stands below it in small print."""

    text: str
    small: str = ""
    more: str = ""  # below that
    shade: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of each row is its heading."""

    kind: ClassVar[str] = "table"
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...] = field(repr=False)
    wide: bool = True  # of numbers, which stand on the right
    stacked: bool = False  # on a narrow page, each row becomes a list
    folded: bool = False  # shown when asked for


def cell(row: Measurement | None, *, shaded: bool = False) -> Cell:
    """A figure with its interval; a count has none, and what was not measured is a dash."""
    if row is None or math.isnan(row.value):
        return Cell(DASH)
    small = "" if row.metric in COUNTS else interval(row)
    shade = sum(row.value >= step for step in HEAT) if shaded else None
    return Cell(number(row.value, row.metric), small, shade=shade)


def share(value: float) -> Cell:
    """A share as percent."""
    return Cell(number(value, "share"))
