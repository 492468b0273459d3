"""Classic classifiers are fitted on embeddings, and calibrated on people they were not fitted on.

Kumar, Bhavsar and Verma (IWBF 2020) fitted six of them, with these settings, on a random split of
frames; here no fold of the calibration holds frames of a group that another holds.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from deeptell.catalog import lookup
from deeptell.errors import ConfigError, DataError
from deeptell.models.classic import ClassicClassifier

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

FOLDS = 3
NEIGHBOURS = 10
TREE_SAMPLES = 4096  # that each tree of a forest sees at most
LANDMARKS = 300  # of the Nystroem approximation

# Class weight ("balanced" or None), fewest samples that one is fitted on, seed -> a pipeline, of
# the steps that `models.classic` knows.
Make = Callable[[str | None, int, int], "BaseEstimator"]


def _sgd(weight: str | None, n: int, seed: int) -> "BaseEstimator":
    """Averaged over its steps: without that, fifty rounds left it at chance on embeddings whose
    values hang together."""
    kind = SGDClassifier(
        loss="log_loss",
        max_iter=50,
        tol=None,
        average=True,
        class_weight=weight,
        random_state=seed,
    )
    return make_pipeline(StandardScaler(), kind)


def _random_forest(weight: str | None, n: int, seed: int) -> "BaseEstimator":
    """A hundred trees; of a large table each sees a part, or fitting takes minutes."""
    kind = RandomForestClassifier(
        100,
        max_samples=TREE_SAMPLES if n > TREE_SAMPLES else None,
        class_weight=weight,
        random_state=seed,
    )
    return make_pipeline(kind)


def _logistic_regression(weight: str | None, n: int, seed: int) -> "BaseEstimator":
    return make_pipeline(StandardScaler(), LogisticRegression(class_weight=weight, max_iter=1000))


def _knn(weight: str | None, n: int, seed: int) -> "BaseEstimator":
    """By plain search, whose state is arrays only; it holds every embedding it was fitted on.

    The embedding is taken as it is: its distances are what a metric loss has learnt.
    """
    return make_pipeline(KNeighborsClassifier(min(NEIGHBOURS, n), algorithm="brute"))


def _perceptron(weight: str | None, n: int, seed: int) -> "BaseEstimator":
    kind = Perceptron(max_iter=15, tol=None, class_weight=weight, random_state=seed)
    return make_pipeline(StandardScaler(), kind)


def _decision_tree(weight: str | None, n: int, seed: int) -> "BaseEstimator":
    return make_pipeline(DecisionTreeClassifier(class_weight=weight, random_state=seed))


def _svm(weight: str | None, n: int, seed: int) -> "BaseEstimator":
    """An RBF kernel through 300 landmarks (Williams and Seeger, NIPS 2000): the exact one takes
    minutes on tens of thousands of embeddings."""
    landmarks = Nystroem(n_components=min(LANDMARKS, n), random_state=seed)
    kind = LinearSVC(class_weight=weight, random_state=seed)
    return make_pipeline(StandardScaler(), landmarks, kind)


def _gradient_boosting(weight: str | None, n: int, seed: int) -> "BaseEstimator":
    """All of its hundred steps: an early end would be judged on frames of the people that it was
    fitted on."""
    kind = HistGradientBoostingClassifier(
        early_stopping=False, class_weight=weight, random_state=seed
    )
    return make_pipeline(kind)


CLASSIFIERS: Mapping[str, Make] = {
    "sgd": _sgd,
    "random_forest": _random_forest,
    "logistic_regression": _logistic_regression,
    "knn": _knn,
    "perceptron": _perceptron,
    "decision_tree": _decision_tree,
    "svm": _svm,
    "gradient_boosting": _gradient_boosting,
}
UNWEIGHTED = ("knn",)  # its neighbours vote; they cannot be weighed by class


def fit_classifier(
    name: str,
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    groups: NDArray[np.str_],
    *,
    seed: int,
    balanced: bool,
) -> ClassicClassifier:
    """Fit on all embeddings; calibrate (Platt) on predictions for groups that were left out.

    Args:
        embeddings: `(N, D)`.
        labels: `(N,)`, FAKE = 1.
        groups: `(N,)`; what shares a source shares a group.
        balanced: weigh both classes alike, in the calibration too, which would otherwise bring
            the shares of the training set back.

    Raises:
        ConfigError: an unknown name, or one that cannot weigh classes.
        DataError: a class is missing or has one group only, or an embedding is not finite.
    """
    make = lookup(CLASSIFIERS, name, kind="classifier")
    if balanced and name in UNWEIGHTED:
        known = ", ".join(other for other in CLASSIFIERS if other not in UNWEIGHTED)
        raise ConfigError(f"'{name}' cannot weigh classes; these can: {known}.")
    _check(embeddings, labels)
    folds = _folds(labels, groups, seed=seed)
    fewest = min(len(rows) for rows, _ in folds)
    estimator = make("balanced" if balanced else None, fewest, seed)
    fitted = CalibratedClassifierCV(estimator, cv=folds, ensemble=False)
    weights = compute_sample_weight("balanced", labels) if balanced else None
    # On one thread sums have one order. And boosting's threads, where others want the cores, wait
    # for each other ten times as long as they compute.
    with threadpool_limits(1), warnings.catch_warnings():
        # The pipeline has its class weight; that these reach the calibration alone is meant so.
        warnings.filterwarnings("ignore", ".*sample weights will only be used for the calibration")
        fitted.fit(embeddings, labels, sample_weight=weights)
    # Neither is part of the classifier: the folds, and the pipeline before it was fitted.
    fitted.set_params(cv=None, estimator=None)
    return ClassicClassifier(fitted)


def fit_linear(
    embeddings: NDArray[np.float32], labels: NDArray[np.int64], *, seed: int
) -> tuple[NDArray[np.float64], float]:
    """Weights `(D,)` and bias of a logistic regression in which both classes weigh the same.

    Raises:
        DataError: as `fit_classifier`.
    """
    _check(embeddings, labels)
    kind = LogisticRegression(class_weight="balanced", max_iter=1000, random_state=seed)
    fitted = kind.fit(embeddings.astype(np.float64), labels)
    return np.asarray(fitted.coef_[0], np.float64), float(fitted.intercept_[0])


def _check(embeddings: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
    for label, name in ((0, "real"), (1, "fake")):
        if not (labels == label).any():
            raise DataError(f"A classifier needs both classes; there is no {name} embedding.")
    broken = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if len(broken):
        raise DataError(
            f"{len(broken)} of {len(labels)} embeddings are not finite, the first is number "
            f"{broken[0]}: the model that made them is broken."
        )


def _folds(
    labels: NDArray[np.int64], groups: NDArray[np.str_], *, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Training and held-out rows, both classes in each, no group on both sides."""
    fewest = min(len(np.unique(groups[labels == label])) for label in (0, 1))
    if fewest < 2:
        raise DataError(
            "A classifier is calibrated on people it was not fitted on, which takes two source "
            f"groups of each class at least; a class has {fewest}."
        )
    for count in range(min(FOLDS, fewest), 1, -1):
        kind = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
        folds: list[Any] = list(kind.split(np.zeros(len(labels)), labels, groups))
        if all(len(np.unique(labels[rows])) == 2 for rows, _ in folds):
            return folds
    raise DataError(
        "No folds of source groups leave both classes to fit a classifier on: groups that hold "
        "both, or more groups of the rarer class, are needed."
    )
