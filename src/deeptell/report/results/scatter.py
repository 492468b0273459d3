"""Embeddings on a plane, before and after training, coloured by what the points are.

Each colouring is a drawing of its own: one path for each kind of point, so that a thousand points
stay small.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from deeptell.records import FAKE
from deeptell.report.comparison_figures import in_order
from deeptell.report.results.records import Measured, Point, Projection
from deeptell.report.words import counted

COLOURS = 4  # that can be told apart; each with four shapes of points
APART = 12  # kinds of points that can be told apart; more are shown as shades of a row of names
SHADES = 8
MARGIN = 25  # units of 1000 that stay free around the points
# A dot, a cross, a dash and a bar, in units of 1000: each begins where its point was moved to.
SHAPES = ("h0", "m-7-7l14 14m0-14l-14 14", "m-9 0h18", "m0-9v18")


@dataclass(frozen=True, slots=True)
class Kind:
    """The points of one kind: what they are, how they look, and where they lie."""

    name: str
    look: str  # of the style sheet
    place: int  # of its colour
    shape: str  # that each point has
    paths: tuple[str, ...] = field(repr=False)  # before, after


@dataclass(frozen=True, slots=True)
class Colouring:
    """The points coloured by one of their properties."""

    by: str  # "class", "manipulation", "identity", "compression"
    kinds: tuple[Kind, ...]
    shaded: str = ""  # what is said instead of a key, where the kinds are too many for one


@dataclass(frozen=True, slots=True)
class Scatter:
    """A model's embeddings in one projection."""

    kind: ClassVar[str] = "scatter"
    name: str
    points: int
    sides: tuple[str, ...]  # "before training", "after training"
    colourings: tuple[Colouring, ...] = field(repr=False)


def scatters(models: Sequence[Measured]) -> Iterator[Scatter]:
    """Every projection of every model."""
    for model in models:
        for projection in model.projections:
            yield _scatter(model.name, projection)


def _scatter(name: str, projection: Projection) -> Scatter:
    sides = (projection.before, projection.after) if projection.before else (projection.after,)
    names = ("before training", "after training")[-len(sides) :]
    classes = ["fake" if label == FAKE else "real" for label in projection.labels]
    properties = {
        "class": classes,
        "manipulation": [method or "real" for method in projection.manipulations],
        "compression": list(projection.compressions),
        "identity": list(projection.identities),
    }
    placed = [_placed(side) for side in sides]
    return Scatter(
        name=f"{projection.method} of {name}",
        points=len(projection.labels),
        sides=names,
        colourings=tuple(
            _colouring(by, values, placed)
            for by, values in properties.items()
            if len(set(values)) > 1
        ),
    )


def _placed(points: Sequence[Point]) -> list[str]:
    """Where the points lie, in units of 1000 from the upper left, both axes on one scale."""
    xy = np.array(points, dtype=np.float64)
    low, high = xy.min(axis=0), xy.max(axis=0)
    scale = (1000 - 2 * MARGIN) / max(float((high - low).max()), 1e-12)
    xy = 500 + (xy - (low + high) / 2) * scale
    return [f"M{x:.0f} {1000 - y:.0f}" for x, y in xy.tolist()]


def _colouring(by: str, values: Sequence[str], placed: Sequence[list[str]]) -> Colouring:
    names = sorted(set(values)) if by == "identity" else in_order(values)
    if len(names) > APART:
        shade = {name: i * SHADES // len(names) for i, name in enumerate(names)}
        kinds = tuple(
            _kind("", "shade", (k, 0), [shade[value] == k for value in values], placed)
            for k in range(SHADES)
        )
        said = counted(len(names), f"{by}", "identities" if by == "identity" else f"{by}s")
        return Colouring(by, kinds, shaded=f"{said}, in {SHADES} shades by name")
    kinds = tuple(
        _kind(name, "series", _look(i), [value == name for value in values], placed)
        for i, name in enumerate(names)
    )
    return Colouring(by, kinds)


def _look(place: int) -> tuple[int, int]:
    """Colour and shape of a kind; the first four differ in both."""
    return place % COLOURS, (place + place // COLOURS) % len(SHAPES)


def _kind(
    name: str,
    look: str,
    colour_shape: tuple[int, int],
    chosen: Sequence[bool],
    placed: Sequence[list[str]],
) -> Kind:
    colour, shape = colour_shape[0], SHAPES[colour_shape[1]]
    paths = tuple(
        "".join(f"{at}{shape}" for at, mine in zip(side, chosen, strict=True) if mine)
        for side in placed
    )
    return Kind(name, look, colour, shape, paths)
