"""Classic classifiers on an embedding, as scikit-learn fitted them; kept with skops, never pickle.

skops builds no type that it does not know, and runs nothing; what the types hold, it leaves to us.
scikit-learn follows the nodes of a tree and the classes of neighbours without a look, out of its
own memory if they say so. A classifier of a stranger is therefore taken only if it is put together
like one of ours, of the same types, and if these point nowhere but into it.

scikit-learn and skops are imported when a classifier is kept or brought back, so that a scan with
another model needs neither.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deeptell.errors import BundleError

if TYPE_CHECKING:
    from sklearn.calibration import CalibratedClassifierCV

LEAST = 1e-6  # nearest that a probability comes to 0 or 1, so that logits are finite

# What our classifiers are made of beside what skops trusts by itself. It leaves the trees out
# because of what they may hold, and `_check_parts` looks at that.
TRUSTED = frozenset(
    {
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.tree._tree.Tree",
    }
)

# The steps of each classifier, and the types in its last step. Names are enough: skops has looked
# where they come from.
STEPS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("StandardScaler", "SGDClassifier"): ("CyHalfBinomialLoss",),
    ("StandardScaler", "LogisticRegression"): (),
    ("StandardScaler", "Perceptron"): ("Hinge",),
    ("StandardScaler", "Nystroem", "LinearSVC"): (),
    ("KNeighborsClassifier",): (),
    ("DecisionTreeClassifier",): ("Tree",),
    ("RandomForestClassifier",): ("DecisionTreeClassifier", "Tree"),
    ("HistGradientBoostingClassifier",): (
        *("TreePredictor", "_BinMapper", "LabelEncoder", "Generator"),
        *("HalfBinomialLoss", "CyHalfBinomialLoss", "LogitLink", "Interval"),
    ),
}
AROUND = ("CalibratedClassifierCV", "_CalibratedClassifier", "_SigmoidCalibration", "Pipeline")
PLAIN = ("NoneType", "bool", "int", "float", "str", "list", "tuple", "dict", "ndarray")
NO_CHILD = -1  # scikit-learn's mark of a leaf


class ClassicClassifier(nn.Module):
    """A fitted and calibrated classifier; it has no gradient and computes on the CPU.

    Args:
        fitted: one calibrator on a pipeline of `STEPS`; its class 1 is FAKE.
    """

    def __init__(self, fitted: "CalibratedClassifierCV") -> None:
        super().__init__()
        self.fitted = fitted

    def forward(self, embedding: Tensor) -> Tensor:
        """`(N, D)` -> `(N,)` float32 log-odds of FAKE."""
        inputs = embedding.detach().float().cpu().numpy()
        fake = np.clip(self.fitted.predict_proba(inputs)[:, 1], LEAST, 1 - LEAST)
        logits = (np.log(fake) - np.log1p(-fake)).astype(np.float32)
        return torch.from_numpy(logits).to(embedding.device)

    def to_bytes(self) -> bytes:
        """What `from_bytes` takes."""
        from skops.io import dumps

        content: bytes = dumps(self.fitted, compression=ZIP_DEFLATED)
        return content

    @classmethod
    def from_bytes(cls, content: bytes) -> "ClassicClassifier":
        """Bring a classifier back.

        Raises:
            BundleError: it is damaged, or not made like a classifier of ours. Types that none of
                them holds are not built.
        """
        try:
            classifier = cls(_loaded(content))
            classifier(torch.zeros(1, int(classifier.fitted.n_features_in_)))
        except BundleError:
            raise
        except Exception as error:  # a damaged one fails in as many ways as it has parts
            raise BundleError(
                f"The classifier cannot be read ({type(error).__name__}): copy the bundle again, "
                "or install the scikit-learn that its card names."
            ) from None
        return classifier


def _loaded(content: bytes) -> "CalibratedClassifierCV":
    from skops.io import get_untrusted_types, loads

    unknown = sorted(set(get_untrusted_types(data=content)) - TRUSTED)
    if unknown:
        raise _foreign(unknown[0])
    fitted = loads(content, trusted=sorted(TRUSTED))
    _check_parts(fitted, _steps(fitted))
    return fitted


def _foreign(what: str) -> BundleError:
    return BundleError(
        f"The classifier holds a '{what}', which none of deeptell's is made of: do not use this "
        "bundle; get it from its author, or train it anew."
    )


def _steps(fitted: Any) -> tuple[Any, ...]:
    """The steps below the calibration, which are those of one of our classifiers."""
    if type(fitted).__name__ != "CalibratedClassifierCV":
        raise _foreign(type(fitted).__name__)
    if len(fitted.calibrated_classifiers_) != 1:
        raise _foreign("calibration of several classifiers")
    (calibrated,) = fitted.calibrated_classifiers_
    for classes in (fitted.classes_, calibrated.classes, calibrated.estimator.classes_):
        if not np.array_equal(classes, [0, 1]):
            raise _foreign("classifier of other classes than 0 and 1")
    if type(calibrated.estimator).__name__ != "Pipeline":
        raise _foreign(type(calibrated.estimator).__name__)
    steps = tuple(step for _, step in calibrated.estimator.steps)
    if tuple(type(step).__name__ for step in steps) not in STEPS:
        raise _foreign(", ".join(type(step).__name__ for step in steps))
    return steps


def _check_parts(fitted: Any, steps: tuple[Any, ...]) -> None:
    """Raise a `BundleError` for a type of another classifier, or a part that leads out of it."""
    names = tuple(type(step).__name__ for step in steps)
    known = {*PLAIN, *AROUND, *names, *STEPS[names]}
    width = steps[0].n_features_in_
    for part in _parts(fitted, set()):
        name = type(part).__name__
        if name not in known and not isinstance(part, np.generic):
            raise _foreign(name)
        if not _leads_nowhere_else(part, name, width):
            raise _foreign(f"{name} that leads out of itself")


def _parts(whole: Any, seen: set[int]) -> Iterator[Any]:
    """An object and all that it holds, each once."""
    if id(whole) in seen:
        return
    seen.add(id(whole))
    yield whole
    if isinstance(whole, dict):
        inside = [*whole.keys(), *whole.values()]
    elif isinstance(whole, list | tuple):
        inside = list(whole)
    elif isinstance(whole, np.ndarray):
        inside = whole.ravel().tolist() if whole.dtype.hasobject else []
    else:
        inside = list(getattr(whole, "__dict__", {}).values())
    for part in inside:
        yield from _parts(part, seen)


def _leads_nowhere_else(part: Any, name: str, width: int) -> bool:
    if name == "Tree":
        inner = part.children_left != NO_CHILD
        return _is_tree(inner, part.children_left, part.children_right, part.feature, width)
    if name == "TreePredictor":
        nodes = part.nodes
        inner = nodes["is_leaf"] == 0
        return not nodes["is_categorical"].any() and _is_tree(
            inner, nodes["left"], nodes["right"], nodes["feature_idx"], width
        )
    if name == "KNeighborsClassifier":
        stored = len(part._fit_X)
        return bool(
            part._fit_method == "brute"
            and part._y.shape == (stored,)
            and np.isin(part._y, (0, 1)).all()
            and part.n_neighbors <= part.n_samples_fit_ == stored
        )
    # It would hand its input to a part that may change its width.
    return name != "HistGradientBoostingClassifier" or part._preprocessor is None


def _is_tree(
    inner: NDArray[np.bool_],
    left: NDArray[np.integer[Any]],
    right: NDArray[np.integer[Any]],
    feature: NDArray[np.integer[Any]],
    width: int,
) -> bool:
    """Whether each inner node leads to two later ones, by a feature that there is."""
    places = np.flatnonzero(inner)
    children = np.stack([left[inner], right[inner]]).astype(np.int64)
    later = (children > places) & (children < len(inner))
    known = (feature[inner] >= 0) & (feature[inner] < width)
    return len(inner) > 0 and bool(later.all() and known.all())
