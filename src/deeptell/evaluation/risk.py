"""What knowing its own limits is worth to a detector: who may leave cases out is wrong less often.

`confidence` is whatever ranks the cases: how far a calibrated score is from one half, or how near
the faces are to the training data.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeptell.errors import DataError
from deeptell.evaluation.metrics import check
from deeptell.records import FAKE

Floats = NDArray[np.float64]

EVEN = 0.5  # calibrated scores above it are more likely fake than not


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """The error rate among the cases kept, one point for each distinct confidence."""

    coverage: Floats  # (T,) share of the cases kept, rising to 1
    risk: Floats  # (T,) share of these that are called wrongly
    area: float  # the mean risk when 1, 2, ... N cases are kept; lower is better


def risk_coverage(labels: ArrayLike, scores: ArrayLike, confidence: ArrayLike) -> RiskCoverage:
    """Keep the most confident cases, then more and more of them.

    The area is the AURC of Geifman, Uziel and El-Yaniv 2019. Cases of equal confidence come as
    one step; within it they count in random order, as expected.

    Args:
        labels: `(N,)` of 0 (REAL) and 1 (FAKE).
        scores: `(N,)` calibrated, in [0, 1]; from one half on a case is called fake.
        confidence: `(N,)`, higher is surer; any scale.

    Raises:
        DataError: as `metrics.measure`, and for another number of confidences or one that is NaN.
    """
    y, p = check(labels, scores)
    sure = np.asarray(confidence, np.float64)
    if sure.shape != y.shape or np.isnan(sure).any():
        raise DataError(f"Confidence must be {len(y)} numbers without NaN, got {sure.shape}.")
    order = np.argsort(-sure, kind="stable")
    wrong = ((p >= EVEN) != (y == FAKE))[order]
    steps = np.flatnonzero(np.append(sure[order][1:] != sure[order][:-1], True))
    kept, mistakes = steps + 1, np.cumsum(wrong)[steps]
    counts = np.arange(1, len(y) + 1)
    # A straight line through a step is what random order within it gives.
    expected = np.interp(counts, np.append(0, kept), np.append(0, mistakes))
    return RiskCoverage(kept / len(y), mistakes / kept, float(np.mean(expected / counts)))
