"""How far a sample is from what a model was trained on, in the model's own features.

A detector's score says nothing about this: far from its training data it can be as sure as ever.
The distance has two parts. Along the directions in which the training samples vary most it is the
Mahalanobis distance (Lee et al. 2018; without their classes, which it does not need: Kamoi and
Kobayashi 2020). In all the others, in which the training samples hardly vary, it is how far a
sample leaves them (the residual of ViM, Wang et al. 2022): what a model never met often shows
there. Both parts weigh the same, however many directions either has.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch import Tensor

from deeptell.errors import BundleError
from deeptell.models.contract import Model
from deeptell.models.ensemble import Ensemble
from deeptell.models.on_encoder import OnEncoder
from deeptell.models.scoring import FEATURES_AT_ONCE, Read, ask
from deeptell.progress import Progress

Floats = NDArray[np.float32]

MOST_SAMPLES = 4000  # training samples that a reference is fitted on
MOST_AXES = 32
LEAST_SPREAD = 1e-3  # of the widest axis: below it, an axis is rounding and no direction
QUANTILES = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class Reference:
    """What of the training data is kept: D numbers per axis, at most 32 axes."""

    mean: Floats  # (D,)
    axes: Floats  # (K, D) of length 1, at right angles, the widest first
    scales: Floats  # (K + 1,) spread of the training samples along each, then beside all of them
    quantiles: Floats  # (101,) of the distances of the validation videos

    @classmethod
    def fit(cls, embeddings: Floats) -> "Reference":
        """A reference to `(M, D)` training samples; `ranked` adds the quantiles."""
        mean = embeddings.mean(axis=0, dtype=np.float64)
        # Of M samples and D features the smaller side sets the cost, a few seconds at worst.
        _, spread, axes = np.linalg.svd(embeddings - mean, full_matrices=False)
        spread = spread / np.sqrt(len(embeddings))
        kept = int(np.sum(spread[:MOST_AXES] > LEAST_SPREAD * spread[0])) or 1
        rest = np.sqrt(np.sum(spread[kept:] ** 2))
        # Where training samples never leave the axes, leaving them as far as the narrowest counts.
        tiny = float(np.finfo(np.float32).tiny)
        scales = np.maximum([*spread[:kept], max(rest, spread[kept - 1])], tiny)
        values = (mean, axes[:kept], scales, np.zeros(len(QUANTILES)))
        return cls(*(np.asarray(value, np.float32) for value in values))

    def ranked(self, distances: NDArray[np.float64]) -> "Reference":
        """The same, with the distances `(V,)` of validation videos to rank others among."""
        quantiles = np.quantile(distances, QUANTILES).astype(np.float32)
        return Reference(self.mean, self.axes, self.scales, quantiles)

    def distances(self, embeddings: Floats) -> NDArray[np.float64]:
        """Distances `(M,)` of samples `(M, D)`; their root mean square is 1 on those fitted on."""
        centred = embeddings.astype(np.float64) - self.mean
        along = centred @ self.axes.T.astype(np.float64)
        beside = np.maximum(np.sum(centred**2, axis=1) - np.sum(along**2, axis=1), 0)
        scales = self.scales.astype(np.float64)
        inner = np.mean((along / scales[:-1]) ** 2, axis=1)
        return np.asarray(np.sqrt((inner + beside / scales[-1] ** 2) / 2))

    def rank(self, distance: float) -> float:
        """Share of the validation videos that are nearer: 1 is farther than all, 0 than none."""
        return float(np.interp(np.float32(distance), self.quantiles, QUANTILES))

    def to_bytes(self) -> bytes:
        """As a safetensors file; the same reference gives the same bytes."""
        return bytes(save({field.name: getattr(self, field.name) for field in fields(self)}))

    @classmethod
    def from_bytes(cls, content: bytes) -> "Reference":
        """What `to_bytes` gave. Raises `BundleError` for anything else."""
        try:
            values = load(content)
            found = cls(*(values[field.name] for field in fields(cls)))
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise BundleError(f"It holds no distances to training data: {error}") from None
        axes, width = found.axes.shape if found.axes.ndim == 2 else (0, 0)
        shapes = ((width,), (axes, width), (axes + 1,), (len(QUANTILES),))
        if axes < 1 or any(
            getattr(found, field.name).shape != shape
            for field, shape in zip(fields(cls), shapes, strict=True)
        ):
            raise BundleError("Its tables are not of one size: copy the whole folder again.")
        return found


def score_with_distances(
    model: Model,
    reference: Reference,
    rows: NDArray[np.int64],
    lengths: NDArray[np.int64],
    *,
    read: Read,
    progress: Progress | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logits and distances of samples, `(M,)` each, in one pass; the arguments of `scoring.score`.

    The logits are those of `score`.
    """

    def question(batch: Tensor, own: Tensor) -> Tensor:
        embedding = model.embed(batch, own)
        far = torch.from_numpy(reference.distances(embedding.float().cpu().numpy()))
        return torch.stack([model.classify(embedding).double().cpu(), far], dim=1)

    answers = ask(model, question, rows, lengths, read=read, progress=progress).reshape(-1, 2)
    return answers[:, 0].astype(np.float64), answers[:, 1].astype(np.float64)


def embed_features(
    model: OnEncoder | Ensemble,
    features: NDArray[np.floating],
    rows: NDArray[np.int64],
    lengths: NDArray[np.int64],
) -> Floats:
    """Embeddings `(M, E)` from features that were cached; as `scoring.score_features`."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(rows), FEATURES_AT_ONCE):
            part = slice(start, start + FEATURES_AT_ONCE)
            inputs = torch.from_numpy(np.asarray(features[rows[part]], np.float32))
            inputs = inputs.squeeze(1) if rows.shape[1] == 1 else inputs
            embedding = model.embed_features(inputs, torch.from_numpy(lengths[part]))
            parts.append(embedding.float().numpy())
    return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)
