"""Figures of a detector from labels and scores; numpy only, so that a scan may import it.

Labels are 1 for FAKE and 0 for REAL, scores are `fake_probability` in [0, 1], both `(N,)`. A score
at or above the threshold counts as "called fake". A figure that the data do not define, such as
the AUC where only one class is there, is NaN; scikit-learn is the oracle in the tests.
"""

from bisect import bisect_left
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeptell.errors import DataError
from deeptell.records import FAKE, REAL, Calibration, OperatingPoint

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

ERROR_RATE = 0.05  # of real videos at "flag", of manipulated videos at "clear"


@dataclass(frozen=True, slots=True)
class Metrics:
    """What `measure` finds. The last four are counts, or sums of weights where weights are given.

    Precision is NaN where a class was never called, recall and F1 where it is not there.
    """

    auc: float
    average_precision: float
    eer: float
    accuracy: float
    balanced_accuracy: float
    precision_fake: float
    recall_fake: float
    f1_fake: float
    precision_real: float
    recall_real: float
    f1_real: float
    log_loss: float
    brier: float
    true_fake: float  # fakes called fake
    false_fake: float  # reals called fake
    true_real: float  # reals not called fake
    false_real: float  # fakes not called fake


FIGURES = tuple(field.name for field in fields(Metrics))


def measure(
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    threshold: float = 0.5,
    weights: ArrayLike | None = None,
) -> Metrics:
    """Measure how well scores tell fakes from reals.

    Args:
        labels: `(N,)` of 0 (REAL) and 1 (FAKE).
        scores: `(N,)` in [0, 1].
        threshold: scores at or above it are called fake.
        weights: `(N,)`, not negative; one each by default.

    Raises:
        DataError: for no rows, other labels, NaN, scores outside [0, 1], unequal lengths.
    """
    y, p = check(labels, scores)
    w = np.ones(len(y)) if weights is None else check_weights(weights, len(y))
    curve = Curve.through(y, p)
    sums = w @ summands(y, p, threshold=threshold)
    return Metrics(*curve.figures(w), *(float(value) for value in from_sums(sums)))


def check(labels: ArrayLike, scores: ArrayLike) -> tuple[Ints, Floats]:
    """Return labels and scores as checked arrays; raises `DataError` as `measure` says."""
    y, p = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if y.ndim != 1 or y.shape != p.shape:
        raise DataError(f"Labels and scores must be two lists of one length: {y.shape}, {p.shape}.")
    if not len(y):
        raise DataError("There are no scores to measure: the list is empty.")
    if not np.isin(y, (REAL, FAKE)).all():
        wrong = y[~np.isin(y, (REAL, FAKE))][0]
        raise DataError(f"Labels must be 0 (real) or 1 (fake), got {wrong}.")
    if not ((p >= 0) & (p <= 1)).all():
        row = int(np.argmin((p >= 0) & (p <= 1)))
        raise DataError(f"A score must lie in [0, 1]; the one in row {row} is {p[row]}.")
    return y.astype(np.intp), p


def check_weights(weights: ArrayLike, n: int) -> Floats:
    """Return `(n,)` weights as floats; raises `DataError` for a negative or infinite one."""
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (n,) or not np.isfinite(w).all() or (w < 0).any() or not w.any():
        raise DataError(f"Weights must be {n} numbers of at least 0, and not all 0.")
    return w


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
    found_at: Ints  # (K,) of these, the K corners that pass a fake: fakes passed there,
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
            found_at=fakes_at[rises],
            alarms_at=reals_at[rises],
            above_at=reals_at[rises - 1],
        )

    def figures(self, weights: Floats) -> tuple[float, float, float]:
        """AUC, average precision and EER for weights `(N,)` in the order of the data."""
        return self.figures_of(weights[self.fakes], weights[self.reals])

    def figures_of(self, fakes: Floats, reals: Floats) -> tuple[float, float, float]:
        """The same for the weights of the fakes `(F,)` and of the reals `(R,)`, both as sorted.

        AUC counts half of each tied pair, average precision is the sum of steps of recall times
        precision, and the EER is where the line between two corners meets "share of reals called
        fake = share of fakes missed".
        """
        fakes, reals = _running(fakes), _running(reals)
        n_fake, n_real = float(fakes[-1]), float(reals[-1])
        if not (n_fake > 0 and n_real > 0):
            return (np.nan, np.nan, np.nan)
        found, alarms = fakes[self.found_at], reals[self.alarms_at]
        above = reals[self.above_at]
        step = np.diff(found, prepend=0.0)
        lost = float(step @ alarms + step @ above) / 2
        precision = found / np.maximum(found + alarms, np.finfo(np.float64).tiny)
        auc = 1 - lost / (n_fake * n_real)
        return auc, float(step @ precision) / n_fake, self._equal_error(fakes, reals)

    def _equal_error(self, fakes: Floats, reals: Floats) -> float:
        def called(i: int) -> float:  # shares of reals and of fakes called fake: 1 where they meet
            return float(reals[self.reals_at[i]] / reals[-1] + fakes[self.fakes_at[i]] / fakes[-1])

        right = bisect_left(range(len(self.fakes_at)), 1.0, key=called)
        before, after = called(right - 1), called(right)
        start, end = reals[self.reals_at[right - 1 : right + 1]] / reals[-1]
        return float(start + (1.0 - before) / (after - before) * (end - start))


def _running(values: Floats) -> Floats:
    total = np.zeros(len(values) + 1)
    np.cumsum(values, out=total[1:])
    return total


def summands(labels: Ints, scores: Floats, *, threshold: float) -> Floats:
    """The `(N, 6)` whose weighted sums give every figure that no sorting is needed for.

    Columns: fakes called fake, reals called fake, reals not called, fakes not called, log-loss
    (probabilities clipped to float64's epsilon, as scikit-learn does), squared error.
    """
    called, fake = scores >= threshold, labels == FAKE
    chance = np.where(fake, scores, 1 - scores)
    cells = [called & fake, called & ~fake, ~called & ~fake, ~called & fake]
    loss = -np.log(np.maximum(chance, np.finfo(np.float64).eps))
    return np.column_stack([*cells, loss, (1 - chance) ** 2]).astype(np.float64)


def from_sums(sums: Floats) -> Floats:
    """Turn `(..., 6)` sums of `summands` into `(14, ...)` figures, in the order of `Metrics`."""
    tf, ff, tr, fr, loss, square = np.moveaxis(sums, -1, 0)
    total = tf + ff + tr + fr
    recall_fake, recall_real = _ratio(tf, tf + fr), _ratio(tr, tr + ff)
    f1_fake = _ratio(2 * tf, np.where(tf + fr > 0, 2 * tf + ff + fr, 0))
    f1_real = _ratio(2 * tr, np.where(tr + ff > 0, 2 * tr + ff + fr, 0))
    return np.stack(
        [
            _ratio(tf + tr, total),
            (recall_fake + recall_real) / 2,
            *(_ratio(tf, tf + ff), recall_fake, f1_fake),
            *(_ratio(tr, tr + fr), recall_real, f1_real),
            *(_ratio(loss, total), _ratio(square, total)),
            *(tf, ff, tr, fr),
        ]
    )


def _ratio(part: Floats, whole: Floats) -> Floats:
    nan = np.full(np.shape(whole), np.nan)
    return np.asarray(np.divide(part, whole, out=nan, where=np.asarray(whole) > 0))


def sigmoid(logits: ArrayLike) -> Floats:
    """Turn logits into probabilities, without overflow at any size."""
    z = np.asarray(logits, dtype=np.float64)
    small = np.exp(-np.abs(z))
    return np.asarray(np.where(z >= 0, 1.0, small) / (1 + small))


def logit(probabilities: ArrayLike) -> Floats:
    """Undo `sigmoid`. 0 and 1 become about -36 and 36, the ends of what float64 can tell apart."""
    eps = np.finfo(np.float64).eps
    p = np.clip(np.asarray(probabilities, dtype=np.float64), eps, 1 - eps)
    return np.asarray(np.log(p) - np.log1p(-p))


def calibrated(logits: ArrayLike, calibration: Calibration) -> Floats:
    """Turn pooled logits into `fake_probability`, as a bundle was calibrated."""
    z = np.asarray(logits, dtype=np.float64)
    if calibration.knots:
        at, probabilities = np.array(calibration.knots).T
        return np.asarray(np.interp(z, at, probabilities))
    return sigmoid(calibration.scale * z + calibration.shift)


def pool(logits: ArrayLike) -> float:
    """The one rule by which the logits of a track's or a person's frames `(N,)` become one logit.

    It is their mean: unlike a mean of probabilities, a few sure frames are heard among many
    undecided ones, and unlike a maximum, one bad frame does not decide. A file's score is the
    highest of its people. Raises `DataError` for no frames or a logit that is not finite.
    """
    values = np.asarray(logits, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise DataError(f"A score needs at least one finite logit, got {values.size} with NaN/inf.")
    return float(values.mean())


def operating_points(labels: ArrayLike, scores: ArrayLike) -> tuple[OperatingPoint, ...]:
    """Choose the thresholds of the verdict on scores of validation videos, never on test videos.

    "flag" is the lowest threshold at which at most 5 % of the real videos are at or above it,
    "clear" the highest at which at most 5 % of the manipulated ones are below it; both lie midway
    between neighbouring scores. At or above "flag" the answer is "likely manipulated", below
    "clear" it is "no manipulation found", between them "cannot tell", so flag >= clear always:
    where the two rules would cross, they change places, which both error rates allow. Where the
    classes do not overlap at all, "clear" lies at one quarter of the gap and "flag" at three.

    Raises:
        DataError: as `measure`, and where one of the classes is missing.
    """
    y, p = check(labels, scores)
    real, fake = np.sort(p[y == REAL]), np.sort(p[y == FAKE])
    if not (len(real) and len(fake)):
        raise DataError(
            f"Operating points need real and manipulated videos; there are {len(real)} real and "
            f"{len(fake)} manipulated ones. Add some of the other kind to the validation part."
        )
    low, high = _thresholds(real, fake)
    return (_point("flag", high, real, fake), _point("clear", low, real, fake))


def _thresholds(real: Floats, fake: Floats) -> tuple[float, float]:
    gap = float(fake[0] - real[-1])
    if gap > 0:
        return float(real[-1]) + gap / 4, float(real[-1]) + gap * 3 / 4
    allowed_real, allowed_fake = (int(ERROR_RATE * len(part) + 1e-9) for part in (real, fake))
    last_real, first_fake = real[-1 - allowed_real], fake[allowed_fake]
    known = np.unique(np.concatenate((real, fake)))
    above, below = known[known > last_real], known[known < first_fake]
    flag = _between(last_real, above[0] if len(above) else max(1.0, np.nextafter(last_real, 2)))
    clear = _between(below[-1] if len(below) else 0.0, first_fake)
    return min(flag, clear), max(flag, clear)


def _between(low: float, high: float) -> float:
    middle = (low + high) / 2
    return float(middle if middle > low else high)


def _point(name: str, threshold: float, real: Floats, fake: Floats) -> OperatingPoint:
    return OperatingPoint(
        name=name,
        threshold=threshold,
        false_positive_rate=float(np.mean(real >= threshold)),
        true_positive_rate=float(np.mean(fake >= threshold)),
        real_videos=len(real),
        fake_videos=len(fake),
    )
