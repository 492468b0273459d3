"""Models that stand on an encoder: recurrent ones, and metric learning with its classifiers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from deeptell.errors import BundleError
from deeptell.models.classic import ClassicClassifier
from deeptell.models.contract import Encoder, Head, Model
from deeptell.models.heads import LINEAR, MetricHead, RecurrentHead

CLASSIFIER = "classifier.skops"


class OnEncoder(Model):
    """An encoder and a head; the head can be trained alone, on features that were cached.

    Attributes:
        encoder: what makes the features; it is part of the bundle.
        head: what answers from them.
    """

    encoder: Encoder
    head: Head

    def features(self, batch: Tensor) -> Tensor:
        """The features that the head takes."""
        return self.encoder.embed(batch)

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`(N, ...)` -> `(N, E)`, the head's embedding."""
        return self.embed_features(self.features(batch), lengths)

    def embed_features(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The same from features `(N, D)` or `(N, T, D)` that were made before."""
        return self.head.embed(features, lengths)

    def classify(self, embedding: Tensor) -> Tensor:
        """`(N, E)` -> `(N,)` logits."""
        return self.head.classify(embedding)

    def files(self) -> dict[str, bytes]:
        """The encoder's."""
        return self.encoder.files()

    def restore(self, files: Mapping[str, bytes]) -> None:
        """Give the encoder its own."""
        self.encoder.restore(files)


class Metric(OnEncoder):
    """Encoder, embedding learnt by a metric loss, classifier. See `heads.MetricHead`.

    Args:
        encoder: any encoder; the input is its own.
        inputs: number of its features.
        widths, dropout, normalise, classifier: as in `heads.MetricHead`.
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        inputs: int,
        widths: Sequence[int] = (256, 256, 128, 64),
        dropout: float = 0.1,
        normalise: bool = True,
        classifier: str = LINEAR,
    ) -> None:
        super().__init__()
        self.options = {
            "inputs": inputs,
            "widths": list(widths),
            "dropout": dropout,
            "normalise": normalise,
            "classifier": classifier,
        }
        self.encoder, self.spec = encoder, encoder.spec
        self.head: MetricHead = MetricHead(
            inputs=inputs,
            widths=widths,
            dropout=dropout,
            normalise=normalise,
            classifier=classifier,
        )
        linear = classifier == LINEAR
        self.differentiable = linear and encoder.differentiable
        self.exportable = linear and encoder.exportable
        if self.differentiable and encoder.heat_layer:
            self.heat_layer = f"encoder.{encoder.heat_layer}"

    def files(self) -> dict[str, bytes]:
        """The encoder's, and the classic classifier."""
        own = self.head.classifier
        if not isinstance(own, ClassicClassifier):
            return super().files()
        return {**super().files(), CLASSIFIER: own.to_bytes()}

    def restore(self, files: Mapping[str, bytes]) -> None:
        """Take the classifier back; one of an unexpected type or width is refused."""
        super().restore(files)
        if self.options["classifier"] == LINEAR:
            return
        if CLASSIFIER not in files:
            raise BundleError(f"The bundle names no {CLASSIFIER}: copy the whole folder again.")
        classifier = ClassicClassifier.from_bytes(files[CLASSIFIER])
        if classifier.fitted.n_features_in_ != self.head.width:
            raise BundleError(
                f"{CLASSIFIER} takes {classifier.fitted.n_features_in_} values, the embedding has "
                f"{self.head.width}: they are not of one model; copy the whole folder again."
            )
        self.head.classifier = classifier


class Recurrent(OnEncoder):
    """Per-face features of an encoder, read in order. See `heads.RecurrentHead`.

    Args:
        encoder: takes single faces.
        inputs: number of its features.
        cell: "lstm", "gru", "bilstm" or "temporal_max".
        frames: faces of a sample at most; shorter tracks are taken as they are.
        dropout: share of the summary dropped in training.
    """

    def __init__(
        self, *, encoder: Encoder, inputs: int, cell: str, frames: int = 25, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.options = {"inputs": inputs, "cell": cell, "frames": frames, "dropout": dropout}
        self.encoder = encoder
        self.spec = replace(encoder.spec, frames=frames, consecutive=False)
        self.head: RecurrentHead = RecurrentHead(inputs=inputs, cell=cell, dropout=dropout)
        self.differentiable, self.exportable = encoder.differentiable, encoder.exportable

    def features(self, batch: Tensor) -> Tensor:
        """`(N, 3, T, S, S)` -> `(N, T, inputs)`."""
        faces = batch.transpose(1, 2)
        features = self.encoder.embed(faces.flatten(0, 1))
        return features.reshape(*faces.shape[:2], -1)
