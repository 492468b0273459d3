"""Making a network from its name and options, and the other way round.

A network that stands on others holds them as options: {"family": ..., "options": {...}}.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from deeptell.catalog import lookup
from deeptell.errors import ConfigError
from deeptell.models.contract import Encoder, Model

# Imported when asked for: a scan loads timm or torchvision's video models only if it needs them.
FAMILIES: Mapping[str, str] = {
    "frame": "deeptell.models.frame:FrameModel",
    "clip": "deeptell.models.clip:ClipModel",
    "recurrent": "deeptell.models.on_encoder:Recurrent",
    "metric": "deeptell.models.on_encoder:Metric",
    "ensemble": "deeptell.models.ensemble:Ensemble",
    "backbone": "deeptell.models.frame:Backbone",
    "facenet": "deeptell.models.facenet:FaceNet",
    "onnx": "deeptell.models.onnx:OnnxEncoder",
}


def kind_of(family: str) -> type[Encoder]:
    """The class of a family; a wrong name raises a `ConfigError`."""
    module, name = lookup(FAMILIES, family, kind="model family").split(":")
    kind: type[Encoder] = getattr(import_module(module), name)
    return kind


def make(family: str, options: Mapping[str, Any]) -> Encoder:
    """Make an untrained network; raises `ConfigError` for names and options it does not take."""
    kind = kind_of(family)
    return kind(**{name: _made(value) for name, value in options.items()})


def build(family: str, options: Mapping[str, Any]) -> Model:
    """Make an untrained model; an encoder that cannot answer raises a `ConfigError`."""
    made = make(family, options)
    if not isinstance(made, Model):
        raise ConfigError(
            f"'{family}' only makes features: train a metric or recurrent model on it."
        )
    return made


def describe(network: Encoder) -> dict[str, Any]:
    """The family and the options from which `make` makes the same architecture again."""
    kind = f"{type(network).__module__}:{type(network).__qualname__}"
    family = next(name for name, place in FAMILIES.items() if place == kind)
    parts: dict[str, Any] = {}
    if isinstance(encoder := getattr(network, "encoder", None), Encoder):
        parts["encoder"] = describe(encoder)
    if members := getattr(network, "members", None):
        parts["members"] = [describe(member) for member in members]
    return {"family": family, "options": {**network.options, **parts}}


def _made(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) == {"family", "options"}:
        return make(value["family"], value["options"])
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return [_made(one) for one in value]
    return value
