"""The drawings of a results page as SVG files of their own, for a paper or beside Markdown."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from jinja2 import Environment

from deeptell.report import page, words
from deeptell.report.results.plots import Figure, Plot
from deeptell.report.results.records import Results
from deeptell.report.results.scatter import Scatter
from deeptell.report.results.sections import Section, sections

SHEET = "results_picture.css"
TALL, FLAT, CLOUD = 340, 220, 300  # pixels of what is drawn
ROW, TWO_ROWS, FRAME = 20, 34, 120  # pixels: of an entry of the key, and around what is drawn


@dataclass(frozen=True, slots=True)
class Picture:
    """One drawing: a name for its file, what it shows, and its SVG."""

    name: str  # "curves-1-roc.svg"
    describe: str
    svg: str = field(repr=False)


def pictures(results: Results) -> Iterator[Picture]:
    """Every drawing of the page, in order; the same results give the same names and bytes."""
    for section in sections(results):
        yield from pictures_of(section)


def pictures_of(section: Section) -> Iterator[Picture]:
    """The drawings of one section."""
    for number, part in enumerate(section.parts, 1):
        if isinstance(part, Figure):
            for place, plot in enumerate(part.plots, 1):
                yield Picture(f"{section.slug}-{number}-{place}.svg", plot.describe,
                              _plot(part, plot))  # fmt: skip
        elif isinstance(part, Scatter):
            for colouring in part.colourings:
                yield Picture(
                    name=f"{section.slug}-{number}-{colouring.by}.svg",
                    describe=f"{part.name} by {colouring.by}, {words.listed(list(part.sides))}.",
                    svg=_render(
                        heading=f"{part.name} by {colouring.by}",
                        width=16 + len(part.sides) * (CLOUD + 16),
                        height=CLOUD + FRAME + ROW * (len(colouring.kinds) - 2),
                        drawn=CLOUD,
                        scatter=part,
                        colouring=colouring,
                    ),
                )


def _plot(figure: Figure, plot: Plot) -> str:
    drawn = TALL if plot.square else FLAT
    row = TWO_ROWS if any(value for _, value in figure.keys) else ROW
    return _render(
        heading=": ".join(filter(None, (figure.name, plot.title))),
        width=TALL + 80,
        height=drawn + FRAME + row * len(figure.keys),
        row=row,
        drawn=drawn,
        plot=plot,
        names=figure.keys,
    )


def _render(**given: object) -> str:
    known = {"plot": None} | given
    template = _environment().get_template("results_picture.svg.j2")
    return template.render(style=page.style(SHEET), **known).lstrip()


@cache
def _environment() -> Environment:
    return page.environment(filters={"counted": words.counted}, names={})
