"""Classic classifiers as they are kept, and what is refused in their place."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from blobs import blobs
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import SVC
from skops.io import dumps

from deeptell.errors import BundleError
from deeptell.models.classic import ClassicClassifier
from deeptell.training.classifiers import CLASSIFIERS, fit_classifier


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_what_is_kept_answers_the_same(name: str) -> None:
    x, labels, groups = blobs()
    fitted = fit_classifier(name, x, labels, groups, seed=0, balanced=False)
    again = ClassicClassifier.from_bytes(fitted.to_bytes())
    new = torch.from_numpy(blobs(seed=1)[0])
    assert torch.equal(fitted(new), again(new))
    assert fitted(new).dtype == torch.float32
    assert fitted(new).isfinite().all()
    assert not fitted.state_dict()
    probabilities = fitted.fitted.predict_proba(new.numpy())[:, 1]
    np.testing.assert_allclose(torch.sigmoid(fitted(new)).numpy(), probabilities, atol=2e-6)


def last_step(fitted: ClassicClassifier):  # type: ignore[no-untyped-def]
    return fitted.fitted.calibrated_classifiers_[0].estimator[-1]


def point_a_tree_outside(tree: Any, **changed: int) -> None:
    """Change the first node of a tree."""
    state = tree.__getstate__()
    for field, value in changed.items():
        state["nodes"][field][0] = value
    tree.__setstate__(state)


def change_boosted(step: Any, field: str, value: int) -> None:
    step._predictors[0][0].nodes[field][0] = value


# What would be read from outside the classifier, or from it for ever, if it were used as it is.
LEADING_ASTRAY = {
    "child outside": (
        "decision_tree",
        lambda step: point_a_tree_outside(step.tree_, left_child=1 << 40, right_child=1 << 40),
    ),
    "child that is its parent": (
        "decision_tree",
        lambda step: point_a_tree_outside(step.tree_, left_child=0),
    ),
    "feature outside": (
        "decision_tree",
        lambda step: point_a_tree_outside(step.tree_, feature=1 << 40),
    ),
    "in a forest": (
        "random_forest",
        lambda step: point_a_tree_outside(step.estimators_[7].tree_, right_child=1 << 40),
    ),
    "boosted child": ("gradient_boosting", lambda step: change_boosted(step, "left", 1 << 31)),
    "boosted feature": (
        "gradient_boosting",
        lambda step: change_boosted(step, "feature_idx", 1 << 40),
    ),
    "boosted category": (
        "gradient_boosting",
        lambda step: change_boosted(step, "is_categorical", 1),
    ),
    "before boosting": (
        "gradient_boosting",
        lambda step: setattr(step, "_preprocessor", {"transform": "narrower"}),
    ),
    "class outside": ("knn", lambda step: setattr(step, "_y", step._y + (1 << 40))),
    "more neighbours than rows": (
        "knn",
        lambda step: vars(step).update(n_neighbors=1 << 20, n_samples_fit_=1 << 20),
    ),
    "rows without a class": ("knn", lambda step: setattr(step, "_y", step._y[:5])),
}


class TestRefused:
    @pytest.mark.parametrize("case", LEADING_ASTRAY)
    def test_known_types_that_lead_out_of_themselves(self, case: str) -> None:
        """scikit-learn does not look where a tree leads: unrefused, the first of these crash."""
        name, forge = LEADING_ASTRAY[case]
        fitted = fit_classifier(name, *blobs(), seed=0, balanced=False)
        forge(last_step(fitted))
        with pytest.raises(BundleError, match="that leads out of itself"):
            ClassicClassifier.from_bytes(fitted.to_bytes())

    def test_parts_of_another_kind(self) -> None:
        """skops would build any type of scikit-learn; a support vector machine has pointers too."""
        x, labels, groups = blobs()

        def forged(change: Callable[[ClassicClassifier], object]) -> bytes:
            fitted = fit_classifier("sgd", x, labels, groups, seed=0, balanced=False)
            change(fitted)
            return fitted.to_bytes()

        machine = SVC().fit(x, labels)
        cases = {
            "a 'SVC'": lambda c: setattr(c.fitted.calibrated_classifiers_[0], "estimator", machine),
            "'StandardScaler, SVC'": lambda c: c.fitted.calibrated_classifiers_[
                0
            ].estimator.steps.__setitem__(1, ("x", machine)),
            "'SVC'": lambda c: setattr(last_step(c), "unused", [np.array([machine])]),
            "'ufunc'": lambda c: setattr(last_step(c), "decision_function", np.exp),
            "several classifiers": lambda c: c.fitted.calibrated_classifiers_.append(0),
        }
        for what, change in cases.items():
            with pytest.raises(BundleError, match=f"{what}.*none of deeptell's is made of"):
                ClassicClassifier.from_bytes(forged(change))

    def test_of_right_types_but_without_an_answer(self) -> None:
        fitted = fit_classifier("sgd", *blobs(), seed=0, balanced=False)
        del last_step(fitted).coef_
        with pytest.raises(BundleError, match="cannot be read"):
            ClassicClassifier.from_bytes(fitted.to_bytes())

    def test_damaged(self) -> None:
        x, labels, groups = blobs()
        content = fit_classifier("sgd", x, labels, groups, seed=0, balanced=False).to_bytes()
        for damaged in (b"", b"no archive", content[: len(content) // 2]):
            with pytest.raises(BundleError, match="cannot be read"):
                ClassicClassifier.from_bytes(damaged)

    def test_a_type_that_no_classifier_of_ours_is_made_of(self, tmp_path: Path) -> None:
        """skops itself would refuse to build it; we refuse before, and nothing is called."""
        witness = tmp_path / "called"
        content = dumps({"x": partial(witness.touch)})
        with pytest.raises(BundleError, match="none of deeptell's is made of"):
            ClassicClassifier.from_bytes(content)
        assert not witness.exists()

    @pytest.mark.parametrize("kind", ["dict", "regressor", "uncalibrated", "three classes"])
    def test_trusted_types_that_are_no_such_classifier(self, kind: str) -> None:
        x, labels, _ = blobs()
        three = np.arange(len(x)) % 3
        content = {
            "dict": lambda: dumps({"classes_": [0, 1]}),
            "regressor": lambda: dumps(LinearRegression().fit(x, labels)),
            "uncalibrated": lambda: dumps(LogisticRegression().fit(x, labels)),
            "three classes": lambda: dumps(
                CalibratedClassifierCV(LogisticRegression(), cv=3).fit(x, three)
            ),
        }[kind]()
        with pytest.raises(BundleError, match="none of deeptell's is made of"):
            ClassicClassifier.from_bytes(content)
