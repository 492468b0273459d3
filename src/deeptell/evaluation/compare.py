"""Models beside each other on the videos that both scored: how much better, and is it chance?"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from deeptell.catalog import lookup
from deeptell.errors import DataError
from deeptell.evaluation.bootstrap import Grouped
from deeptell.evaluation.delong import Tested, delong_test
from deeptell.evaluation.metrics import FIGURES
from deeptell.evaluation.scores import Scored
from deeptell.evaluation.tallies import Floats
from deeptell.figures import Difference

SECTION = "comparison"
TAILS = (2.5, 97.5)  # percentiles of a 95 % interval


def compare(
    models: Mapping[str, Scored],
    *,
    data: str,
    figures: Sequence[str] = ("auc", "balanced_accuracy"),
    resamples: int = 2000,
    seed: int = 0,
) -> list[Difference]:
    """Test every pair of models, figure by figure, the better one of a pair named first.

    The AUC is tested by `delong_test`, everything else by `paired`; p-values are corrected over
    all pairs of a figure by `holm`. Models without a video in common are no pair.

    Args:
        models: by name; one row per video.
        data: what was measured on, in words.
        figures: names of fields of `Metrics`.

    Raises:
        DataError: two models disagree about a video's label or group; ConfigError for an unknown
            figure.
    """
    for name in figures:
        lookup(dict.fromkeys(FIGURES), name, kind="figure")
    pairs = [(a, b) for a, b in combinations(models, 2) if _share(models[a], models[b])]
    found = []
    for figure in figures:
        tested = []
        for one, other in pairs:
            both = common(models[one], models[other])
            if figure == "auc":
                table, others = (scored.table for scored in both)
                scores = (table.fake_probability, others.fake_probability)
                result = delong_test(table.labels, *scores, table.groups)
            else:
                result = paired(*both, figure=figure, resamples=resamples, seed=seed)
            if result.value < 0:
                one, other, result = other, one, result.reversed
            tested.append(result.difference(one, other, SECTION, data, figure))
        corrected = holm([one.p_value for one in tested])
        rows = zip(tested, corrected, strict=True)
        found += [replace(one, p_holm=float(p)) for one, p in rows]
    return found


def _share(one: Scored, other: Scored) -> bool:
    return bool(np.isin(one.table.videos, other.table.videos).any())


def common(one: Scored, other: Scored) -> tuple[Scored, Scored]:
    """Both models on the videos that both scored, in the same order.

    Raises:
        DataError: there is none, or they disagree about its label or group.
    """
    kept, ours, theirs = np.intersect1d(one.table.videos, other.table.videos, return_indices=True)
    if not len(kept):
        raise DataError("The two models scored no video in common.")
    first, second = one.table.rows(ours), other.table.rows(theirs)
    for column in ("labels", "groups"):
        odd = getattr(first, column) != getattr(second, column)
        if odd.any():
            raise DataError(
                f"The scores of two models disagree about the {column} of "
                f"'{kept[np.argmax(odd)]}': compare them on one manifest."
            )
    return Scored(first, one.threshold), Scored(second, other.threshold)


def paired(
    one: Scored, other: Scored, *, figure: str, resamples: int = 2000, seed: int = 0
) -> Tested:
    """How much higher a figure is for one model than for another, by the paired bootstrap.

    Both are measured on the videos that both scored, and the same groups are drawn for both, so
    that what is hard for both cancels out. The interval is that of the percentiles; the p-value
    twice the share of resamples at or beyond zero, and at least one resample. All are NaN where
    there is one group only.

    Raises:
        DataError: as `common`.
    """
    column = FIGURES.index(figure)
    values, draws = [], []
    for scored in common(one, other):
        table = scored.table
        sample = Grouped.of(
            table.labels, table.fake_probability, table.groups, threshold=scored.threshold
        )
        values.append(float(sample.figures(np.ones((1, sample.count)))[0, column]))
        draws.append(sample.resampled(resamples, seed=seed)[:, column])
    value, drawn = values[0] - values[1], draws[0] - draws[1]
    known = drawn[np.isfinite(drawn)]
    if sample.count < 2 or not len(known) or not np.isfinite(value):
        return Tested(value, np.nan, np.nan, np.nan, sample.count)
    low, high = np.percentile(known, TAILS)
    beyond = 2 * min(float(np.mean(known <= 0)), float(np.mean(known >= 0)))
    p_value = min(max(beyond, 1 / len(known)), 1.0)
    return Tested(value, float(low), float(high), p_value, sample.count)


def holm(p_values: ArrayLike) -> Floats:
    """Correct p-values `(n,)` for how many they are (Holm 1979); NaN was not tested, and stays."""
    p = np.asarray(p_values, np.float64)
    corrected = p.copy()
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN is sorted last
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
