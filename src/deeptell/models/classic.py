"""Classic classifiers on an embedding, as scikit-learn fitted them; kept with skops, never pickle.

scikit-learn and skops are imported when a classifier is kept or brought back, so that a scan with
another model needs neither.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from deeptell.errors import BundleError

if TYPE_CHECKING:
    from sklearn.calibration import CalibratedClassifierCV

LEAST = 1e-6  # nearest that a probability comes to 0 or 1, so that logits are finite

# What our classifiers are made of beside what skops trusts by itself; data, not code.
TRUSTED = (
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)


class ClassicClassifier(nn.Module):
    """A fitted and calibrated classifier; it has no gradient and computes on the CPU.

    Args:
        fitted: its class 1 is FAKE.
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

        content: bytes = dumps(self.fitted)
        return content

    @classmethod
    def from_bytes(cls, content: bytes) -> "ClassicClassifier":
        """Bring a classifier back.

        Raises:
            BundleError: it is damaged, or holds a type that no classifier of ours is made of;
                nothing of such a file is loaded.
        """
        from sklearn.calibration import CalibratedClassifierCV
        from skops.io import get_untrusted_types, loads
        from skops.io.exceptions import UntrustedTypesFoundException

        try:
            odd = sorted(set(get_untrusted_types(data=content)) - set(TRUSTED))
            if odd:
                raise BundleError(
                    f"The classifier holds a '{odd[0]}', which none of deeptell's is made of: do "
                    "not trust this bundle; get it from its author, or train it anew."
                )
            fitted = loads(content, trusted=list(TRUSTED))
        except BundleError:
            raise
        except UntrustedTypesFoundException as error:
            raise BundleError(f"The classifier holds types that are not trusted: {error}") from None
        except Exception as error:  # a damaged archive fails in as many ways as it has parts
            raise BundleError(
                f"The classifier cannot be read ({type(error).__name__}): copy the bundle again."
            ) from None
        if not isinstance(fitted, CalibratedClassifierCV) or not _is_binary(fitted):
            raise BundleError(
                f"The classifier is a {type(fitted).__name__}, not a calibrated classifier of the "
                "classes 0 and 1: train it with deeptell."
            )
        return cls(fitted)


def _is_binary(fitted: "CalibratedClassifierCV") -> bool:
    classes = getattr(fitted, "classes_", None)
    return classes is not None and np.array_equal(classes, [0, 1])
