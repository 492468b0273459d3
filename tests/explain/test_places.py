"""Places of layers against what these see: the middle of the gradient, in linear networks."""

import pytest
import timm
import torch
import torch.nn.functional as F
from timm.layers import create_conv2d
from torch import Tensor, nn

from deeptell.explain.gradcam import grad_cam
from deeptell.explain.places import Places, enlarged, followed
from deeptell.inputs import InputSpec
from deeptell.models.backbones import make_backbone
from deeptell.models.contract import Model

WIDTH = 64


class Evenly(Model):
    """Layers whose weights are all 1, and the mean of what they give."""

    heat_layer = "layers"

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.spec = InputSpec(size=WIDTH)
        self.layers = nn.Sequential(*layers)
        for parameter in self.layers.parameters():
            nn.init.ones_(parameter)

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.layers(batch).flatten(2).mean(dim=2)

    def classify(self, embedding: Tensor) -> Tensor:
        return embedding.mean(dim=1)


class Shortcut(nn.Module):
    """A block whose branches see other places; the shortcut carries nearly all."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.short = nn.Conv2d(3, 3, 3, stride=2, padding=1, bias=False), nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        return 1e-6 * self.conv(x) + self.short(x)


def conv(width: int, stride: int, padding: int, **more: object) -> nn.Module:
    return nn.Conv2d(3, 3, width, stride, padding, bias=False, **more)


def halves(count: int) -> list[nn.Module]:
    return [conv(3, 2, 1) for _ in range(count)]


NETWORKS = {
    "padded": (halves(3), (8, 0)),
    "not padded": ([conv(3, 2, 0), conv(3, 1, 0), conv(5, 2, 0)], (4, 7)),
    "patches": ([conv(4, 4, 0), nn.AvgPool2d(2)], (8, 3.5)),
    "padded as TensorFlow does": (
        [create_conv2d(3, 3, 3, stride=2, padding="same") for _ in range(2)],
        (4, 3),
    ),
    "far apart": ([conv(3, 2, 2, dilation=2), nn.MaxPool2d(1, 2)], (4, 0)),
    "a shortcut": ([*halves(2), Shortcut()], (8, 2)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_place_is_in_the_middle_of_what_it_sees(name: str) -> None:
    layers, expected = NETWORKS[name]
    model = Evenly(*layers)
    batch = torch.rand(1, 3, WIDTH, WIDTH).requires_grad_()
    with followed(model, batch) as known:
        made = model.layers(batch)
    places = known[-1, made.shape[-1]]
    assert places == known[-2, made.shape[-2]] == Places(*map(float, expected))
    middle = made.shape[-1] // 2
    (seen,) = torch.autograd.grad(made[0, :, middle, middle].sum(), batch)
    across = seen.abs().sum(dim=(0, 1, 2))
    centre = (across * torch.arange(WIDTH)).sum() / across.sum()
    assert centre == pytest.approx(places.first + middle * places.step, abs=1e-3)
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("name", NETWORKS)
def test_the_map_lies_over_what_it_is_of(name: str) -> None:
    """The middle of the heat of a spot is the spot."""
    model, batch = Evenly(*NETWORKS[name][0]), torch.zeros(1, 3, WIDTH, WIDTH)
    batch[..., 29:36, 21:28] = 1  # its middle is at 32, 24
    heat = grad_cam(model, batch)[0]
    pixels = torch.arange(float(WIDTH))
    down, across = heat.sum(dim=1) @ pixels / heat.sum(), heat.sum(dim=0) @ pixels / heat.sum()
    assert (down.item(), across.item()) == pytest.approx((32, 24), abs=1.1)


def test_time_has_places_too() -> None:
    model = Evenly(nn.Conv3d(3, 3, (3, 4, 4), (2, 4, 4), (1, 0, 0), bias=False))
    batch = torch.rand(1, 3, 6, WIDTH, WIDTH)
    with followed(model, batch) as known:
        model.layers(batch)
    assert (known[-3, 3], known[-1, 16]) == (Places(2.0, 0.0), Places(4.0, 1.5))
    heat = grad_cam(model, batch.fill_(0).index_fill_(2, torch.tensor([2]), 1.0))
    assert heat[0].mean(dim=(1, 2)).argmax() == 2


@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 4)])
def test_what_is_not_known_is_spread_evenly(shape: tuple[int, ...]) -> None:
    maps, size = torch.rand(2, 1, *shape), torch.Size([3 * side + 1 for side in shape])
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    wanted = F.interpolate(maps, size, mode=mode, align_corners=False)
    torch.testing.assert_close(enlarged(maps, size, {}), wanted)


@pytest.mark.parametrize(
    ("network", "layer", "off"),
    [
        (lambda: timm.create_model("test_resnet", num_classes=0), "layer3", 0.9),
        (lambda: timm.create_model("resnet18", num_classes=0), "layer3", 0.9),
        (lambda: make_backbone("resnet12"), "stages.2", 0.9),
    ],
    ids=["test_resnet", "resnet18", "resnet12"],
)
def test_networks_in_use_see_around_their_places(network, layer: str, off: float) -> None:
    """Gradients of these are noise about the middle; equal parts would be 7.5 off in resnet18 and
    1.5 in the others."""
    torch.manual_seed(0)
    backbone = network().eval()
    batch = torch.randn(64, 3, 128, 128).requires_grad_()
    kept: list[Tensor] = []
    named = backbone.get_submodule(layer)
    named.register_forward_hook(lambda _layer, _inputs, output: kept.append(output))
    with followed(backbone, batch) as known:
        backbone(batch)
    step, first = known[-1, 8]
    (seen,) = torch.autograd.grad((kept[0] * torch.randn_like(kept[0]))[..., 4, 4].sum(), batch)
    power = (seen**2).sum(dim=(0, 1))
    pixels = torch.arange(128.0)
    centre = [(power.sum(dim=axis) @ pixels / power.sum()).item() for axis in (1, 0)]
    assert centre == pytest.approx([first + 4 * step] * 2, abs=off)
