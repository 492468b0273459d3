"""Where in a model's input the places of a layer lie: at the middle of what they see.

That is not the middle of equal parts of the input. A convolution of stride 2 that is padded on both
sides sees pixels 2i - 1 to 2i + 1: the middle of each place lies half a pixel before that of its
pair of pixels, which at stride 16 has become half a place. Padding on one side only, or on none,
moves places elsewhere. Padding and strides say by how much (Araujo et al., Distill 2019).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deeptell.models.contract import Model

_WINDOWS = (nn.Conv2d, nn.Conv3d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool2d, nn.AvgPool3d)


class Places(NamedTuple):
    """Along one axis place i lies at `first + i * step`; 0 is the middle of the first pixel."""

    step: float
    first: float


Known = dict[tuple[int, int], Places]  # by axis, counted from the last, and number of places


@contextmanager
def followed(model: Model, batch: Tensor) -> Iterator[Known]:
    """While a model is asked about a batch, note the places of every size that a map of it has.

    Of branches that meet, the one that comes last counts: in the networks of timm and in ours that
    is the shortcut of a residual block, through which most is seen. What a layer does without a
    module is not noticed.
    """
    known = {(-axis, batch.shape[-axis]): Places(1.0, 0.0) for axis in range(1, batch.ndim - 1)}

    def follow(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        for axis in range(2 - output.ndim, 0):
            before, after = inputs[0].shape[axis], output.shape[axis]
            if before != after and (axis, before) in known:
                window = _window(layer, axis, before, after)
                known[axis, after] = _through(known[axis, before], *window)

    hooks = [m.register_forward_hook(follow) for m in model.modules() if isinstance(m, _WINDOWS)]
    try:
        yield known
    finally:
        for hook in hooks:
            hook.remove()


def _window(layer: Any, axis: int, before: int, after: int) -> tuple[int, int, int]:
    """Stride, width, and how many pixels it begins before the first one."""

    def own(value: Any) -> int:
        return int(value[axis] if isinstance(value, tuple) else value)

    stride = own(layer.stride)
    width = own(getattr(layer, "dilation", 1)) * (own(layer.kernel_size) - 1) + 1
    padding = 0 if isinstance(layer.padding, str) else own(layer.padding)
    # Layers that pad their input themselves, as TensorFlow does, put the smaller half before it.
    missing = max(0, (after - 1) * stride + width - before)
    return stride, width, padding or missing // 2


def _through(places: Places, stride: int, width: int, padding: int) -> Places:
    first = places.first + places.step * ((width - 1) / 2 - padding)
    return Places(places.step * stride, first)


def enlarged(maps: Tensor, size: torch.Size, known: Known) -> Tensor:
    """Maps as large as the input, linear between their places, and even beyond the outer ones.

    Args:
        maps: `(N, 1, h, w)` or `(N, 1, t, h, w)`.
        size: of the input, `(H, W)` or `(T, H, W)`.
        known: what `followed` noted; where it knows nothing of a size, its places are equal parts
            of the input.

    Returns:
        `(N, 1, H, W)` or `(N, 1, T, H, W)`.
    """
    axes = []
    for axis in range(-len(size), 0):
        count, whole = maps.shape[axis], size[axis]
        step = whole / count
        step, first = known.get((axis, count), Places(step, (step - 1) / 2))
        pixels = torch.arange(whole, device=maps.device, dtype=maps.dtype)
        axes.append(2 * (pixels - first) / step / max(1, count - 1) - 1)
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], dim=-1)
    grid = grid.expand(len(maps), *grid.shape)
    return F.grid_sample(maps, grid, padding_mode="border", align_corners=True)
