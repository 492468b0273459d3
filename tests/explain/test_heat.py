"""Heat maps against loops over channels and patches, CAM, and answers that are known beforehand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from deeptell.errors import ConfigError
from deeptell.explain.gradcam import grad_cam, hires_cam
from deeptell.explain.heat import heat_map, methods_for, randomised
from deeptell.explain.occlusion import occlusion
from deeptell.inputs import InputSpec
from deeptell.models.contract import Model
from deeptell.models.families import build

CLIP = {"network": "c3d_small", "frames": 4, "size": 32}
FRAME = {"backbone": "test_resnet", "size": 64}


class Pooled(Model):
    """Convolution, mean over places, one linear layer: the network that CAM is defined for."""

    heat_layer = "seen"

    def __init__(self) -> None:
        super().__init__()
        self.spec = InputSpec(size=16)
        self.seen = nn.Conv2d(3, 5, 3, padding=1, stride=2)
        self.logit = nn.Linear(5, 1)

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.seen(batch).mean(dim=(2, 3))

    def classify(self, embedding: Tensor) -> Tensor:
        return self.logit(embedding).squeeze(1)


class Brightness(Model):
    """Says how bright one place of the middle frame is, and asks for lengths."""

    def __init__(self, place: tuple[slice, slice], *, frames: int) -> None:
        super().__init__()
        self.spec = InputSpec(size=24, frames=frames, consecutive=False)
        self.place = place
        self.asked: list[int] = []

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        self.asked += [] if lengths is None else lengths.tolist()
        faces = batch if batch.ndim == 4 else batch[:, :, batch.shape[2] // 2]
        return faces[(..., *self.place)].mean(dim=(1, 2, 3))[:, None]

    def classify(self, embedding: Tensor) -> Tensor:
        return embedding[:, 0]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def between(values: NDArray, size: tuple[int, ...], places: list[tuple[float, float]]) -> Tensor:
    """Values as large as the input, linear along one axis after the other."""
    for axis, (length, (step, first)) in enumerate(zip(size, places, strict=True)):
        at, pixels = first + step * np.arange(values.shape[axis]), np.arange(length)
        lines = np.moveaxis(values, axis, -1).reshape(-1, len(at))
        spread = np.stack([np.interp(pixels, at, line) for line in lines])
        others = np.delete(values.shape, axis)
        values = np.moveaxis(spread.reshape(*others, length), -1, axis)
    return torch.from_numpy(values).float()


def made(family: str, options: dict) -> Model:
    torch.manual_seed(0)
    return build(family, options).eval()


def at_layer(model: Model, sample: Tensor) -> tuple[Tensor, Tensor]:
    """What the heat layer gave for one sample, and the gradient of the logit there."""
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        output.retain_grad()
        kept.append(output)

    hook = model.get_submodule(model.heat_layer).register_forward_hook(keep)
    model(sample[None]).backward()
    hook.remove()
    return kept[0][0].detach(), kept[0].grad[0]


@pytest.mark.parametrize(
    ("family", "options", "shape", "places"),
    [
        ("frame", FRAME, (3, 3, 64, 64), [(16, 6), (16, 6)]),
        ("clip", CLIP, (3, 3, 4, 32, 32), [(4, 0), (16, 0), (16, 0)]),
    ],
)
def test_maps_equal_a_loop_over_samples_and_channels(family, options, shape, places):
    """`places` are step and first of the layer's along each axis; see `test_places`."""
    model, batch = made(family, options), drawn(*shape)
    wanted = {"grad_cam": [], "hires_cam": []}
    for sample in batch:
        seen, slope = at_layer(model, sample)
        maps = {name: torch.zeros(seen.shape[1:]) for name in wanted}
        for channel, place in enumerate(seen):
            maps["grad_cam"] += slope[channel].mean() * place
            maps["hires_cam"] += slope[channel] * place
        for name, one in maps.items():
            large = between(one.clamp(min=0).numpy(), shape[2:], places)
            wanted[name].append(large / large.max() if large.max() > 0 else large)
    for name, maps in wanted.items():
        found = heat_map(model, batch, method=name)
        torch.testing.assert_close(found, torch.stack(maps), rtol=0, atol=1e-4)
    assert not torch.allclose(torch.stack(wanted["grad_cam"]), torch.stack(wanted["hires_cam"]))


def test_both_are_cam_where_a_mean_and_one_linear_layer_follow():
    torch.manual_seed(1)
    model, batch = Pooled(), drawn(4, 3, 16, 16)
    cam = torch.einsum("c,nchw->nhw", model.logit.weight[0], model.seen(batch)).detach()
    places = [(2, 0), (2, 0)]
    large = torch.stack([between(one.clamp(min=0).numpy(), (16, 16), places) for one in cam])
    wanted = large / large.amax(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(grad_cam(model, batch), wanted)
    torch.testing.assert_close(hires_cam(model, batch), wanted)


@pytest.mark.parametrize("method", ["grad_cam", "hires_cam"])
def test_nothing_of_the_caller_changes(method):
    model, batch = Pooled().requires_grad_(False), drawn(1, 3, 16, 16)
    before = batch.clone()
    heat_map(model, batch, method=method)  # also where the weights are fixed
    assert torch.equal(batch, before)
    assert not batch.requires_grad
    assert not model.seen._forward_hooks


def test_where_nothing_speaks_for_fake_the_map_is_empty():
    model = Pooled()
    nn.init.zeros_(model.logit.weight)
    for method in methods_for(model):
        heat = heat_map(model, drawn(2, 3, 16, 16), method=method)
        assert heat.shape == (2, 16, 16)
        assert not heat.any()


def covered_one_by_one(model: Model, sample: Tensor, cells: int) -> Tensor:
    """Mean loss of each pixel of a sample whose side the cells share evenly."""
    step = sample.shape[-1] // cells
    total = torch.zeros(sample.shape[-2:])
    times = torch.zeros(sample.shape[-2:])
    plain = model(sample[None]).item()
    for top in range(0, sample.shape[-2] - step, step):
        for left in range(0, sample.shape[-1] - step, step):
            copy = sample.clone()
            for channel in range(3):
                mean = sample[channel].mean()
                copy[channel][..., top : top + 2 * step, left : left + 2 * step] = mean
            loss = plain - model(copy[None]).item()
            total[top : top + 2 * step, left : left + 2 * step] += loss
            times[top : top + 2 * step, left : left + 2 * step] += 1
    return total / times


@pytest.mark.parametrize(
    ("family", "options", "shape"),
    [("frame", FRAME, (2, 3, 64, 64)), ("clip", CLIP, (2, 3, 4, 32, 32))],
)
def test_occlusion_equals_covering_one_place_after_the_other(family, options, shape):
    model, batch = made(family, options), drawn(*shape)
    if family == "frame":
        model.logit.weight.data.neg_()  # as drawn, all of the noise speaks against FAKE
    with torch.inference_mode():
        losses = torch.stack([covered_one_by_one(model, sample, 4) for sample in batch])
    step = shape[-1] // 4
    cells = losses[:, step // 2 :: step, step // 2 :: step].clamp(min=0)[:, None]
    large = F.interpolate(cells, shape[-2:], mode="bilinear")[:, 0]
    wanted = large / large.amax(dim=(1, 2), keepdim=True)
    found = occlusion(model, batch, cells=4)
    if len(shape) == 5:
        wanted = wanted[:, None].expand(found.shape)  # the same for every frame
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-3)


def test_occlusion_finds_the_place_that_answers_and_tells_lengths():
    place = (slice(9, 12), slice(15, 21))
    model = Brightness(place, frames=3)
    batch = torch.zeros(2, 3, 3, 24, 24)
    batch[:, :, :, 9:12, 15:21] = 1.0
    heat = occlusion(model, batch, lengths=torch.tensor([2, 3]))
    assert heat.shape == (2, 3, 24, 24)
    row, column = divmod(int(heat[0, 0].argmax()), 24)
    assert 9 <= row < 12
    assert 15 <= column < 21
    assert model.asked == [2] * 50 + [3] * 50  # once as it is, and 7 x 7 times covered
    assert not occlusion(model, -batch).any()  # covering what speaks against FAKE is no loss


def test_a_model_without_a_layer_is_asked_by_occlusion():
    model = Brightness((slice(0, 8), slice(0, 8)), frames=1)
    assert methods_for(model) == ("occlusion",)
    with pytest.raises(ConfigError, match=r"Brightness model has no layer .* take 'occlusion'"):
        heat_map(model, drawn(1, 3, 24, 24))
    with pytest.raises(
        ConfigError, match=r"no heat map named 'gradcam'[.] Did you mean 'grad_cam'"
    ):
        heat_map(model, drawn(1, 3, 24, 24), method="gradcam")
    with pytest.raises(ValueError, match="at least 2, got 1"):
        occlusion(model, drawn(1, 3, 24, 24), cells=1)


def test_a_randomised_model_shares_the_architecture_alone():
    model = made("frame", FRAME)
    state = torch.get_rng_state()
    one, again, other = (randomised(model, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(state, torch.get_rng_state())
    assert not one.training
    assert one.spec == model.spec
    batch = drawn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(one(batch), again(batch))
        assert not torch.allclose(one(batch), other(batch))
        assert not torch.allclose(one(batch), model(batch))


def test_weights_inside_a_graph_cannot_be_drawn():
    encoder = {"family": "onnx", "options": {"size": 32}}
    model = build("metric", {"encoder": encoder, "inputs": 8})
    with pytest.raises(ConfigError, match="OnnxEncoder has no weights that could be drawn anew"):
        randomised(model, seed=0)
