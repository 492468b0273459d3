"""The figures that no sorting is needed for: they are functions of sums over the rows."""

import numpy as np
from numpy.typing import NDArray

from deeptell.records import FAKE

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

BINS = 15  # of the calibration error, as in Guo et al. 2017


def tallies(
    labels: Ints, scores: Floats, weights: Floats, groups: Ints, *, count: int, threshold: float
) -> Floats:
    """Sum the rows `(N,)` of each of `count` groups: `(count, 6 + BINS)`.

    Columns: fakes called fake, reals called fake, reals not called, fakes not called, log-loss
    (probabilities clipped to float64's epsilon, as scikit-learn does), squared error, and per bin
    how much the scores stand above the labels.
    """

    def summed(values: Floats) -> Floats:
        return np.asarray(np.bincount(groups, values, minlength=count), np.float64)

    called, fake = scores >= threshold, labels == FAKE
    cells = [called & fake, called & ~fake, ~called & ~fake, ~called & fake]
    chance = np.where(fake, scores, 1 - scores)
    loss = -np.log(np.maximum(chance, np.finfo(np.float64).eps))
    # A bin holds its upper edge, and the first zero as well.
    bins = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], scores)
    above = np.bincount(groups * BINS + bins, weights * (scores - fake), minlength=count * BINS)
    columns = [*(weights * cell for cell in cells), weights * loss, weights * (1 - chance) ** 2]
    return np.column_stack([*map(summed, columns), above.reshape(count, BINS)])


def from_tallies(sums: Floats) -> Floats:
    """Turn `(..., 6 + BINS)` sums into `(..., 15)` figures, in the order of `Metrics`."""
    tf, ff, tr, fr, loss, square = np.moveaxis(sums[..., :6], -1, 0)
    total = tf + ff + tr + fr
    recall_fake, recall_real = ratio(tf, tf + fr), ratio(tr, tr + ff)
    f1_fake = ratio(2 * tf, np.where(tf + fr > 0, 2 * tf + ff + fr, 0))
    f1_real = ratio(2 * tr, np.where(tr + ff > 0, 2 * tr + ff + fr, 0))
    off = np.abs(sums[..., 6:]).sum(axis=-1)
    return np.stack(
        [
            ratio(tf + tr, total),
            (recall_fake + recall_real) / 2,
            *(ratio(tf, tf + ff), recall_fake, f1_fake),
            *(ratio(tr, tr + fr), recall_real, f1_real),
            *(ratio(loss, total), ratio(square, total), ratio(off, total)),
            *(tf, ff, tr, fr),
        ],
        axis=-1,
    )


def ratio(part: Floats, whole: Floats) -> Floats:
    """Divide, and give NaN where the whole is nothing."""
    nan = np.full(np.shape(whole), np.nan)
    return np.asarray(np.divide(part, whole, out=nan, where=np.asarray(whole) > 0))
