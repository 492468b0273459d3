"""From the logits of validation videos to a `fake_probability` that means what it says.

All methods see real and manipulated videos as equally likely, whatever their shares in the
validation set, which say nothing about the world; and all aim a little short of 0 and 1 (the
targets of Platt 1999), so that nothing grows beyond bounds where the classes do not overlap.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit

from deeptell.catalog import lookup
from deeptell.errors import DataError
from deeptell.evaluation.metrics import check
from deeptell.records import FAKE, REAL, Calibration

Floats = NDArray[np.float64]

# Ten cases of either class for each number that is fitted, the rule of thumb of logistic regression
# (Peduzzi et al. 1996); videos of one source group are one case. Isotonic regression fits as many
# numbers as it finds steps, and loses to Platt's on small sets (Niculescu-Mizil and Caruana 2005).
MIN_GROUPS = {"temperature": 10, "platt": 20, "isotonic": 50}


@dataclass(frozen=True, slots=True)
class _Cases:
    """What is fitted to: `(N,)` each."""

    logits: Floats
    targets: Floats  # nearly 0 for REAL, nearly 1 for FAKE
    weights: Floats  # each class has one half


def fit_calibration(
    labels: ArrayLike, logits: ArrayLike, groups: ArrayLike, *, method: str
) -> Calibration:
    """Fit how pooled logits become `fake_probability`.

    "temperature" (Guo et al. 2017) only makes the model more or less sure; "platt" (Platt 1999)
    moves the middle as well; "isotonic" (Zadrozny and Elkan 2002) takes any shape that never
    falls, and is level in places, where videos that ranked before become ties.

    Args:
        labels: `(N,)` of 0 (REAL) and 1 (FAKE), a row for each validation video.
        logits: `(N,)` pooled logits.
        groups: `(N,)` numbers or strings; what shares a source shares a group.
        method: "none", "temperature", "platt" or "isotonic".

    Raises:
        DataError: too few groups hold a class, a logit is not finite, labels are not 0 and 1, or
            manipulated videos have no higher logits than real ones.
        ConfigError: the method is unknown.
    """
    fit = lookup(_FITS, method, kind="calibration")
    z = np.asarray(logits, np.float64)
    y, _ = check(labels, expit(z))
    if not np.isfinite(z).all():
        row = int(np.argmin(np.isfinite(z)))
        raise DataError(f"Logits must be finite to calibrate; the one in row {row} is {z[row]}.")
    check_groups(y, groups, method=method)
    return fit(_Cases(z, _targets(y), _weights(y)))


def check_groups(labels: ArrayLike, groups: ArrayLike, *, method: str) -> None:
    """Raise a `DataError` where fewer groups hold real, or manipulated, videos than are needed."""
    needed = MIN_GROUPS.get(method, 0)
    y, known = np.asarray(labels), np.asarray(groups)
    if known.shape != y.shape:
        raise DataError(f"Every video needs its group: {y.shape} labels, {known.shape} groups.")
    real, fake = (len(np.unique(known[y == label])) for label in (REAL, FAKE))
    if min(real, fake) < needed:
        raise DataError(
            f"The calibration '{method}' needs {needed} source groups with real videos, and as "
            f"many with manipulated ones; there are {real} and {fake}. {_way_out(min(real, fake))}"
        )


def _way_out(groups: int) -> str:
    possible = [name for name, needed in MIN_GROUPS.items() if needed <= groups]
    instead = f", or take '{possible[-1]}'" if possible else ", or take 'none'"
    return f"Add groups to the validation part{instead}."


def _targets(labels: NDArray[np.intp]) -> Floats:
    """Platt's: (N1 + 1) / (N1 + 2) for the N1 fakes, 1 / (N0 + 2) for the N0 reals."""
    real, fake = (int(np.sum(labels == label)) for label in (REAL, FAKE))
    return np.where(labels == FAKE, (fake + 1) / (fake + 2), 1 / (real + 2))


def _weights(labels: NDArray[np.intp]) -> Floats:
    return np.asarray(0.5 / np.bincount(labels, minlength=2)[labels])


def _none(_: _Cases) -> Calibration:
    return Calibration()


def _temperature(cases: _Cases) -> Calibration:
    """The scale at which the slope of the log-loss is zero.

    The log-loss is convex in the scale, and targets inside (0, 1) let its slope turn positive in
    the end: there is one such place, above zero where fakes have the higher logits.
    """

    def slope(scale: float) -> float:
        wrong = expit(scale * cases.logits) - cases.targets
        return float(np.sum(cases.weights * wrong * cases.logits))

    if slope(0.0) >= 0:
        raise _backwards(cases)
    high = 1.0
    while slope(high) < 0:
        high *= 2
    return Calibration("temperature", scale=float(brentq(slope, 0.0, high, xtol=1e-12)))


def _platt(cases: _Cases) -> Calibration:
    """Logistic regression on the logit: scale and shift of the smallest log-loss."""
    middle, spread = float(cases.logits.mean()), float(cases.logits.std())
    if not spread:
        raise _backwards(cases)
    # On logits of mean 0 and spread 1, so that how large they are does not matter to the search.
    columns = np.column_stack([(cases.logits - middle) / spread, np.ones(len(cases.logits))])

    def loss(at: Floats) -> tuple[float, Floats]:
        fitted = columns @ at
        each = np.logaddexp(0, fitted) - cases.targets * fitted
        return float(cases.weights @ each), columns.T @ (
            cases.weights * (expit(fitted) - cases.targets)
        )

    def curvature(at: Floats) -> Floats:
        p = expit(columns @ at)
        return np.asarray(columns.T @ (columns * (cases.weights * p * (1 - p))[:, None]))

    start = np.array([1.0, 0.0])
    found = minimize(
        loss, start, jac=True, hess=curvature, method="trust-exact", options={"gtol": 1e-10}
    )
    scale = float(found.x[0]) / spread
    if scale <= 0:
        raise _backwards(cases)
    return Calibration("platt", scale=scale, shift=float(found.x[1]) - scale * middle)


def _isotonic(cases: _Cases) -> Calibration:
    """Its knots are the ends of the level parts, which is all that scikit-learn keeps of them."""
    from sklearn.isotonic import IsotonicRegression  # slow to import, and few need it

    fitted = IsotonicRegression(out_of_bounds="clip")
    fitted.fit(cases.logits, cases.targets, sample_weight=cases.weights)
    at, values = fitted.X_thresholds_, fitted.y_thresholds_
    if not np.ptp(values):
        raise _backwards(cases)
    return Calibration("isotonic", knots=tuple(zip(at.tolist(), values.tolist(), strict=True)))


def _backwards(cases: _Cases) -> DataError:
    return DataError(
        f"Of the {len(cases.logits)} validation videos, the manipulated ones have no higher scores "
        "than the real ones, so that calibration could only flatten or turn round what the model "
        "says: look at its labels and its training, or take 'none'."
    )


_FITS: dict[str, Callable[[_Cases], Calibration]] = {
    "none": _none,
    "temperature": _temperature,
    "platt": _platt,
    "isotonic": _isotonic,
}
