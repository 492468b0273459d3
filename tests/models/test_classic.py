"""Classic classifiers as they are kept, and what is refused in their place."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from blobs import blobs
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LinearRegression, LogisticRegression
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


class TestRefused:
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
        with pytest.raises(BundleError, match=r"not a calibrated classifier|is made of"):
            ClassicClassifier.from_bytes(content)
