"""The ways in which faces can be found and cut: each is one setting away from the model's own."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from deeptell.config import ExtractConfig
from deeptell.errors import ConfigError
from deeptell.faces.detect import DETECTORS, create_detector
from deeptell.models.bundle import Bundle

Variant = tuple[str, str]  # the setting that was changed, and to what
OWN = "own"
UNCHANGED: Variant = (OWN, "")

# Values of an extraction need a store each; those of an input are cut from the faces of the own.
EXTRACTIONS: Mapping[str, tuple[float, ...]] = {
    "min_score": (0.7, 0.9, 0.98),
    "follow_seconds": (0.04, 0.1, 0.4),
    "frames": (4, 16, 64),
}
INPUTS: Mapping[str, tuple[float | str, ...]] = {
    "margin": (0.9, 1.0, 1.15, 1.3, 1.5, 1.8),
    "alignment": ("none", "eyes"),
}


def detectors_of(
    weights: Mapping[str, Path], config: ExtractConfig
) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Files of weights ("" where none is needed) of those that can be made, and the others."""
    given = {config.detector: config.weights} if config.weights else {}
    given |= {name: str(path) for name, path in weights.items()}
    for name, file in given.items():  # a file that is none is the user's mistake, and not passed by
        create_detector(name, weights=Path(file))
    usable, left_out = dict(given), []
    for name in DETECTORS.keys() - given.keys():
        try:
            create_detector(name)
            usable[name] = ""
        except ConfigError as error:
            left_out.append((name, str(error)))
    return usable, tuple(left_out)


def extractions(
    config: ExtractConfig, detectors: Mapping[str, str]
) -> dict[Variant, ExtractConfig]:
    """The own way first, then each of the others.

    Scores of two detectors are not on one scale: 0.9 keeps nearly all that MTCNN finds, and of
    YuNet's little. So another detector is tried with each least score.
    """
    ways = {UNCHANGED: config}
    for name in sorted(detectors.keys() - {config.detector}):
        for score in EXTRACTIONS["min_score"]:
            changes = {"detector": name, "weights": detectors[name], "min_score": score}
            ways[("detector", f"{name}-{score:g}")] = config.model_copy(update=changes)
    for setting, values in EXTRACTIONS.items():
        for value in values:
            if value != getattr(config, setting):
                ways[(setting, f"{value:g}")] = config.model_copy(update={setting: value})
    return ways


def inputs(bundle: Bundle) -> dict[Variant, Bundle]:
    """The bundle itself first, then with each other input."""
    ways = {UNCHANGED: bundle}
    for setting, values in INPUTS.items():
        for value in values:
            if value != getattr(bundle.model.spec, setting):
                model = copy.copy(bundle.model)  # shares its weights
                changed: dict[str, Any] = {setting: value}
                model.spec = replace(model.spec, **changed)
                ways[(setting, _text(value))] = replace(bundle, model=model)
    return ways


def own_values(config: ExtractConfig, bundle: Bundle) -> dict[str, str]:
    """The model's own value of each setting, in the order of the table."""
    own: dict[str, float | str] = {"detector": config.detector}
    own |= {setting: getattr(config, setting) for setting in EXTRACTIONS}
    own |= {setting: getattr(bundle.model.spec, setting) for setting in INPUTS}
    return {setting: _text(value) for setting, value in own.items()}


def _text(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"
