"""Clip models: several consecutive faces of one track, one logit.

`c3d` and `conv3d` are the two of the reference system (Kumar, Bhavsar and Verma, IWBF 2020), with
one logit in place of two softmax outputs; the others are torchvision's.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from deeptell.catalog import lookup
from deeptell.errors import ConfigError
from deeptell.inputs import InputSpec
from deeptell.models.contract import Model

Three = tuple[float, float, float]
KINETICS: tuple[Three, Three] = ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))
HALF: tuple[Three, Three] = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


class ClipModel(Model):
    """`frames` consecutive faces, one logit.

    Args:
        network: a name of `NETWORKS`.
        frames: length of a clip.
        size: side of the square input in pixels.
        margin: side of the square cut around the face, in face boxes.
        dropout: share of the features dropped before the logit in training; `c3d` and `conv3d`
            drop as much between their two wide layers, as in the reference.

    Raises:
        ConfigError: a length or size that the network does not take.
    """

    trunk = "network"

    def __init__(
        self, *, network: str, frames: int, size: int, margin: float = 1.3, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.options = {
            "network": network,
            "frames": frames,
            "size": size,
            "margin": margin,
            "dropout": dropout,
        }
        kind = lookup(NETWORKS, network, kind="clip network")
        kind.check(network, frames=frames, size=size)
        mean, std = kind.colours
        self.spec = InputSpec(size=size, frames=frames, margin=margin, mean=mean, std=std)
        self.network, width = kind.make(frames, size, dropout)
        self.dropout = nn.Dropout(dropout)
        self.logit = nn.Linear(width, 1)
        self.heat_layer = f"network.{kind.heat_layer}" if kind.heat_layer else None

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`(N, 3, frames, size, size)` -> `(N, D)`."""
        features: Tensor = self.network(batch)
        return features

    def classify(self, embedding: Tensor) -> Tensor:
        """`(N, D)` -> `(N,)` logits."""
        logits: Tensor = self.logit(self.dropout(embedding))
        return logits.squeeze(1)


@dataclass(frozen=True)
class Network:
    """A network of clips: how it is made, and what it takes.

    Attributes:
        make: frames, size, dropout -> the network, whose output is `(N, D)`, and D.
        heat_layer: see `contract.Encoder`; relative to the network.
        colours: mean and standard deviation of its input, per channel.
        least: smallest frames and size.
        exact: the only frames and size, where it takes no others.
    """

    make: Callable[[int, int, float], tuple[nn.Module, int]]
    heat_layer: str | None
    colours: tuple[Three, Three] = KINETICS
    least: tuple[int, int] = (1, 16)
    exact: tuple[int, int] | None = None

    def check(self, name: str, *, frames: int, size: int) -> None:
        """Raise a `ConfigError` for a clip that the network does not take."""
        if self.exact is not None and (frames, size) != self.exact:
            only = f"{self.exact[0]} frames of {self.exact[1]} px"
            raise ConfigError(f"'{name}' takes {only} only, got {frames} frames of {size} px.")
        if frames < self.least[0] or size < self.least[1]:
            least = f"{self.least[0]} frames of {self.least[1]} px"
            raise ConfigError(f"'{name}' takes at least {least}, got {frames} of {size} px.")


def _convolutions(*plan: int | nn.Module) -> nn.Sequential:
    """Numbers are 3 x 3 x 3 convolutions with so many outputs and a ReLU; modules stay."""
    layers: list[nn.Module] = []
    width = 3
    for step in plan:
        if isinstance(step, nn.Module):
            layers.append(step)
        else:
            layers += [nn.Conv3d(width, step, 3, padding=1), nn.ReLU()]
            width = step
    return nn.Sequential(*layers)


def _with_wide_layers(
    convolutions: nn.Sequential, *, frames: int, size: int, dropout: float
) -> tuple[nn.Module, int]:
    """The reference's end: two layers of 2,048 with ReLU, dropout between them."""
    shadow = deepcopy(convolutions).to("meta")
    flat = shadow(torch.empty(1, 3, frames, size, size, device="meta")).numel()
    wide = nn.Sequential(
        nn.Flatten(), nn.Linear(flat, 2048), nn.ReLU(), nn.Dropout(dropout), nn.Linear(2048, 2048)
    )
    return nn.Sequential(convolutions, wide, nn.ReLU()), 2048


def _c3d(frames: int, size: int, dropout: float) -> tuple[nn.Module, int]:
    """Tran et al. (ICCV 2015) with layers of 2,048 in place of 4,096, as in the reference."""
    convolutions = _convolutions(
        *(64, nn.MaxPool3d((1, 2, 2)), 128, nn.MaxPool3d(2), 256, 256, nn.MaxPool3d(2)),
        *(512, 512, nn.MaxPool3d(2), 512, 512),
        *(nn.ZeroPad3d((1, 1, 1, 1, 0, 0)), nn.MaxPool3d(2)),
    )
    return _with_wide_layers(convolutions, frames=frames, size=size, dropout=dropout)


def _conv3d(frames: int, size: int, dropout: float) -> tuple[nn.Module, int]:
    """The reference's own; its first pooling halves time and height, not width, and so here.

    Its L2 penalty of 0.005 is a matter of training: weight decay of 0.01 with SGD.
    """
    halve = nn.MaxPool3d(2, ceil_mode=True)
    convolutions = _convolutions(
        *(64, nn.MaxPool3d((2, 2, 1), ceil_mode=True), 128, halve, 128, halve, 256, halve),
        *(256, halve),
    )
    return _with_wide_layers(convolutions, frames=frames, size=size, dropout=dropout)


def _c3d_small(frames: int, size: int, dropout: float) -> tuple[nn.Module, int]:
    """A narrow C3D for CPUs: batch norms, strides for pools, a mean in place of wide layers.

    Its first layers see single frames, where most of the arithmetic is, and its last ones time
    too (the reverse of the mixed convolutions of Tran et al., CVPR 2018). Several layers before
    the first pool matter: with one for each size, it stayed at chance on the generated forgeries.
    """
    layers: list[nn.Module] = []
    for before, after, time, stride in (
        *((3, 16, 1, (1, 2, 2)), (16, 16, 1, 1), (16, 32, 1, 1), (32, 48, 3, 2)),
        *((48, 48, 3, 1), (48, 96, 3, 2), (96, 128, 3, (1, 2, 2))),
    ):
        kernel, padding = (time, 3, 3), (time // 2, 1, 1)
        layers += [
            nn.Conv3d(before, after, kernel, stride=stride, padding=padding, bias=False),
            nn.BatchNorm3d(after),
            nn.ReLU(),
        ]
        if after == 32:
            layers.append(nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)))
    return nn.Sequential(*layers, _Mean()), 128


class _Mean(nn.Module):
    """`(N, C, T, H, W)` -> `(N, C)`, the mean over time and place."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.mean(dim=(2, 3, 4))


def _torchvision(name: str, last: str, width: int) -> Callable[..., tuple[nn.Module, int]]:
    def make(frames: int, size: int, dropout: float) -> tuple[nn.Module, int]:
        from torchvision.models import video

        network: nn.Module = getattr(video, name)(weights=None)
        setattr(network, last, nn.Identity())
        return network, width

    return make


NETWORKS: Mapping[str, Network] = {
    "c3d": Network(_c3d, "0.14", HALF, least=(16, 16)),
    "conv3d": Network(_conv3d, "0.10", HALF),
    "c3d_small": Network(_c3d_small, "18", HALF),
    "r3d_18": Network(_torchvision("r3d_18", "fc", 512), "layer3"),
    "mc3_18": Network(_torchvision("mc3_18", "fc", 512), "layer3"),
    "r2plus1d_18": Network(_torchvision("r2plus1d_18", "fc", 512), "layer3"),
    "s3d": Network(_torchvision("s3d", "classifier", 1024), "features.12", least=(14, 224)),
    "mvit_v2_s": Network(
        _torchvision("mvit_v2_s", "head", 768), None, ((0.45,) * 3, (0.225,) * 3), exact=(16, 224)
    ),
    "swin3d_t": Network(
        _torchvision("swin3d_t", "head", 768),
        None,  # its maps have their channels last
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        least=(2, 32),
    ),
}


def published_weights(network: str) -> str | None:
    """Address of torchvision's weights, trained on Kinetics-400; None where there are none."""
    from torchvision.models import get_model_weights, list_models

    if network not in list_models():
        return None
    url: Any = get_model_weights(network).DEFAULT.url
    return str(url)
