"""Image networks without a classifier: those of timm, and a small one of our own.

timm takes a second to import, on a laptop. Whoever scans with our own network does not wait for it.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from deeptell.catalog import unknown_name
from deeptell.inputs import InputSpec

HEAT_STRIDE = 16  # finer than the last stage, still near the decision


class ResNet10(nn.Module):
    """A residual network of ten layers (He et al., CVPR 2016), half as wide as ResNet-18.

    Its stem keeps every second place, not every fourth: faces are cut small, and what betrays a
    forgery is smaller. Where a block shrinks, its shortcut averages (He et al., CVPR 2019).
    """

    widths = (32, 64, 128, 256)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, self.widths[0], 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(self.widths[0]),
            nn.ReLU(),
        )
        before = (self.widths[0], *self.widths)
        self.stages = nn.Sequential(
            *(
                _Block(inputs, outputs, stride=2 if number else 1)
                for number, (inputs, outputs) in enumerate(zip(before, self.widths, strict=False))
            )
        )
        # What timm's networks say of themselves.
        self.head_hidden_size = self.widths[-1]
        self.feature_info = [
            {"module": f"stages.{number}", "reduction": 2 ** (number + 1)}
            for number in range(len(self.widths))
        ]
        self.to(memory_format=torch.channels_last)  # a quarter faster on processors, in bf16

    def forward(self, batch: Tensor) -> Tensor:
        """`(N, 3, H, W)` -> `(N, 256)`: the mean over all places."""
        features: Tensor = self.stages(self.stem(batch)).mean(dim=(2, 3))
        return features


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d(stride),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, batch: Tensor) -> Tensor:
        shortcut = self.shortcut(batch)  # first: what carries more comes last (explain/places.py)
        return torch.relu(self.residual(batch) + shortcut)


OWN: Mapping[str, Callable[[], nn.Module]] = {"resnet10": ResNet10}


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
