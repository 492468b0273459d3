"""What every network here can do, whatever family it is of.

An `Encoder` turns a batch into features; a `Model` is an encoder that also answers; a `Head`
answers from the features of an encoder.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from deeptell.inputs import InputSpec


class Encoder(nn.Module):
    """A batch as `inputs.prepare` makes it becomes one feature vector per sample.

    Attributes:
        spec: the input it takes.
        options: what its constructor needs to make the same architecture again; JSON values.
        heat_layer: name of the submodule whose output `(N, C, h, w)` or `(N, C, t, h, w)` a heat
            map is taken from; None where there is no such map.
        differentiable: whether gradients flow from the answer to the batch.
        exportable: whether it can be written as ONNX.
        trunk: name of the submodule that pretrained weights fill; "" where that is all of it.
    """

    spec: InputSpec
    options: dict[str, Any]
    heat_layer: str | None = None
    differentiable: bool = True
    exportable: bool = True
    trunk: str = ""

    @abstractmethod
    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`(N, ...)` float32 batch -> `(N, D)` features, the last before the logit.

        Args:
            lengths: `(N,)` int64, how many frames of each sample are its own; those after them
                repeat the last. Only models whose samples may be shorter (`not
                spec.consecutive`) read it; None means that all are full.
        """

    def files(self) -> dict[str, bytes]:
        """What must be kept beside the weights to make it again: file name -> content."""
        return {}

    def restore(self, files: Mapping[str, bytes]) -> None:
        """Take back what `files` gave; raises `BundleError` for what it cannot trust."""


class Model(Encoder):
    """A detector: one logit per sample, positive for FAKE."""

    @abstractmethod
    def classify(self, embedding: Tensor) -> Tensor:
        """`(N, D)` features as `embed` gives them -> `(N,)` logits."""

    def forward(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`(N, ...)` float32 batch -> `(N,)` logits."""
        return self.classify(self.embed(batch, lengths))


class Head(nn.Module):
    """The part of a model above an encoder; it is trained on cached features or end to end."""

    @abstractmethod
    def embed(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`(N, D)` features, or `(N, T, D)` for sequences -> `(N, E)`."""

    @abstractmethod
    def classify(self, embedding: Tensor) -> Tensor:
        """`(N, E)` -> `(N,)` logits."""

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Features -> `(N,)` logits."""
        return self.classify(self.embed(features, lengths))
