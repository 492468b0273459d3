"""Fitting and calibrating classic classifiers."""

import numpy as np
import pytest
import torch
from blobs import blobs
from sklearn.linear_model import LogisticRegression

from deeptell.errors import ConfigError, DataError
from deeptell.training.classifiers import (
    CLASSIFIERS,
    UNWEIGHTED,
    fit_classifier,
    fit_linear,
)


def said(name: str, x, labels, groups, new, *, seed: int = 0, balanced: bool = False):  # type: ignore[no-untyped-def]
    fitted = fit_classifier(name, x, labels, groups, seed=seed, balanced=balanced)
    return torch.sigmoid(fitted(torch.from_numpy(new))).numpy()


@pytest.mark.parametrize("name", CLASSIFIERS)
class TestEach:
    def test_learns_and_is_calibrated(self, name: str) -> None:
        new, truth, _ = blobs(240, seed=1)
        found = said(name, *blobs(240), new)
        assert ((found >= 0.5) == truth).mean() > 0.9
        assert ((found - truth) ** 2).mean() < 0.12  # a constant's is 0.25

    def test_the_same_seed_says_the_same(self, name: str) -> None:
        data, new = blobs(), blobs(seed=1)[0]
        np.testing.assert_array_equal(said(name, *data, new), said(name, *data, new))

    def test_weighing_the_rarer_class(self, name: str) -> None:
        """With one real in four, it moves probabilities or is refused by name."""
        x, labels, groups = blobs(240, apart=0.8)
        kept = (labels == 1) | (np.arange(240) % 24 < 6)
        data, new = (x[kept], labels[kept], groups[kept]), blobs(seed=1)[0]
        if name in UNWEIGHTED:
            with pytest.raises(ConfigError, match="cannot weigh classes"):
                said(name, *data, new, balanced=True)
        else:
            plain = said(name, *data, new)
            assert not np.array_equal(said(name, *data, new, balanced=True), plain)


def test_frames_of_one_group_do_not_calibrate_each_other() -> None:
    """Where groups say nothing of new people, neighbours must not be sure of themselves."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 15)
    labels = rng.permutation(np.arange(40) % 2)[groups]
    x = rng.normal(size=(40, 16))[groups] + 0.01 * rng.normal(size=(600, 16))
    new = rng.normal(size=(200, 16)).astype(np.float32)
    x = x.astype(np.float32)
    careful = said("knn", x, labels, groups.astype(str), new)
    leaking = said("knn", x, labels, np.arange(600).astype(str), new)
    assert np.abs(careful - 0.5).mean() < 0.2
    assert np.abs(leaking - 0.5).mean() > 0.4


def test_weighing_reaches_the_calibration() -> None:
    """With one real in thirteen and classes that overlap, both are then found as often."""
    x, labels, groups = blobs(2400, apart=0.5)
    kept = (labels == 1) | (np.arange(2400) % 84 < 6)
    data, (new, truth, _) = (x[kept], labels[kept], groups[kept]), blobs(2400, apart=0.5, seed=5)

    def recalls(balanced: bool) -> list[float]:
        called = said("logistic_regression", *data, new, balanced=balanced) >= 0.5
        return [float((called == truth)[truth == label].mean()) for label in (0, 1)]

    assert np.ptp(recalls(False)) > 0.5
    assert np.ptp(recalls(True)) < 0.1


@pytest.mark.parametrize("name", ["knn", "svm", "random_forest"])
def test_few_samples_are_enough(name: str) -> None:
    """Fewer than ten neighbours or 300 landmarks; and a fold smaller than a tree's part."""
    n = 5000 if name == "random_forest" else 24
    x, labels, groups = blobs(n)
    assert ((said(name, x, labels, groups, x) >= 0.5) == labels).mean() > 0.9


def test_linear_is_scikit_learns() -> None:
    x, labels, _ = blobs()
    weight, bias = fit_linear(x, labels, seed=0)
    theirs = LogisticRegression(class_weight="balanced", max_iter=1000).fit(x, labels)
    np.testing.assert_allclose(x @ weight + bias, theirs.decision_function(x), atol=1e-3)


class TestBadInput:
    def test_unknown_name(self) -> None:
        with pytest.raises(ConfigError, match="Did you mean 'random_forest'"):
            said("random_forrest", *blobs(), blobs()[0])

    @pytest.mark.parametrize(("label", "name"), [(0, "fake"), (1, "real")])
    def test_a_class_with_no_sample(self, label: int, name: str) -> None:
        x, labels, groups = blobs()
        only = labels == label
        with pytest.raises(DataError, match=f"there is no {name} embedding"):
            said("sgd", x[only], labels[only], groups[only], x)
        with pytest.raises(DataError, match=f"there is no {name} embedding"):
            fit_linear(x[only], labels[only], seed=0)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_embeddings_that_are_not_finite(self, value: float) -> None:
        x, labels, groups = blobs()
        x[17, 3] = value
        with pytest.raises(DataError, match=r"1 of 120 embeddings are not finite.*number 17"):
            said("sgd", x, labels, groups, x)

    def test_folds_that_leave_one_class_to_fit_on(self) -> None:
        """Groups of fakes, of both and of reals: what is left may be of one class."""
        x, labels = blobs(48)[0], np.repeat([1, 0, 1, 0], 12)
        groups = np.repeat(["fakes", "both", "both", "reals"], 12)
        with pytest.raises(DataError, match="No folds of source groups leave both classes"):
            said("sgd", x, labels, groups, x)

    def test_one_group_of_a_class(self) -> None:
        x, labels, groups = blobs()
        with pytest.raises(DataError, match="two source groups of each class"):
            said("sgd", x, labels, np.where(labels == 1, "one", groups), x)
