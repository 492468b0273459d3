"""The catalogue of model families."""

from collections.abc import Mapping
from typing import Any

from deeptell.catalog import lookup
from deeptell.models.contract import Model
from deeptell.models.frame import FrameModel

FAMILIES: Mapping[str, type[Model]] = {"frame": FrameModel}


def build(family: str, options: Mapping[str, Any]) -> Model:
    """Make an untrained model of a family; wrong names raise a `ConfigError`."""
    return lookup(FAMILIES, family, kind="model family")(**options)


def family_of(model: Model) -> str:
    """The name under which a model's family stands in the catalogue."""
    return next(name for name, kind in FAMILIES.items() if type(model) is kind)
