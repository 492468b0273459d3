"""Image networks without a classifier: those of timm, and a small one of our own.

timm takes a second to import, on a laptop. Whoever scans with our own network does not wait for it.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from deeptell.catalog import unknown_name
from deeptell.inputs import InputSpec

HEAT_STRIDE = 16  # finer than the last stage, still near the decision


class ResNet12(nn.Module):
    """A residual network of twelve layers (He et al., CVPR 2016), narrow enough for processors.

    Its shape is that of timm's `test_resnet`: a stem of three convolutions and a maximum, which
    keeps every fourth place, and four blocks of which the third is a bottleneck. Where a block
    shrinks, its shortcut averages (both stem and shortcut: He et al., CVPR 2019).
    """

    def __init__(self) -> None:
        super().__init__()
        stem = _layers(_Conv(3, 16, stride=2), _Conv(16, 16), _Conv(16, 32))
        self.stem = nn.Sequential(*stem, nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1))
        self.stages = nn.Sequential(
            _Block(_Conv(32, 32), _Conv(32, 32)),
            _Block(_Conv(32, 48, stride=2), _Conv(48, 48)),
            _Block(_Conv(48, 48, side=1), _Conv(48, 48, stride=2), _Conv(48, 192, side=1)),
            _Block(_Conv(192, 96, stride=2), _Conv(96, 96)),
        )
        # What timm's networks say of themselves.
        self.head_hidden_size = 96
        self.feature_info = [
            {"module": f"stages.{number}", "reduction": 2 ** (number + 2)}
            for number in range(len(self.stages))
        ]
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        self.to(memory_format=torch.channels_last)  # a quarter faster on processors, in bf16

    def forward(self, batch: Tensor) -> Tensor:
        """`(N, 3, H, W)` -> `(N, 96)`: the mean over all places."""
        features: Tensor = self.stages(self.stem(batch)).mean(dim=(2, 3))
        return features


class _Conv(NamedTuple):
    inputs: int
    outputs: int
    side: int = 3
    stride: int = 1


def _layers(*convolutions: _Conv) -> list[nn.Module]:
    """Each of them normalised, and ReLUs between them."""
    layers: list[nn.Module] = []
    for inputs, outputs, side, stride in convolutions:
        if layers:
            layers.append(nn.ReLU())
        layers.append(nn.Conv2d(inputs, outputs, side, stride, padding=side // 2, bias=False))
        layers.append(nn.BatchNorm2d(outputs))
    return layers


class _Block(nn.Module):
    """Layers and a way around them; at first they add nothing (Goyal et al., arXiv 1706.02677)."""

    def __init__(self, *convolutions: _Conv) -> None:
        super().__init__()
        self.residual = nn.Sequential(*_layers(*convolutions))
        nn.init.zeros_(self.residual[-1].weight)  # type: ignore[arg-type]
        stride = max(convolution.stride for convolution in convolutions)
        around = _Conv(convolutions[0].inputs, convolutions[-1].outputs, side=1)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(nn.AvgPool2d(stride), *_layers(around))

    def forward(self, batch: Tensor) -> Tensor:
        residual = self.residual(batch)  # first: what carries more comes last (explain/places.py)
        return torch.relu(residual + self.shortcut(batch))


OWN: Mapping[str, Callable[[], nn.Module]] = {"resnet12": ResNet12}


def make_backbone(name: str) -> nn.Module:
    """An untrained network without its classifier; raises `ConfigError` for an unknown name."""
    if name in OWN:
        return OWN[name]()
    import timm

    if name not in timm.list_models():
        raise unknown_name(name, [*OWN, *timm.list_models()], kind="backbone")
    backbone: nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    return backbone


def spec_of(backbone: nn.Module, *, size: int, margin: float) -> InputSpec:
    """The input of a network, with the normalisation it is meant for."""
    if type(backbone) in OWN.values():
        return InputSpec(size=size, margin=margin)
    import timm.data

    data = timm.data.resolve_model_data_config(backbone)
    return InputSpec(size=size, margin=margin, mean=data["mean"], std=data["std"])


def heat_layer(backbone: nn.Module) -> str | None:
    """The deepest stage whose map is at most `HEAT_STRIDE` times smaller than the input."""
    stages = [
        stage
        for stage in getattr(backbone, "feature_info", [])
        if stage["reduction"] <= HEAT_STRIDE and stage["module"]
    ]
    return f"backbone.{stages[-1]['module']}" if stages else None
