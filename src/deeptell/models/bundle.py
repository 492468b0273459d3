"""A bundle: a model as it is shared. A folder of weights and JSON; nothing in it is executed.

bundle/
  model.safetensors    weights; matrices and kernels in fp16, vectors in fp32
  bundle.json          architecture, input, error rates, training statement, versions, hash
  classifier.skops     only with a classic classifier; encoder.onnx: only with an ONNX encoder
  reference.safetensors  how far the training data reach; older bundles lack it

An encoder without a classifier is kept in the same way, as `Packed` (see `data.embeddings`).
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from deeptell.errors import BundleError, ConfigError, OutputError
from deeptell.figures import measurement, plain
from deeptell.files import replacing, sha256_of
from deeptell.inputs import InputSpec
from deeptell.models.contract import Encoder, Model
from deeptell.models.families import describe, make
from deeptell.models.reference import Reference
from deeptell.records import BundleCard, Calibration, OperatingPoint

SCHEMA_VERSION = 1
WEIGHTS, CARD, REFERENCE = "model.safetensors", "bundle.json", "reference.safetensors"
CLASSES = {"0": "real", "1": "fake"}  # what the labels, and a logit above 0, mean everywhere


@dataclass(frozen=True)
class Packed:
    """A network in eval mode, and the SHA-256 over its weights and further files."""

    network: Encoder
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """A model ready to score, and what is known about it."""

    model: Model
    card: BundleCard
    training: dict[str, Any]  # the configuration and the data it was trained with
    reference: Reference | None = None  # to its training data; None: distances are not known


def save_bundle(folder: Path, bundle: Bundle) -> Bundle:
    """Write a bundle and return it as it reads back: rounded to fp16, its hash in the card.

    Figures for the card belong to that returned model; `update_card` adds them.
    """
    with _new_folder(folder, what="bundle") as temporary:
        card = replace(bundle.card, sha256=_write_network(temporary, bundle.model))
        _write_reference(temporary, bundle)
        _write_json(temporary / CARD, _document(replace(bundle, card=card)))
    return load_bundle(folder)


def save_encoder(folder: Path, encoder: Encoder, *, seen: Iterable[str] = ()) -> Packed:
    """Write any network without a card and return it as it reads back.

    Args:
        seen: marks of the videos that it learnt from or was chosen on; see `marks_seen`.
    """
    with _new_folder(folder, what="encoder") as temporary:
        sha256 = _write_network(temporary, encoder)
        training = {"seen": " ".join(sorted(seen))}
        document = {**_architecture(encoder), "sha256": sha256, "training": training}
        _write_json(temporary / CARD, document)
    return load_encoder(folder)


def load_encoder(folder: Path) -> Packed:
    """Read the network of a bundle, or of what `save_encoder` wrote; in eval mode, fp32, CPU.

    Raises:
        BundleError: as `load_bundle`.
    """
    return _network(folder, _read_json(folder))


def marks_seen(folder: Path) -> set[str]:
    """Marks of the videos that a bundle, or an encoder out of one, has seen; none for no bundle."""
    if not (folder / CARD).is_file():
        return set()
    return set(str(_read_json(folder).get("training", {}).get("seen", "")).split())


@contextmanager
def _new_folder(folder: Path, *, what: str) -> Iterator[Path]:
    """A folder that takes its name, and the place of one already there, when it is whole."""
    temporary = folder.with_name(f".{folder.name}.tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        if folder.exists():
            shutil.rmtree(folder)
        temporary.replace(folder)
    except OSError as error:
        raise OutputError(f"The {what} {folder} cannot be written: {error.strerror}.") from error


def _write_network(folder: Path, network: Encoder) -> str:
    """Write the weights, and what else the network needs; their SHA-256."""
    tensors = {
        name: tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor
        for name, tensor in network.state_dict().items()
        if name not in _aliases(network)
    }
    save_file({k: t.contiguous().cpu() for k, t in tensors.items()}, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)  # safetensors makes it for its owner only
    for name, content in network.files().items():
        (folder / name).write_bytes(content)
    return _hash(folder, list(network.files()))


def _aliases(network: Encoder) -> set[str]:
    """Names in the state of a tensor that already stands there under another, such as those of a
    shared encoder."""
    first: dict[int, str] = {}
    return {
        name
        for name, tensor in network.state_dict(keep_vars=True).items()
        if first.setdefault(id(tensor), name) != name
    }


def _hash(folder: Path, further: list[str]) -> str:
    """SHA-256 of the weights; where there are further files, over the hashes of all of them."""
    if not further:
        return sha256_of(folder / WEIGHTS)
    hashes = [sha256_of(folder / name) for name in (WEIGHTS, *sorted(further))]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def update_card(folder: Path, bundle: Bundle) -> None:
    """Write a bundle's card and reference anew, for instance with figures measured since."""
    _write_reference(folder, bundle)
    temporary = folder / f".{CARD}.tmp"
    _write_json(temporary, _document(bundle))
    temporary.replace(folder / CARD)


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle; the model is in eval mode, in fp32, on the CPU.

    Raises:
        BundleError: no bundle, of a newer version, damaged, not what its hash says, or with
            classes that mean something else.
    """
    document = _read_json(folder)
    packed = _network(folder, document)
    if not isinstance(packed.network, Model) or "statement" not in document:
        raise BundleError(f"{folder} holds an encoder without a classifier: train a model on it.")
    if document.get("classes") != CLASSES:
        raise BundleError(
            f"{folder / CARD} says that its classes are {document.get('classes')}, but deeptell's "
            f"are {CLASSES}, and its logits speak for fake: turn the classifier's sign round, or "
            "have the bundle written anew by whoever trained it."
        )
    try:
        card = BundleCard(
            name=document["name"],
            sha256=document["sha256"],
            architecture=document["architecture"],
            statement=document["statement"],
            operating_points=tuple(OperatingPoint(**p) for p in document["operating_points"]),
            measurements=tuple(measurement(m) for m in document["measurements"]),
            calibration=_calibration(document.get("calibration", {})),
            reference_videos=int(document.get("reference_videos", 0)),
        )
        reference = _reference(folder, document.get("reference"))
        return Bundle(packed.network, card, document["training"], reference)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder / CARD} does not describe a model: {error}") from None


def _calibration(values: dict[str, Any]) -> Calibration:
    knots = tuple((float(logit), float(p)) for logit, p in values.get("knots", ()))
    return Calibration(**{**values, "knots": knots})


def _write_reference(folder: Path, bundle: Bundle) -> None:
    if bundle.reference is not None:
        with replacing(folder / REFERENCE) as temporary:
            temporary.write_bytes(bundle.reference.to_bytes())


def _reference(folder: Path, named: dict[str, str] | None) -> Reference | None:
    """The reference that a card names; bundles that were made before there were any have none."""
    if not named:
        return None
    path = folder / REFERENCE
    if named["file"] != REFERENCE or not path.is_file():
        raise BundleError(f"The bundle {folder} has no {REFERENCE}; copy the whole folder again.")
    if sha256_of(path) != named["sha256"]:
        raise BundleError(f"{path} is not what {CARD} was written for (SHA-256).")
    try:
        return Reference.from_bytes(path.read_bytes())
    except BundleError as error:
        raise BundleError(f"{path} cannot be used. {error}") from None


def _network(folder: Path, document: dict[str, Any]) -> Packed:
    try:
        network = make(document["family"], document["options"])
        network.spec = InputSpec(**{k: _tuple(v) for k, v in document["input"].items()})
        further = [str(name) for name in document.get("files", [])]
        sha256 = str(document["sha256"])
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise BundleError(f"{folder / CARD} does not describe a model: {error}") from None
    for name in (WEIGHTS, *further):
        if Path(name).name != name or not (folder / name).is_file():
            raise BundleError(f"The bundle {folder} has no {name}; copy the whole folder again.")
    if _hash(folder, further) != sha256:
        names = " and ".join((WEIGHTS, *further))
        raise BundleError(f"{folder}: {names} is not what {CARD} was written for (SHA-256).")
    network.restore({name: (folder / name).read_bytes() for name in further})
    _fill(network, folder / WEIGHTS)
    return Packed(network.eval(), sha256)


def _fill(network: Encoder, weights: Path) -> None:
    try:
        tensors = {name: _widened(tensor) for name, tensor in load_file(weights).items()}
        wanted = network.load_state_dict(tensors, strict=False)
        lost = set(wanted.missing_keys) - _aliases(network)
        if lost or wanted.unexpected_keys:
            raise RuntimeError(
                f"no tensor {min(lost | set(wanted.unexpected_keys))} in one of them"
            )
    except (SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise BundleError(f"{weights} holds other weights than its bundle names: {first}") from None


def _widened(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor


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


def _document(bundle: Bundle) -> dict[str, Any]:
    return {
        **asdict(bundle.card),
        **_architecture(bundle.model),
        "classes": CLASSES,
        "reference": _named(bundle.reference),
        "training": bundle.training,
    }


def _named(reference: Reference | None) -> dict[str, str] | None:
    if reference is None:
        return None
    return {"file": REFERENCE, "sha256": hashlib.sha256(reference.to_bytes()).hexdigest()}


def _architecture(network: Encoder) -> dict[str, Any]:
    packages = ("deeptell", "torch", "timm", "numpy", "scikit-learn")
    return {
        **describe(network),
        "input": asdict(network.spec),
        "files": sorted(network.files()),
        "versions": {name: version(name) for name in packages},
    }


def _write_json(path: Path, document: dict[str, Any]) -> None:
    document = {"schema_version": SCHEMA_VERSION, **document}
    text = json.dumps(plain(document), indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
