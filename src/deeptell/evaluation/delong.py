"""The covariance of the AUCs of several models on the same videos, and the test of two of them.

DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44:837), by the midranks of Sun and Xu 2014
(IEEE Signal Processing Letters 21:1389), which take N log N steps. What shares a group is not
independent: the components are summed within groups as Obuchowski 1997 (Biometrics 53:567) does.
Where every video is a group of its own, that is DeLong's covariance again.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri
from scipy.stats import rankdata

from deeptell.errors import DataError
from deeptell.evaluation.metrics import check
from deeptell.evaluation.tallies import Floats, Ints
from deeptell.figures import Difference
from deeptell.records import FAKE, REAL

NOTHING = 1e-12  # a standard error below it is rounding


class Tested(NamedTuple):
    """A difference with its 95 % interval, and the p-value of "there is none" (two-sided)."""

    value: float
    low: float
    high: float
    p_value: float
    groups: int

    @property
    def reversed(self) -> "Tested":
        """How much higher the other model is."""
        return Tested(-self.value, -self.high, -self.low, self.p_value, self.groups)

    def difference(
        self, better: str, worse: str, section: str, data: str, metric: str
    ) -> Difference:
        """As a row of a page."""
        bounds = (self.value, self.low, self.high)
        on = (better, worse, section, data, metric)
        return Difference(*on, *bounds, groups=self.groups, p_value=self.p_value)


def delong(labels: ArrayLike, scores: ArrayLike, groups: ArrayLike) -> tuple[Floats, Floats]:
    """AUCs and their covariance.

    Args:
        labels: `(N,)` of 0 (REAL) and 1 (FAKE).
        scores: `(M, N)` in [0, 1], a row per model.
        groups: `(N,)` numbers or strings; what shares a source shares a group.

    Returns:
        `(M,)` and `(M, M)`; NaN where a class is missing, the covariance also where one class is
        in fewer than two groups.

    Raises:
        DataError: as `metrics.measure`, and for groups of another length.
    """
    rows = np.atleast_2d(np.asarray(scores, np.float64))
    (y, *_) = (check(labels, row)[0] for row in rows)
    if np.shape(groups) != y.shape:
        raise DataError(f"Every score needs its group: {len(y)}, groups {np.shape(groups)}.")
    fake, real = np.flatnonzero(y == FAKE), np.flatnonzero(y == REAL)
    models = len(rows)
    if not (len(fake) and len(real)):
        return np.full(models, np.nan), np.full((models, models), np.nan)
    ranks = rankdata(rows, axis=1)
    over = (ranks[:, fake] - rankdata(rows[:, fake], axis=1)) / len(real)
    under = 1 - (ranks[:, real] - rankdata(rows[:, real], axis=1)) / len(fake)
    aucs = over.mean(axis=1)
    place = np.unique(np.asarray(groups), return_inverse=True)[1]
    return aucs, _covariance(over - aucs[:, None], under - aucs[:, None], place[fake], place[real])


def _covariance(over: Floats, under: Floats, fakes: Ints, reals: Ints) -> Floats:
    """From components `(M, F)` and `(M, R)`, less their mean, and the groups they are of."""
    count = int(max(fakes.max(), reals.max())) + 1
    of_fakes, of_reals = _summed(over, fakes, count), _summed(under, reals, count)
    found = np.zeros((len(over), len(over)))
    for sums, members in ((of_fakes, fakes), (of_reals, reals)):
        found += _unbiased(len(np.unique(members))) * sums @ sums.T / len(members) ** 2
    both = _unbiased(count) * of_fakes @ of_reals.T / (len(fakes) * len(reals))
    return np.asarray(found + both + both.T)


def _unbiased(groups: int) -> float:
    return groups / (groups - 1) if groups > 1 else math.nan


def _summed(components: Floats, groups: Ints, count: int) -> Floats:
    return np.stack([np.bincount(groups, row, minlength=count) for row in components])


def delong_test(labels: ArrayLike, one: ArrayLike, other: ArrayLike, groups: ArrayLike) -> Tested:
    """How much higher the AUC of one model is than that of another, both `(N,)` scores.

    The p-value and the interval take the difference to be normal. They are NaN where the
    covariance is, and where the models differ but their scores leave no variance, as with a
    perfect and a constant one. Raises `DataError` as `delong`.
    """
    aucs, covariance = delong(labels, np.stack([np.asarray(one), np.asarray(other)]), groups)
    value = float(aucs[0] - aucs[1])
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    error = math.sqrt(variance) if variance > 0 else float(variance * 0)
    if error < NOTHING:
        error, p_value = (0.0, 1.0) if abs(value) < NOTHING else (math.nan, math.nan)
    else:  # NaN as well
        p_value = math.erfc(abs(value) / error / math.sqrt(2))
    half = float(ndtri(0.975)) * error
    return Tested(value, value - half, value + half, p_value, len(np.unique(np.asarray(groups))))
