"""Crops in, logits out: the one way in which evaluation and scan ask a model."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from deeptell.inputs import prepare
from deeptell.models.contract import Model
from deeptell.records import Crop

BATCH = 32


def score_crops(model: Model, crops: Sequence[Crop]) -> NDArray[np.float64]:
    """Logits `(N,)` of N samples, N * `model.spec.frames` crops; fp32, in batches of 32."""
    step = BATCH * model.spec.frames
    logits = []
    with torch.inference_mode():
        for start in range(0, len(crops), step):
            batch = torch.from_numpy(prepare(crops[start : start + step], model.spec))
            logits.append(model(batch).double().numpy())
    return np.concatenate(logits) if logits else np.empty(0)
