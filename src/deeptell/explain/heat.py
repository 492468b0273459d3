"""The ways to a heat map, by name, and a model that knows nothing to hold them against."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from deeptell.catalog import lookup
from deeptell.errors import ConfigError
from deeptell.explain.gradcam import grad_cam, hires_cam
from deeptell.explain.occlusion import occlusion
from deeptell.models.contract import Encoder, Model
from deeptell.models.families import build, describe

METHODS: Mapping[str, Callable[..., Tensor]] = {
    "grad_cam": grad_cam,
    "hires_cam": hires_cam,
    "occlusion": occlusion,
}


def heat_map(
    model: Model, batch: Tensor, *, method: str = "grad_cam", lengths: Tensor | None = None
) -> Tensor:
    """Where the evidence for FAKE lies in each sample; see `gradcam.grad_cam`.

    Raises:
        ConfigError: the method is unknown, or not one for this model; see `methods_for`.
    """
    maps: Tensor = lookup(METHODS, method, kind="heat map")(model, batch, lengths=lengths)
    return maps


def methods_for(model: Model) -> tuple[str, ...]:
    """The names of the maps that a model can be asked for, the quickest first."""
    return ("occlusion",) if model.heat_layer is None else tuple(METHODS)


def randomised(model: Model, *, seed: int) -> Model:
    """The same architecture with weights drawn anew, in eval mode.

    What its maps share with the model's does not come from what the model learnt (Adebayo et al.,
    NeurIPS 2018). A classic classifier has no weights to draw: it stays, and is asked about
    embeddings that mean nothing any more.

    Raises:
        ConfigError: the weights stand inside an ONNX graph.
    """
    for part in model.modules():
        if isinstance(part, Encoder) and next(part.parameters(), None) is None:
            raise ConfigError(
                f"A {type(part).__name__} has no weights that could be drawn anew: its maps "
                "cannot be held against those of a randomised model."
            )
    made = describe(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = build(made["family"], made["options"])
    fresh.restore(model.files())
    fresh.spec = model.spec
    return fresh.eval()
