"""Maps from the gradient at a layer: Grad-CAM, and HiResCAM, for models that have a heat layer.

Both multiply what a layer saw with how much the logit leans on it, sum over its channels and keep
what speaks for FAKE. Grad-CAM (Selvaraju et al., ICCV 2017) first averages the gradient over the
layer's places; HiResCAM (Draelos and Carin, arXiv:2011.08891) leaves it where it is, so that a
place that the network does not lean on stays dark. Where the layer is followed by a mean over
places and one linear layer alone, both are CAM (Zhou et al., CVPR 2016).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from deeptell.errors import ConfigError
from deeptell.explain.places import Known, enlarged, followed
from deeptell.models.contract import Model
from deeptell.models.ensemble import Ensemble


def grad_cam(model: Model, batch: Tensor, *, lengths: Tensor | None = None) -> Tensor:
    """Where the evidence for FAKE lies in each sample.

    Args:
        batch: `(N, 3, H, W)` or `(N, 3, T, H, W)` float32, as `inputs.prepare` makes it.
        lengths: as in `contract.Encoder.embed`.

    Returns:
        `(N, H, W)` or `(N, T, H, W)` float32 in [0, 1]; all zero where nothing speaks for FAKE.
        Each map is scaled to its own highest value: maps show where, not how much.

    Raises:
        ConfigError: the model has no layer that a map can be taken from.
    """
    return _map(model, batch, lengths, weigh=_mean_over_places)


def hires_cam(model: Model, batch: Tensor, *, lengths: Tensor | None = None) -> Tensor:
    """The same with the gradient of every place for itself; see `grad_cam`."""
    return _map(model, batch, lengths, weigh=lambda gradient: gradient)


def _mean_over_places(gradient: Tensor) -> Tensor:
    return gradient.mean(dim=tuple(range(2, gradient.ndim)), keepdim=True)


def _map(
    model: Model, batch: Tensor, lengths: Tensor | None, *, weigh: Callable[[Tensor], Tensor]
) -> Tensor:
    if model.heat_layer is None:
        raise ConfigError(
            f"A {type(model).__name__} model has no layer that a gradient map is taken from: "
            "take 'occlusion'."
        )
    # The logit of a vote is the mean of its members', and so is its map.
    members = model.voters() if isinstance(model, Ensemble) else [model]
    with followed(model, batch) as places:
        parts = [_at_heat_layer(member, batch, lengths) for member in members]
    maps = [(weigh(gradient) * seen).sum(dim=1, keepdim=True) for seen, gradient in parts]
    return finished(torch.stack(maps).mean(dim=0), batch, places=places)


def _at_heat_layer(model: Model, batch: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """What the heat layer gave, and the gradient of the logit there: `(N, C, ...)` each."""
    assert model.heat_layer is not None
    kept: list[Tensor] = []
    layer = model.get_submodule(model.heat_layer)
    hook = layer.register_forward_hook(lambda _m, _i, output: kept.append(output))
    try:
        with torch.enable_grad():
            # The batch asks for gradients so that there are some where the weights are fixed.
            logits = model(batch.detach().requires_grad_(), lengths)
            (gradient,) = torch.autograd.grad(logits.sum(), kept[0])
    finally:
        hook.remove()
    return kept[0].detach(), gradient


def finished(maps: Tensor, batch: Tensor, *, places: Known | None = None) -> Tensor:
    """What all methods end with: what speaks for FAKE, as large as the input, at most 1.

    Args:
        maps: `(N, 1, h, w)` or `(N, 1, t, h, w)`, positive where a place speaks for FAKE.
        batch: `(N, 3, H, W)` or `(N, 3, T, H, W)`.
        places: where in the input those of the maps lie; None: they are equal parts of it.

    Returns:
        `(N, H, W)` or `(N, T, H, W)` float32 in [0, 1].
    """
    large = enlarged(F.relu(maps), batch.shape[2:], places or {})
    peak = large.amax(dim=tuple(range(1, large.ndim)), keepdim=True)
    return torch.where(peak > 0, large / peak.clamp(min=1e-12), large).squeeze(1)
