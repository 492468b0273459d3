"""Figures of a detector from labels and scores; numpy only, so that a scan may import it.

Labels are 1 for FAKE and 0 for REAL, scores are `fake_probability` in [0, 1], both `(N,)`. A score
at or above the threshold counts as "called fake". A figure that the data do not define, such as
the AUC where only one class is there, is NaN; scikit-learn is the oracle in the tests.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeptell.errors import DataError
from deeptell.evaluation.curve import Curve
from deeptell.evaluation.tallies import Floats, Ints, from_tallies, tallies
from deeptell.records import CLEAR, FAKE, FLAG, REAL, Calibration, OperatingPoint

ERROR_RATE = 0.05  # of real videos at "flag", of manipulated videos at "clear"
UNDECIDED = 0.10  # of real videos between the two, at most


@dataclass(frozen=True, slots=True)
class Metrics:
    """What `measure` finds. The last four are counts, or sums of weights where weights are given.

    Precision is NaN where a class was never called, recall and F1 where it is not there.

    The partial AUC is the area up to a false positive rate of 0.1, stretched so that guessing
    gives 0.5 and perfection 1 (McClish 1989). `tpr_at_fpr_5` is the largest true positive rate of
    a threshold at which at most 5 % of the reals are called fake; nothing is interpolated. The
    calibration error is that of Naeini et al. 2015, with the 15 equal bins of Guo et al. 2017: the
    distance between mean score and share of fakes, averaged over bins by how many rows they hold.
    """

    auc: float
    partial_auc: float
    average_precision: float
    eer: float
    tpr_at_fpr_1: float
    tpr_at_fpr_5: float
    tpr_at_fpr_10: float
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
    calibration_error: float
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
    sums = tallies(y, p, w, np.zeros_like(y), count=1, threshold=threshold)[0]
    return Metrics(*Curve.through(y, p).figures(w).tolist(), *from_tallies(sums).tolist())


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


def operating_points(
    labels: ArrayLike, scores: ArrayLike, groups: ArrayLike | None = None
) -> tuple[OperatingPoint, ...]:
    """Choose the thresholds of the verdict on scores of validation videos, never on test videos.

    "flag" is the lowest threshold at which at most 5 % of the real videos are at or above it,
    "clear" the highest at which at most 5 % of the manipulated ones are below it; both lie midway
    between neighbouring scores. At or above "flag" the answer is "likely manipulated", below
    "clear" it is "no manipulation found", between them "cannot tell", so flag >= clear always:
    where the two rules would cross, they change places, which both error rates allow. Where the
    classes do not overlap at all, "clear" lies at one quarter of the gap and "flag" at three.

    A model that misses much would leave most questions open. So "clear" rises as far as it takes
    for at most 10 % of the real videos to lie between the two; more than 5 % of the manipulated
    ones may then be below it, and every answer that rests on it says how many.

    Args:
        groups: `(N,)` the source group of each video; by default each is its own.

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
    of = np.arange(len(y)) if groups is None else np.asarray(groups)
    low, high = _thresholds(real, fake)
    return (point(FLAG, high, y, p, of), point(CLEAR, low, y, p, of))


def _thresholds(real: Floats, fake: Floats) -> tuple[float, float]:
    gap = float(fake[0] - real[-1])
    if gap > 0:
        return float(real[-1]) + gap / 4, float(real[-1]) + gap * 3 / 4
    allowed_real, allowed_fake = (int(ERROR_RATE * len(part) + 1e-9) for part in (real, fake))
    last_real, first_fake = real[-1 - allowed_real], fake[allowed_fake]
    known = np.unique(np.concatenate((real, fake)))
    above, below = known[known > last_real], known[known < first_fake]
    flag = between(last_real, above[0] if len(above) else max(1.0, np.nextafter(last_real, 2)))
    clear = between(below[-1] if len(below) else 0.0, first_fake)
    low, high = min(flag, clear), max(flag, clear)
    open_real = int(np.sum(real >= high)) + int(UNDECIDED * len(real) + 1e-9)
    last_clear = real[-1 - open_real] if open_real < len(real) else 0.0
    decided = between(last_clear, np.append(known[known > last_clear], high)[0])
    return max(low, min(decided, high)), high


def between(low: float, high: float) -> float:
    """A threshold above `low` and not above `high`, midway where floats allow it."""
    middle = (low + high) / 2
    return float(middle if middle > low else high)


def point(
    name: str, threshold: float, labels: Ints, scores: Floats, groups: NDArray[np.generic]
) -> OperatingPoint:
    """What stands at or above a threshold; a group does where one of its real videos does."""
    real, fake = scores[labels == REAL], scores[labels == FAKE]
    of = groups[labels == REAL]
    return OperatingPoint(
        name=name,
        threshold=threshold,
        false_positive_rate=float(np.mean(real >= threshold)),
        true_positive_rate=float(np.mean(fake >= threshold)) if len(fake) else np.nan,
        real_videos=len(real),
        fake_videos=len(fake),
        real_groups=len(np.unique(of)),
        alarmed_groups=len(np.unique(of[real >= threshold])),
    )
