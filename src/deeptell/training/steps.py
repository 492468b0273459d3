"""What the steps of a training run share, and how they ask a model."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.config import TrainConfig
from deeptell.data.embeddings import Embeddings
from deeptell.data.samples import Samples
from deeptell.faces.store import FaceStore
from deeptell.models.contract import Model
from deeptell.models.ensemble import Ensemble
from deeptell.models.on_encoder import OnEncoder
from deeptell.models.reference import embed_features
from deeptell.models.scoring import Read, embed, score, score_features
from deeptell.progress import Progress
from deeptell.training.batches import Material, learnt_from


@dataclass(frozen=True)
class Run:
    """What is trained, on which videos, and where it is written.

    Attributes:
        trained: videos that weights are made from; of an ensemble's member, its own.
        validated: videos that decide epoch, calibration and thresholds.
        leaks: as `check_leaks` gives them.
    """

    folder: Path
    config: TrainConfig
    store: FaceStore
    embeddings: Embeddings | None  # where training is on cached ones
    trained: pd.DataFrame
    validated: pd.DataFrame
    leaks: pd.DataFrame
    progress: Progress | None

    def material(self, model: Model) -> Material:
        """The samples of its videos as this model takes them."""
        videos = pd.concat([self.trained, self.validated])
        return Material(self.store, videos, model.spec, self.embeddings)

    def without_short(self, material: Material) -> "Run":
        """The same, less the videos that give no sample."""
        trained = learnt_from(material.without_short(self.trained), self.config.fakes)
        return replace(self, trained=trained, validated=material.without_short(self.validated))

    def embed(
        self, model: Model, samples: Samples, *, read: Read | None = None
    ) -> NDArray[np.float32]:
        """`(N, D)` embeddings of samples, whose faces are read as they are stored by default."""
        if self.embeddings is not None and isinstance(model, OnEncoder | Ensemble):
            return embed_features(model, self.embeddings.values, samples.rows, samples.lengths)
        return embed(model, samples.rows, samples.lengths, read=read or self.store.read)

    def score(
        self, model: Model, samples: Samples, *, read: Read | None = None
    ) -> NDArray[np.float64]:
        """`(N,)` logits of samples, whose faces are read as they are stored by default."""
        if self.embeddings is not None and isinstance(model, OnEncoder | Ensemble):
            return score_features(model, self.embeddings.values, samples.rows, samples.lengths)
        return score(model, samples.rows, samples.lengths, read=read or self.store.read)
