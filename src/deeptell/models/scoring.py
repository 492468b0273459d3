"""Samples in, logits or features out: the one way in which training, evaluation and scan ask."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deeptell.inputs import prepare
from deeptell.models.contract import Encoder, Model
from deeptell.models.ensemble import Ensemble
from deeptell.models.on_encoder import OnEncoder
from deeptell.progress import Progress
from deeptell.records import StoredCrop

FACES_AT_ONCE = 32
FEATURES_AT_ONCE = 4096

Read = Callable[[Sequence[int]], Sequence[StoredCrop]]


def score(
    model: Model,
    rows: NDArray[np.int64],
    lengths: NDArray[np.int64],
    *,
    read: Read,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Logits `(M,)` of samples, in fp32.

    Args:
        rows: `(M, model.spec.frames)` positions of the faces of each sample; see
            `inputs.sample_rows`.
        lengths: `(M,)` how many of them are its own.
        read: gives the crops at such positions.
        progress: called with the samples done, and how many there are.
    """
    outputs = ask(model, model, rows, lengths, read=read, progress=progress)
    return outputs.astype(np.float64) if len(rows) else np.empty(0)


def embed(
    encoder: Encoder, rows: NDArray[np.int64], lengths: NDArray[np.int64], *, read: Read
) -> NDArray[np.float32]:
    """Features `(M, D)` of samples; the arguments are those of `score`."""
    return ask(encoder, encoder.embed, rows, lengths, read=read, progress=None)


def score_features(
    model: OnEncoder | Ensemble,
    features: NDArray[np.float32],
    rows: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Logits `(M,)` from features that were cached.

    Args:
        features: `(F, D)`.
        rows: `(M, T)` positions in them; T = 1 for models of single samples.
    """
    logits = []
    with torch.inference_mode():
        for start in range(0, len(rows), FEATURES_AT_ONCE):
            part = slice(start, start + FEATURES_AT_ONCE)
            inputs = torch.from_numpy(np.asarray(features[rows[part]], np.float32))
            inputs = inputs.squeeze(1) if rows.shape[1] == 1 else inputs
            embedding = model.embed_features(inputs, torch.from_numpy(lengths[part]))
            logits.append(model.classify(embedding).double().numpy())
    return np.concatenate(logits) if logits else np.empty(0)


def ask(
    encoder: Encoder,
    question: Callable[[Tensor, Tensor], Tensor],
    rows: NDArray[np.int64],
    lengths: NDArray[np.int64],
    *,
    read: Read,
    progress: Progress | None,
) -> NDArray[np.float32]:
    """The answers `(M, ...)` to a question, asked batch by batch on the encoder's device."""
    device = next((tensor.device for tensor in encoder.parameters()), torch.device("cpu"))
    step = max(1, FACES_AT_ONCE // encoder.spec.frames)
    answers = []
    with torch.inference_mode():
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            crops = read(rows[part].ravel().tolist())
            faces = torch.from_numpy(prepare(crops, encoder.spec)).to(device)
            own = torch.from_numpy(lengths[part]).to(device)
            answers.append(question(faces, own).float().cpu().numpy())
            if progress:
                progress(min(start + step, len(rows)), len(rows))
    return np.concatenate(answers) if answers else np.empty((0, 0), np.float32)
