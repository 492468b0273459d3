"""Intervals that resample source groups, and the rows of figures a bundle and a page carry.

Frames of one video, and a fake and its real, are not independent: whole groups are drawn with
replacement (the cluster bootstrap, Davison and Hinkley 1997, section 3.8), and the interval is
the 2.5th to the 97.5th percentile. Below some thirty groups such intervals are too narrow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeptell.catalog import lookup
from deeptell.errors import DataError
from deeptell.evaluation.metrics import (
    FIGURES,
    Curve,
    Floats,
    check,
    from_sums,
    measure,
    pool,
    sigmoid,
    summands,
)
from deeptell.records import FAKE, Measurement

TAILS = (2.5, 97.5)  # percentiles of a 95 % interval
LEVELS = ("frame", "video")


@dataclass(frozen=True, slots=True)
class Intervals:
    """A 95 % interval for every figure of `Metrics`, NaN where it could not be had.

    That is so for a figure that is undefined, and for all of them where there is one group only.
    """

    low: dict[str, float]
    high: dict[str, float]
    groups: int
    resamples: int
    left_out: int  # resamples that drew one class only


def bootstrap(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    threshold: float = 0.5,
    resamples: int = 1000,
    seed: int = 0,
) -> Intervals:
    """Measure how far each figure would move had other groups been filmed.

    Args:
        labels, scores: as in `metrics.measure`.
        groups: `(N,)` numbers or strings; what shares a source shares a group.

    Raises:
        DataError: as `metrics.measure`, and for groups of another length.
    """
    drawn = resampled(labels, scores, groups, threshold=threshold, resamples=resamples, seed=seed)
    kept = drawn[np.isfinite(drawn[:, FIGURES.index("balanced_accuracy")])]
    n_groups = len(np.unique(np.asarray(groups)))
    # One group drawn again and again says nothing about others.
    known = kept if n_groups > 1 else kept[:0]
    bounds = np.array([_tails(column) for column in known.T]).T
    low, high = (dict(zip(FIGURES, row.tolist(), strict=True)) for row in bounds)
    return Intervals(low, high, n_groups, resamples, left_out=resamples - len(kept))


def resampled(
    labels: ArrayLike,
    scores: ArrayLike,
    groups: ArrayLike,
    *,
    threshold: float,
    resamples: int,
    seed: int,
) -> Floats:
    """Every figure in every resample: `(resamples, len(FIGURES))`.

    The draws depend on the number of groups and the seed only, so that two models measured on the
    same rows can be compared resample by resample. The scores are sorted once; memory is a few
    arrays of N.
    """
    y, p = check(labels, scores)
    keys, place = np.unique(_check_groups(groups, len(y)), return_inverse=True)
    curve = Curve.through(y, p)
    fakes, reals = place[curve.fakes], place[curve.reals]
    by_group = np.zeros((len(keys), 6))
    np.add.at(by_group, place, summands(y, p, threshold=threshold))
    rng = np.random.default_rng(seed)
    drawn = np.empty((resamples, len(FIGURES)))
    for row in drawn:
        times = np.bincount(rng.integers(len(keys), size=len(keys)), minlength=len(keys))
        times = times.astype(np.float64)
        row[:3] = curve.figures_of(times[fakes], times[reals])
        row[3:] = from_sums(times @ by_group)
    return drawn


def _check_groups(groups: ArrayLike, n: int) -> NDArray[np.generic]:
    known = np.asarray(groups)
    if known.shape != (n,):
        raise DataError(f"Every score needs its group: {n} scores, groups {known.shape}.")
    return known


def _tails(values: Floats) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return (np.nan, np.nan)
    low, high = np.percentile(known, TAILS)
    return float(low), float(high)


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Scores of many videos, one row for each scored frame of a track (or for each video).

    All columns have N rows. `videos` are keys that name one file only (data set, manipulation,
    compression and file name together); `methods` names the manipulation, and is not read for
    real videos. Logits stand for `sigmoid(logit)` as `fake_probability`.
    """

    videos: NDArray[np.str_]
    tracks: NDArray[np.integer]
    groups: NDArray[np.str_]
    methods: NDArray[np.str_]
    labels: NDArray[np.integer]
    logits: Floats

    def __post_init__(self) -> None:
        lengths = {column: len(getattr(self, column)) for column in _COLUMNS}
        if len(set(lengths.values())) > 1:
            raise DataError(f"The columns of a score table must be equally long, got {lengths}.")

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "ScoreTable":
        """The table of the chosen rows only."""
        return ScoreTable(*(getattr(self, column)[chosen] for column in _COLUMNS))

    def pooled(self) -> "ScoreTable":
        """One row per video: frames pooled within each track, then the highest track.

        The track of a row is the one that decided. Raises `DataError` where the rows of one video
        disagree about its label, group or manipulation: two videos share a key.
        """
        keys, first, place = np.unique(self.videos, return_index=True, return_inverse=True)
        for column in ("labels", "groups", "methods"):
            values = getattr(self, column)
            if (values != values[first][place]).any():
                row = int(np.flatnonzero(values != values[first][place])[0])
                raise DataError(
                    f"The rows of video '{self.videos[row]}' disagree about its {column}: two "
                    "videos share one key. Put data set, manipulation and compression into it."
                )
        track, logits = self.tracks[first].copy(), np.full(len(keys), -np.inf)
        for rows in _runs(place, self.tracks):
            value, video = pool(self.logits[rows]), place[rows[0]]
            if value > logits[video]:
                logits[video], track[video] = value, self.tracks[rows[0]]
        videos = self.rows(first)
        return replace(videos, tracks=track, logits=logits)


_COLUMNS = tuple(field.name for field in fields(ScoreTable))


def _runs(place: NDArray[np.intp], tracks: NDArray[np.integer]) -> list[NDArray[np.intp]]:
    """The rows of each track of each video."""
    order = np.lexsort((tracks, place))
    changes = np.diff(place[order]).astype(bool) | np.diff(tracks[order]).astype(bool)
    return np.split(order, np.flatnonzero(changes) + 1)


@dataclass(frozen=True, slots=True)
class Scored:
    """One row per video of one model, and the threshold that was chosen for it beforehand."""

    table: ScoreTable
    threshold: float


def paired(
    one: Scored, other: Scored, *, figure: str, resamples: int = 2000, seed: int = 0
) -> tuple[float, float, float, int]:
    """How much higher a figure is for one model than for another: value, low, high, groups.

    Both are measured on the videos that both scored, and the same groups are drawn for both
    (paired cluster bootstrap), so that what is hard for both cancels out. The interval is NaN
    where there is one group only.
    """
    column = FIGURES.index(figure)
    kept, ours, theirs = np.intersect1d(one.table.videos, other.table.videos, return_indices=True)
    if not len(kept):
        raise DataError("The two models scored no video in common.")
    values, draws = [], []
    for scored, rows in ((one, ours), (other, theirs)):
        table = scored.table.rows(rows)
        scores, threshold = sigmoid(table.logits), scored.threshold
        values.append(getattr(measure(table.labels, scores, threshold=threshold), figure))
        drawn = resampled(
            table.labels, scores, table.groups, threshold=threshold, resamples=resamples, seed=seed
        )
        draws.append(drawn[:, column])
    groups = len(np.unique(one.table.groups[ours]))
    low, high = _tails(draws[0] - draws[1]) if groups > 1 else (np.nan, np.nan)
    return values[0] - values[1], low, high, groups


def measurements(
    frames: ScoreTable,
    *,
    data: str,
    figures: Sequence[str],
    threshold: float = 0.5,
    levels: Sequence[str] = LEVELS,
    by_method: bool = True,
    resamples: int = 1000,
    seed: int = 0,
) -> Iterator[Measurement]:
    """Yield every figure with its interval, level by level: "all", then by manipulation.

    A manipulation's row sets its fakes against all reals.

    Args:
        frames: one row per scored frame.
        data: what was measured on, in words.
        figures: names of fields of `Metrics`.
        levels: "frame" and "video", or one of them.
        by_method: whether each manipulation is measured for itself as well.

    Raises:
        DataError: as `metrics.measure` and `ScoreTable.pooled`; ConfigError for an unknown figure.
    """
    for name in figures:
        lookup(dict.fromkeys(FIGURES), name, kind="figure")
    fake = frames.labels == FAKE
    subsets = {"all": np.ones(len(fake), dtype=bool)}
    for name in np.unique(frames.methods[fake]) if by_method else ():
        subsets[str(name)] = ~fake | (frames.methods == name)
    for subset, chosen in subsets.items():
        part = frames.rows(chosen)
        for level in levels:
            table = part if level == "frame" else part.pooled()
            scores = sigmoid(table.logits)
            point = measure(table.labels, scores, threshold=threshold)
            spread = bootstrap(
                table.labels,
                scores,
                table.groups,
                threshold=threshold,
                resamples=resamples,
                seed=seed,
            )
            for name in figures:
                yield Measurement(
                    data=data,
                    by="all" if subset == "all" else "manipulation",
                    subset=subset,
                    level=level,
                    metric=name,
                    value=getattr(point, name),
                    low=spread.low[name],
                    high=spread.high[name],
                    videos=len(np.unique(table.videos)),
                    groups=spread.groups,
                )
