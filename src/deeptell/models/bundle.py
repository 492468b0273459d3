"""A bundle: a model as it is shared. A folder of weights and JSON; nothing in it is executed.

bundle/
  model.safetensors    weights; matrices and kernels in fp16, vectors in fp32
  bundle.json          architecture, input, error rates, training statement, versions, hash
"""

import json
import math
import shutil
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from deeptell.errors import BundleError, ConfigError, OutputError
from deeptell.files import sha256_of
from deeptell.inputs import InputSpec
from deeptell.models.contract import Model
from deeptell.models.families import build, family_of
from deeptell.records import BundleCard, Measurement, OperatingPoint

SCHEMA_VERSION = 1
WEIGHTS, CARD = "model.safetensors", "bundle.json"


@dataclass(frozen=True)
class Bundle:
    """A model ready to score, and what is known about it."""

    model: Model
    card: BundleCard
    training: dict[str, Any]  # the configuration and the data it was trained with


def save_bundle(folder: Path, bundle: Bundle) -> Bundle:
    """Write a bundle and return it as it reads back: rounded to fp16, its hash in the card.

    Figures for the card belong to that returned model; `update_card` adds them.
    """
    temporary = folder.with_name(f".{folder.name}.tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        tensors = {
            name: tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor
            for name, tensor in bundle.model.state_dict().items()
        }
        save_file({k: t.contiguous().cpu() for k, t in tensors.items()}, temporary / WEIGHTS)
        (temporary / WEIGHTS).chmod(0o644)  # safetensors makes it for its owner only
        card = replace(bundle.card, sha256=sha256_of(temporary / WEIGHTS))
        _write_json(temporary / CARD, replace(bundle, card=card))
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        raise OutputError(f"The bundle {folder} cannot be written: {error.strerror}.") from error
    return load_bundle(folder)


def default_bundle() -> Path:
    """The folder of the packaged bundle, made with `recipes/demo.yaml`."""
    return Path(str(files("deeptell"))) / "bundles" / "demo"


def update_card(folder: Path, bundle: Bundle) -> None:
    """Write a bundle's card anew, for instance with figures measured since."""
    temporary = folder / f".{CARD}.tmp"
    _write_json(temporary, bundle)
    temporary.replace(folder / CARD)


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle; the model is in eval mode, in fp32, on the CPU.

    Raises:
        BundleError: no bundle, of a newer version, damaged, or not what its hash says.
    """
    document = _read_json(folder)
    try:
        card = BundleCard(
            name=document["name"],
            sha256=document["sha256"],
            architecture=document["architecture"],
            statement=document["statement"],
            operating_points=tuple(OperatingPoint(**p) for p in document["operating_points"]),
            measurements=tuple(_measurement(m) for m in document["measurements"]),
        )
        model = build(document["family"], document["options"])
        model.spec = InputSpec(**{k: _tuple(v) for k, v in document["input"].items()})
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise BundleError(f"{folder / CARD} does not describe a model: {error}") from None
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise BundleError(f"The bundle {folder} has no {WEIGHTS}; copy the whole folder again.")
    if sha256_of(weights) != card.sha256:
        raise BundleError(f"{weights} is not the file that {CARD} was written for (SHA-256).")
    _fill(model, weights)
    return Bundle(model.eval(), card, document["training"])


def _fill(model: Model, weights: Path) -> None:
    try:
        tensors = {name: _widened(tensor) for name, tensor in load_file(weights).items()}
        model.load_state_dict(tensors)
    except (SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise BundleError(f"{weights} holds other weights than its bundle names: {first}") from None


def _widened(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def _measurement(values: dict[str, Any]) -> Measurement:
    """JSON has no NaN: an interval that could not be had is written as null."""
    known: dict[str, Any] = {k: math.nan if v is None else v for k, v in values.items()}
    return Measurement(**known)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / CARD
    if not path.is_file():
        raise BundleError(f"{folder} is not a bundle: it has no {CARD}.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        found = document["schema_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{path} cannot be read as the card of a bundle: {error}.") from None
    if found != SCHEMA_VERSION:
        raise BundleError(
            f"{path} has schema version {found}, this deeptell reads {SCHEMA_VERSION}; "
            "install the deeptell that wrote it, or a newer one."
        )
    return dict(document)


def _write_json(path: Path, bundle: Bundle) -> None:
    packages = ("deeptell", "torch", "timm", "numpy")
    document = {
        "schema_version": SCHEMA_VERSION,
        **asdict(bundle.card),
        "family": family_of(bundle.model),
        "options": bundle.model.options,
        "input": asdict(bundle.model.spec),
        "classes": {"0": "real", "1": "fake"},
        "training": bundle.training,
        "versions": {name: version(name) for name in packages},
    }
    text = json.dumps(_without_nan(document), indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
