"""Grad-CAM (Selvaraju et al., ICCV 2017) for models that have a heat layer."""

import torch
import torch.nn.functional as F
from torch import Tensor

from deeptell.models.contract import Model


def grad_cam(model: Model, batch: Tensor) -> Tensor:
    """Where the evidence for FAKE lies in each sample.

    Args:
        batch: `(N, 3, H, W)` or `(N, 3, T, H, W)` float32, as `inputs.prepare` makes it.

    Returns:
        `(N, H, W)` or `(N, T, H, W)` float32 in [0, 1]; all zero where nothing speaks for FAKE.
        Each map is scaled to its own highest value: maps show where, not how much.
    """
    if model.heat_layer is None:
        raise ValueError(f"{type(model).__name__} has no layer to take a heat map from")
    kept: list[Tensor] = []
    layer = model.get_submodule(model.heat_layer)
    hook = layer.register_forward_hook(lambda _m, _i, output: kept.append(output))
    try:
        with torch.enable_grad():
            logits = model(batch.requires_grad_())
            (gradient,) = torch.autograd.grad(logits.sum(), kept[0])
    finally:
        hook.remove()
    places = tuple(range(2, gradient.ndim))
    weights = gradient.mean(dim=places, keepdim=True)
    maps = F.relu((weights * kept[0]).sum(dim=1, keepdim=True)).detach()
    mode = "bilinear" if batch.ndim == 4 else "trilinear"
    maps = F.interpolate(maps, size=batch.shape[2:], mode=mode, align_corners=False)
    peak = maps.amax(dim=places, keepdim=True)
    return torch.where(peak > 0, maps / peak.clamp(min=1e-12), maps).squeeze(1)
