"""The rows of figures that a bundle and a page carry: of all, and under each condition."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deeptell.catalog import lookup
from deeptell.evaluation.bootstrap import bootstrap
from deeptell.evaluation.metrics import FIGURES, measure
from deeptell.evaluation.scores import ScoreTable
from deeptell.evaluation.tallies import Floats
from deeptell.figures import Measurement
from deeptell.records import FAKE, REAL

LEVELS = ("frame", "track", "video")
CONDITIONS = ("manipulation", "compression", "face size", "quality")
CLIP = "clip"  # the level of a single score, where a model takes consecutive frames at once
FACE_PX = (48, 96, 192)  # where bands of face sizes end
THIRDS = ("lowest third", "middle third", "highest third")

Rows = NDArray[np.bool_]


def measurements(
    scores: ScoreTable,
    *,
    data: str,
    figures: Sequence[str],
    threshold: float = 0.5,
    levels: Sequence[str] = LEVELS,
    by: Sequence[str] = CONDITIONS,
    resamples: int = 1000,
    seed: int = 0,
) -> Iterator[Measurement]:
    """Yield every figure with its interval, level by level: of "all", then by each condition.

    A manipulation's row sets its fakes against all reals; a compression, a band of face sizes or
    a third of the quality has fakes and reals of its own, and is left out where one is missing.
    Thirds are those of the real videos. A row belongs where its own size and quality lie.

    Args:
        scores: one row per scored frame or clip.
        data: what was measured on, in words.
        figures: names of fields of `Metrics`.
        levels: some of "frame" ("clip", where a row is one), "track" and "video".
        by: some of `CONDITIONS`.

    Raises:
        DataError: as `metrics.measure` and `ScoreTable.pooled`.
        ConfigError: for an unknown figure, level or condition.
    """
    _check_names(figures, levels, by)
    thirds = _third_edges(scores)
    tables = {level: _at(level, scores) for level in levels}
    subsets = {level: dict(_subsets(tables[level], by=by, thirds=thirds)) for level in levels}
    for condition, subset in dict.fromkeys(key for made in subsets.values() for key in made):
        for level in levels:
            rows = subsets[level].get((condition, subset))
            if rows is None:
                continue
            table = tables[level].rows(rows)
            about = (data, condition, subset, level)
            videos, groups = len(set(table.videos)), len(set(table.groups))
            found = _measured(table, threshold, resamples, seed)
            for name in figures:
                yield Measurement(*about, name, *found[name], videos=videos, groups=groups)


def _measured(
    table: ScoreTable, threshold: float, resamples: int, seed: int
) -> dict[str, tuple[float, float, float]]:
    """Every figure of a table by name: its value, and both ends of its interval."""
    scored = (table.labels, table.fake_probability)
    point = measure(*scored, threshold=threshold)
    spread = bootstrap(*scored, table.groups, threshold=threshold, resamples=resamples, seed=seed)
    return {name: (getattr(point, name), spread.low[name], spread.high[name]) for name in FIGURES}


def _check_names(figures: Sequence[str], levels: Sequence[str], by: Sequence[str]) -> None:
    for names, known, kind in (
        (figures, FIGURES, "figure"),
        (levels, (*LEVELS, CLIP), "level"),
        (by, CONDITIONS, "condition"),
    ):
        for name in names:
            lookup(dict.fromkeys(known), name, kind=kind)


def _at(level: str, scores: ScoreTable) -> ScoreTable:
    if level == "video":
        return scores.pooled()
    return scores.by_track() if level == "track" else scores


def _subsets(
    table: ScoreTable, *, by: Sequence[str], thirds: Floats
) -> Iterator[tuple[tuple[str, str], Rows]]:
    """Each condition and subset of a table with its rows, those of one class only left out."""
    fake = table.labels == FAKE
    yield ("all", "all"), np.ones(len(fake), bool)
    for condition in by:
        for subset, rows in _MADE[condition](table, thirds):
            if fake[rows].any() and not fake[rows].all():
                yield (condition, subset), rows


def _manipulations(table: ScoreTable, _: Floats) -> Iterator[tuple[str, Rows]]:
    fake = table.labels == FAKE
    for name in np.unique(table.methods[fake]):
        if name:  # a score file may not say
            yield str(name), ~fake | (table.methods == name)


def _compressions(table: ScoreTable, _: Floats) -> Iterator[tuple[str, Rows]]:
    for name in np.unique(table.compressions):
        if name:
            yield str(name), table.compressions == name


def _face_sizes(table: ScoreTable, _: Floats) -> Iterator[tuple[str, Rows]]:
    names = [
        f"under {FACE_PX[0]} px",
        *(f"{low} to {high} px" for low, high in pairwise(FACE_PX)),
        f"{FACE_PX[-1]} px and more",
    ]
    yield from _bands(table.face_px, np.array(FACE_PX, float), names)


def _qualities(table: ScoreTable, thirds: Floats) -> Iterator[tuple[str, Rows]]:
    if np.isfinite(thirds).all():
        yield from _bands(table.quality, thirds, THIRDS)


def _bands(values: Floats, edges: Floats, names: Sequence[str]) -> Iterator[tuple[str, Rows]]:
    """A band holds its lower edge; what is unknown is in none."""
    band = np.where(np.isnan(values), -1, np.searchsorted(edges, values, side="right"))
    for number, name in enumerate(names):
        yield name, band == number


def _third_edges(scores: ScoreTable) -> Floats:
    """`(2,)` where a third of the real videos ends, by their quality; NaN where none is known."""
    videos = scores.pooled()
    known = videos.quality[(videos.labels == REAL) & ~np.isnan(videos.quality)]
    return np.quantile(known, (1 / 3, 2 / 3)) if len(known) else np.full(2, np.nan)


_MADE = {
    "manipulation": _manipulations,
    "compression": _compressions,
    "face size": _face_sizes,
    "quality": _qualities,
}
