"""Source groups drawn once, and every table of videos measured on the same draws.

So differences between tables are paired, also where one of them has lost videos: a video's weight
in a draw is how often its group was drawn.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deeptell.evaluation.bootstrap import interval
from deeptell.evaluation.versions import Floats, VideoScores
from deeptell.records import FAKE

TAILS = (2.5, 97.5)  # percentiles of a 95 % interval


@dataclass(frozen=True)
class Draws:
    """`times` `(1 + draws, G)` says how often each group counts; first each of them once.

    Every figure comes as `(1 + draws,)`: its value, then what it is in each draw; NaN where a
    class is not there.
    """

    groups: tuple[str, ...]
    times: Floats

    @classmethod
    def of(cls, groups: Iterable[str], *, draws: int = 1000, seed: int = 0) -> "Draws":
        """Draw these groups with replacement, as often as there are."""
        keys = sorted(set(groups))
        drawn = np.random.default_rng(seed).integers(len(keys), size=(draws, len(keys)))
        counts = [np.bincount(one, minlength=len(keys)) for one in drawn]
        return cls(tuple(keys), np.vstack([np.ones(len(keys)), *counts]))

    def auc(self, table: VideoScores) -> Floats:
        """Share of pairs of a fake and a real in which the fake scores higher; ties count half."""
        fake = table.labels == FAKE
        groups = np.searchsorted(self.groups, table.groups)
        count = len(self.groups)
        wins = np.zeros((count, count))  # of the fakes of one group over the reals of another
        for other in np.unique(groups[~fake]):
            reals = np.sort(table.scores[~fake & (groups == other)])
            sides = (np.searchsorted(reals, table.scores[fake], side) for side in ("left", "right"))
            wins[:, other] = np.bincount(groups[fake], sum(sides) / 2, minlength=count)
        fakes, reals = (np.bincount(groups[of], minlength=count) for of in (fake, ~fake))
        won = ((self.times @ wins) * self.times).sum(axis=1)
        return _ratio(won, (self.times @ fakes) * (self.times @ reals))

    def accuracy(self, table: VideoScores) -> Floats:
        """Share of videos on the right side of the table's own threshold."""
        everything = np.ones(len(table.labels), bool)
        return self._share(table, everything)

    def balanced_accuracy(self, table: VideoScores) -> Floats:
        """Mean of that share among the fakes and among the reals."""
        fake = table.labels == FAKE
        return np.asarray((self._share(table, fake) + self._share(table, ~fake)) / 2)

    def _share(self, table: VideoScores, of: NDArray[np.bool_]) -> Floats:
        right = (table.scores >= table.threshold) == (table.labels == FAKE)
        groups, count = np.searchsorted(self.groups, table.groups), len(self.groups)
        held, all_of = (np.bincount(groups[rows], minlength=count) for rows in (of & right, of))
        return _ratio(self.times @ held, self.times @ all_of)

    def measured(self, name: str, figure: Floats) -> tuple[float, float, float]:
        """Value, low and high of a figure of `Metrics`; see `bootstrap.interval`."""
        value = float(figure[0])
        return value, *interval(value, figure[1:], figure=name, groups=len(self.groups))

    def compared(self, figure: Floats) -> tuple[float, float, float]:
        """Value, low and high of what sets two tables against each other, as `compare.paired`."""
        value, known = float(figure[0]), figure[1:][np.isfinite(figure[1:])]
        if len(self.groups) < 2 or not len(known) or not np.isfinite(value):
            return value, np.nan, np.nan
        low, high = np.percentile(known, TAILS)
        return value, float(low), float(high)


def _ratio(part: Floats, whole: Floats) -> Floats:
    nan = np.full(len(whole), np.nan)
    return np.asarray(np.divide(part, whole, out=nan, where=whole > 0))
