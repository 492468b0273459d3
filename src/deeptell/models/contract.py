"""What every model can do, whatever family it is of."""

from abc import abstractmethod
from typing import Any

from torch import Tensor, nn

from deeptell.inputs import InputSpec


class Model(nn.Module):
    """A detector: a batch as `inputs.prepare` makes it becomes one logit per sample.

    Attributes:
        spec: the input it takes.
        options: what `build` needs to make the same architecture again; plain JSON values.
        heat_layer: name of the submodule whose output `(N, C, h, w)` a heat map is taken from;
            None where there is no such map.
    """

    spec: InputSpec
    options: dict[str, Any]
    heat_layer: str | None

    @abstractmethod
    def embed(self, batch: Tensor) -> Tensor:
        """`(N, ...)` float32 batch -> `(N, D)` features, the last before the logit."""

    @abstractmethod
    def forward(self, batch: Tensor) -> Tensor:
        """`(N, ...)` float32 batch -> `(N,)` logits, positive for FAKE."""
