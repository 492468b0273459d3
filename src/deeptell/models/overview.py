"""What every named model is: its size and its input, found by making it without memory."""

from dataclasses import dataclass

import torch
from torch import Tensor

from deeptell.inputs import InputSpec
from deeptell.models.contract import Encoder
from deeptell.models.families import make
from deeptell.models.names import NAMES, Entry

FEATURES = 512  # of the encoder below a head, where parameters are counted


_KINDS = {"facenet": "encoder"}


@dataclass(frozen=True)
class Row:
    """One line of `deeptell list models`."""

    name: str
    family: str
    parameters: int  # of a head: without its encoder
    takes: str
    paper: str


def overview() -> list[Row]:
    """Every name of the catalogue; the networks are made on torch's "meta" device."""
    return [_row(name, entry) for name, entry in NAMES.items()]


def _row(name: str, entry: Entry) -> Row:
    options = dict(entry.options)
    with torch.device("meta"):
        if entry.needs_encoder:
            options |= {"encoder": _Features(), "inputs": FEATURES}
        network = make(entry.family, options)
    classic = entry.family == "metric" and "classifier" in entry.options
    return Row(
        name=name,
        family="classic" if classic else _KINDS.get(entry.family, entry.family),
        parameters=sum(p.numel() for p in network.parameters()),
        takes=_takes(network.spec, entry),
        paper=entry.paper,
    )


def _takes(spec: InputSpec, entry: Entry) -> str:
    if not entry.needs_encoder:
        faces = f"{spec.frames} x " if spec.frames > 1 else ""
        return f"{faces}{spec.size} x {spec.size}"
    if spec.frames > 1:
        return f"features of up to {spec.frames} faces"
    return "features of an encoder"


class _Features(Encoder):
    """Stands for any encoder."""

    spec = InputSpec(size=64)

    def __init__(self) -> None:
        super().__init__()
        self.options = {}

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise NotImplementedError("it is only counted")
