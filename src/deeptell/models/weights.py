"""Pretrained weights: none, a file, or downloaded when that is asked for in so many words."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from deeptell.config import TrainConfig
from deeptell.errors import WeightsError
from deeptell.files import replacing, sha256_of
from deeptell.models.bundle import load_encoder
from deeptell.models.contract import Encoder
from deeptell.models.families import describe

NONE, DOWNLOAD = "none", "download"
# What published weights hold besides the part that we use: their classifiers.
_LEFT_OUT = (
    *("fc.", "classifier.", "classif.", "last_linear.", "head.", "head_drop.", "logits."),
    *("AuxLogits.", "aux_logits."),
)


def fill(network: Encoder, weights: str) -> str | None:
    """Load weights into the trunk of a network; says which, for the record, or None for "none".

    Args:
        weights: "none", "download", a file (.safetensors, or a PyTorch state), or the folder of a
            bundle of the same architecture, which is then gone on with, head and all.

    Raises:
        WeightsError: they cannot be had or read, or are of another architecture.
    """
    if weights == NONE:
        return None
    if Path(weights).is_dir():
        return _go_on(network, Path(weights))
    file = _download(network) if weights == DOWNLOAD else Path(weights)
    trunk = network.get_submodule(network.trunk)
    wanted = trunk.state_dict()
    found = _without_classifier(_read(file), wanted)
    # Counters of batches did not exist when some weights were published.
    lost = {name for name in wanted if not name.endswith("num_batches_tracked")} - found.keys()
    odd = lost | (found.keys() - wanted.keys())
    odd |= {
        name for name in found.keys() & wanted.keys() if found[name].shape != wanted[name].shape
    }
    if odd:
        raise WeightsError(
            f"{file} holds the weights of another architecture: {len(odd)} tensors differ, one is "
            f"'{min(odd)}'; give the file of this network."
        )
    trunk.load_state_dict(found, strict=False)
    return f"{file.name}, SHA-256 {sha256_of(file)}"


def starts_from(config: TrainConfig) -> dict[str, str]:
    """What the settings "encoder" and "weights" name: the hash of a file's or bundle's weights.

    A setting that names no file stands for itself.
    """
    return {name: _content(getattr(config, name)) for name in ("encoder", "weights")}


def _content(name: str) -> str:
    path = Path(name)
    if name and path.is_dir():
        return load_encoder(path).sha256
    return sha256_of(path) if name and path.is_file() else name


def _go_on(network: Encoder, folder: Path) -> str:
    packed = load_encoder(folder)
    ours, theirs = describe(network), describe(packed.network)
    if ours["family"] != theirs["family"] or _shapes(network) != _shapes(packed.network):
        raise WeightsError(
            f"The bundle {folder} is of another architecture ({theirs}) than the model to train "
            f"({ours}): give the same settings, or other weights."
        )
    network.load_state_dict(packed.network.state_dict())
    return f"bundle {packed.sha256}"


def _shapes(network: Encoder) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in network.state_dict().items()}


def address(network: Encoder) -> str | None:
    """Where the publisher keeps the weights of a network; None where there are none."""
    options = network.options
    if "network" in options:
        from deeptell.models.clip import published_weights

        return published_weights(options["network"])
    if "backbone" in options:
        return _timm_address(options["backbone"])
    from deeptell.models.facenet import WEIGHTS_URL, FaceNet

    return WEIGHTS_URL if isinstance(network, FaceNet) else None


def _timm_address(backbone: str) -> str | None:
    import timm
    from huggingface_hub import hf_hub_url

    known = timm.get_pretrained_cfg(backbone) if timm.is_model(backbone) else None
    if known is None or known.url:
        return str(known.url) if known else None
    if not known.hf_hub_id:
        return None
    return str(hf_hub_url(known.hf_hub_id, known.hf_hub_filename or "model.safetensors"))


def _download(network: Encoder) -> Path:
    """The published file, from the cache or the net.

    It must have the hash that its name carries, as PyTorch's and timm's files do; of one without,
    the hash is kept beside it at first use, and the file must not change any more.
    """
    url = address(network)
    if url is None:
        raise WeightsError(
            "Nobody published weights for this network: take --weights none, or a file."
        )
    file = _cached(url)
    carried = re.search(r"-([0-9a-f]{8,})\.\w+$", file.name)
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(
                url, str(file), hash_prefix=carried[1] if carried else None, progress=False
            )
        except (OSError, RuntimeError) as error:
            raise WeightsError(
                f"{url} cannot be downloaded ({error}). Fetch that file elsewhere and give it with "
                f"--weights FILE (or put it at {file}), or go on without: --weights none."
            ) from None
    _check_hash(file, carried[1] if carried else None)
    return file


def is_here(network: Encoder) -> bool:
    """Whether "download" would find the published file in the cache."""
    url = address(network)
    return url is not None and _cached(url).is_file()


def _cached(url: str) -> Path:
    name = Path(url).name if Path(url).stem != "model" else f"{url.split('/')[4]}.safetensors"
    return Path(torch.hub.get_dir()) / "checkpoints" / name


def _check_hash(file: Path, published: str | None) -> None:
    kept = file.with_name(f"{file.name}.sha256")
    found = sha256_of(file)
    if published is None and not kept.is_file():
        with replacing(kept) as temporary:
            temporary.write_text(found + "\n", encoding="utf-8")
    wanted = published or kept.read_text(encoding="utf-8").strip()
    if not found.startswith(wanted):
        raise WeightsError(
            f"{file} is not the published file: its SHA-256 begins with {found[:12]}, not "
            f"{wanted[:12]}; delete it and download it again."
        )


def _read(file: Path) -> Mapping[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        held: Any = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError(f"There are no weights at {file}.") from None
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise _unreadable(file, error) from None
    except Exception as error:
        if type(error).__name__ != "UnpicklingError":  # named without importing pickle
            raise
        raise _unreadable(file, error) from None
    for key in ("state_dict", "model"):
        held = held.get(key, held) if isinstance(held, Mapping) else held
    if not isinstance(held, Mapping) or not all(isinstance(t, Tensor) for t in held.values()):
        raise WeightsError(f"{file} holds no table of tensors.")
    return {str(name).removeprefix("module."): tensor for name, tensor in held.items()}


def _unreadable(file: Path, error: Exception) -> WeightsError:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return WeightsError(f"{file} cannot be read as weights: {first[:200]}")


def _without_classifier(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    return {k: t for k, t in found.items() if k in wanted or not k.startswith(_LEFT_OUT)}
