"""A configuration becomes an untrained model, and says which of its weights are to be trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from deeptell.config import TrainConfig
from deeptell.errors import ConfigError
from deeptell.files import sha256_of
from deeptell.inputs import InputSpec
from deeptell.models.bundle import Packed, load_encoder, marks_seen
from deeptell.models.contract import Encoder, Model
from deeptell.models.families import build, make
from deeptell.models.names import entry_of, options_of
from deeptell.models.on_encoder import OnEncoder
from deeptell.models.onnx import OnnxEncoder
from deeptell.models.weights import fill

NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


def network_of(config: TrainConfig, *, encoder: Encoder | None) -> tuple[Model, str | None]:
    """The model that a configuration names, and the record of the weights it starts from.

    Args:
        encoder: of cached embeddings; None where the model is trained on faces.

    Raises:
        ConfigError: unknown names, settings that the model does not take, or an encoder that is
            missing or not asked for.
    """
    entry = entry_of(config.model)
    if not entry.needs_encoder:
        if encoder is not None or config.encoder:
            raise ConfigError(
                f"'{config.model}' stands on no encoder: leave out --embeddings and 'encoder', or "
                "name a recurrent, metric or classic model."
            )
        family, options = _options(config.model, config)
        model = build(family, options)
        record = fill(model, config.weights)
    else:
        model, record = _on_encoder(config, encoder)
    model.spec = _scaled(model.spec, config)
    return model, record


def _on_encoder(config: TrainConfig, encoder: Encoder | None) -> tuple[Model, str | None]:
    record = None
    if encoder is None:
        encoder, record = encoder_of(config)
        encoder.spec = _scaled(encoder.spec, config)
    family, options = options_of(config.model, frames=config.frames, dropout=config.dropout)
    if family == "metric":
        options = {
            "widths": config.widths,
            "classifier": config.classifier,
            "normalise": config.normalise,
            **options,
        }
    elif encoder.spec.frames > 1:
        raise ConfigError(
            f"'{config.model}' reads single faces in order; its encoder takes "
            f"{encoder.spec.frames} at a time."
        )
    inputs = features_of(encoder)
    return build(family, {**options, "encoder": encoder, "inputs": inputs}), record


def encoder_of(config: TrainConfig) -> tuple[Encoder, str | None]:
    """The encoder that a configuration names, and the record of the weights it starts from.

    Raises:
        ConfigError: none is named, the name is unknown or does not name an encoder.
    """
    if not config.encoder:
        raise ConfigError(
            f"'{config.model}' stands on an encoder: give --embeddings, or the setting 'encoder'."
        )
    if Path(config.encoder).is_dir():
        if config.weights != "none":
            raise ConfigError("The encoder is a bundle and has its weights: leave out 'weights'.")
        packed: Packed = load_encoder(Path(config.encoder))
        return packed.network, f"encoder {packed.sha256}"
    if config.encoder.endswith(".onnx"):
        if config.weights != "none":
            raise ConfigError("An .onnx file has its weights: leave out 'weights'.")
        graph = Path(config.encoder)
        return OnnxEncoder.of(graph, margin=config.margin), f"{graph.name}, {sha256_of(graph)}"
    family, options = _options(config.encoder, config)
    if family == "facenet" and config.weights == "none":
        raise ConfigError(
            "'facenet' is a trained network: give its file 20180402-114759-vggface2.pt with "
            "--weights FILE, or --weights download; or take another encoder."
        )
    if family not in ("frame", "clip", "facenet"):
        raise ConfigError(f"'{config.encoder}' is no encoder; name an image or clip model.")
    encoder = make("backbone" if family == "frame" else family, options)
    return encoder, fill(encoder, config.weights)


def inherited(config: TrainConfig) -> set[str]:
    """Marks of the videos that the bundles saw which a model starts from, or stands on."""
    named = [Path(name) for name in (config.weights, config.encoder) if name]
    return set[str]().union(*map(marks_seen, named))


def features_of(encoder: Encoder) -> int:
    """How many features an encoder makes, found by asking it."""
    spec = encoder.spec
    frames = () if spec.frames == 1 else (spec.frames,)
    was_training = encoder.training
    with torch.inference_mode():
        made = encoder.eval().embed(torch.zeros(1, 3, *frames, spec.size, spec.size))
    encoder.train(was_training)
    return int(made.shape[1])


def hold(model: Model, config: TrainConfig) -> nn.Module | None:
    """Fix the weights that `tune` says; returns the part that must stay in eval mode too.

    What is fixed is the part that may be pretrained: a frame model's backbone, a clip model's
    network, the encoder below a head. "norms" trains its normalisation layers (and all above it),
    "head" only what is above it while its batch statistics go on, "frozen" the same with nothing
    in it changing at all.
    """
    if config.tune == "everything":
        return None
    trunk = _trunk(model)
    trunk.requires_grad_(False)
    if config.tune == "norms":
        for module in trunk.modules():
            if isinstance(module, NORMS):
                module.requires_grad_(True)
    return trunk if config.tune == "frozen" else None


def _trunk(model: Model) -> nn.Module:
    if isinstance(model, OnEncoder):
        return model.encoder
    return model.get_submodule(model.trunk)


def _options(name: str, config: TrainConfig) -> tuple[str, dict[str, Any]]:
    own = {"size": config.size, "margin": config.margin}
    if name == config.model:
        own |= {"frames": config.frames, "dropout": config.dropout}
    return options_of(name, **own)


def _scaled(spec: InputSpec, config: TrainConfig) -> InputSpec:
    """The reference divides by 255 whatever the backbone was trained with."""
    if config.scaling == "own":
        return spec
    return replace(spec, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
