"""The ROC curve, sorted once for any number of weightings of its rows."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deeptell.evaluation.tallies import Floats, Ints
from deeptell.records import FAKE

SORTED = 7  # how many figures a curve gives
PARTIAL = 0.1  # false positive rate up to which the partial AUC counts
RATES = (0.01, 0.05, 0.1)  # false positive rates of `tpr_at_fpr_1` and so on


@dataclass(frozen=True, slots=True)
class Curve:
    """The ROC curve's shape: sorted once, it gives the figures of any weighting of the rows.

    The curve has a corner after each of the T distinct scores, from the highest down, and one
    before them all; ties are one step.
    """

    fakes: Ints  # (F,) rows of the fakes, highest score first
    reals: Ints  # (R,) rows of the reals, highest score first
    fakes_at: Ints  # (T + 1,) how many fakes have been passed at each corner
    reals_at: Ints  # (T + 1,) how many reals
    rises: Ints  # (K,) the corners that pass a fake; of each of them:
    found_at: Ints  # (K,) fakes passed there,
    alarms_at: Ints  # (K,) reals passed there,
    above_at: Ints  # (K,) and reals passed at the corner before

    @classmethod
    def through(cls, labels: Ints, scores: Floats) -> "Curve":
        """Sort checked labels and scores, both `(N,)`."""
        order = np.argsort(-scores, kind="stable")
        ends = np.flatnonzero(np.diff(scores[order], append=-1.0))
        fake = labels[order] == FAKE
        fakes_at = np.concatenate(([0], np.cumsum(fake)[ends]))
        reals_at = np.concatenate(([0], ends + 1)) - fakes_at
        rises = np.flatnonzero(np.diff(fakes_at)) + 1
        return cls(
            fakes=order[fake],
            reals=order[~fake],
            fakes_at=fakes_at,
            reals_at=reals_at,
            rises=rises,
            found_at=fakes_at[rises],
            alarms_at=reals_at[rises],
            above_at=reals_at[rises - 1],
        )

    def figures(self, weights: Floats) -> Floats:
        """The first seven of `metrics.FIGURES` for weights `(N,)` in the order of the data."""
        (found,) = self.figures_of(weights[None, self.fakes], weights[None, self.reals])
        return np.asarray(found)

    def figures_of(self, fakes: Floats, reals: Floats) -> Floats:
        """The same for B weightings, of the fakes `(B, F)` and the reals `(B, R)` as sorted.

        AUC counts half of each tied pair, average precision is the sum of steps of recall times
        precision, and the EER is where the line between two corners meets "share of reals called
        fake = share of fakes missed". Returns `(B, 7)`, NaN where a class has no weight.
        """
        whole = fakes.any(axis=1) & reals.any(axis=1)
        if not whole.all():
            found = np.full((len(fakes), SORTED), np.nan)
            if whole.any():
                found[whole] = self.figures_of(fakes[whole], reals[whole])
            return found
        run = _Running(self, _running(fakes), _running(reals))
        found, alarms = run.fakes.take(self.found_at, 1), run.reals.take(self.alarms_at, 1)
        step = np.diff(found, prepend=0.0)
        lost = _running(step * (alarms + run.reals.take(self.above_at, 1)) / 2)
        precision = found / np.maximum(found + alarms, np.finfo(np.float64).tiny)
        auc = 1 - lost[:, -1] / (run.fakes[:, -1] * run.reals[:, -1])
        average_precision = (step * precision).sum(axis=1) / run.fakes[:, -1]
        found_there = [run.shares(run.within(limit))[1] for limit in RATES]
        return np.column_stack(
            [auc, run.partial_area(lost), average_precision, run.equal_error(), *found_there]
        )


@dataclass(frozen=True, slots=True)
class _Running:
    """A curve with B weightings: weights of fakes `(B, F + 1)` and reals passed, from none to all.

    Corners are given as `(B,)`, one of each weighting.
    """

    curve: Curve
    fakes: Floats
    reals: Floats

    def shares(self, corner: Ints) -> tuple[Floats, Floats]:
        """`(B,)` false and true positive rate at a corner."""
        rows = np.arange(len(corner))
        called = self.reals[rows, self.curve.reals_at[corner]] / self.reals[:, -1]
        return called, self.fakes[rows, self.curve.fakes_at[corner]] / self.fakes[:, -1]

    def within(self, limit: float) -> Ints:
        """The last corner whose false positive rate is not above a limit below 1."""
        return self._first(lambda corner: self.shares(corner)[0] > limit) - 1

    def equal_error(self) -> Floats:
        """Where both shares called fake make 1 together, on the line between two corners."""
        right = self._first(lambda corner: np.add(*self.shares(corner)) >= 1)
        start, found = self.shares(right - 1)
        end, more = self.shares(right)
        before, after = start + found, end + more
        return start + (1 - before) / (after - before) * (end - start)

    def partial_area(self, lost: Floats) -> Floats:
        """The standardised area up to `PARTIAL`; `lost` `(B, K + 1)` lies left of the curve."""
        corner = self.within(PARTIAL)
        (start, found), (end, more) = self.shares(corner), self.shares(corner + 1)
        top = found + (more - found) * (PARTIAL - start) / (end - start)
        passed = np.searchsorted(self.curve.rises, corner, side="right")
        left = lost[np.arange(len(corner)), passed] / (self.fakes[:, -1] * self.reals[:, -1])
        area = PARTIAL * top - left - (top - found) * (start + PARTIAL) / 2
        guessing = PARTIAL**2 / 2
        return (1 + (area - guessing) / (PARTIAL - guessing)) / 2

    def _first(self, holds: Callable[[Ints], NDArray[np.bool_]]) -> Ints:
        """The first corner of each weighting where it holds, by halving; it holds at the last."""
        low = np.zeros(len(self.fakes), np.intp)
        high = np.full_like(low, len(self.curve.reals_at) - 1)
        while (low < high).any():
            middle = (low + high) // 2
            yes = holds(middle)
            low = np.where(yes, low, np.minimum(middle + 1, high))
            high = np.where(yes, middle, high)
        return low


def _running(values: Floats) -> Floats:
    total = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=total[:, 1:])
    return total
