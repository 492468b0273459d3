"""Protocols: what is trained on what and tested on what, as files that say so once.

A protocol file is YAML; see `recipes/protocols`. Nothing in it is executed. The hash of a protocol
is over what it says and everything that it reads: runs with the same hash are comparable.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field

from deeptell.catalog import lookup
from deeptell.config import Stage, TrainConfig, load
from deeptell.data.fingerprints import content_of
from deeptell.data.leaks import check_leaks
from deeptell.data.splits import CHOOSING, only
from deeptell.errors import ConfigError
from deeptell.evaluation.metrics import FIGURES
from deeptell.evaluation.unseen import TEST, Chosen
from deeptell.faces.store import FaceStore
from deeptell.figures import FewFrames, Measurement, plain
from deeptell.models.weights import starts_from
from deeptell.records import FAKE

RULES = 2  # raised when the same file would be read, planned or hashed in another way


class Protocol(Stage):
    """What is trained on what, tested on what, and which figures are taken."""

    name: str
    about: str = ""
    design: Literal["in_set", "leave_one_out", "matrix"] = Field(
        description="tested on the same part, on the one left out, or on each"
    )
    by: Literal["method", "compression", "dataset"] = Field(description="what the parts are")
    train: TrainConfig = Field(TrainConfig(), description="what every model is trained with")
    figures: tuple[str, ...] = ("auc", "balanced_accuracy")
    frames: tuple[int, ...] = Field((), description="also with so many frames of each video")


@dataclass(frozen=True, slots=True)
class Part:
    """Some videos of one store."""

    name: str  # "Deepfakes", "all but Deepfakes", "c23", or the store's
    store: str
    methods: tuple[str, ...] = ()
    compressions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """One cell: a model is trained on a part and tested on another, or on the same."""

    trained: Part
    tested: Part
    seen: bool  # whether the model has seen what it is tested on, in other people


@dataclass(frozen=True, slots=True)
class Cell:
    """A planned cell, measured."""

    trained_on: str
    tested_on: str
    seen: bool
    measurements: tuple[Measurement, ...]  # of videos, of the protocol's figures
    few_frames: tuple[FewFrames, ...]
    threshold: float
    chosen: Chosen  # where threshold, calibration and epoch come from
    videos: int  # asked for
    scored: int
    leaks: dict[str, int]
    bundle: str  # SHA-256 of its weights


@dataclass(frozen=True, slots=True)
class ProtocolResult:
    """The cells of a protocol, row by row, and the hash by which two runs are comparable."""

    name: str
    about: str
    design: str
    by: str
    sha256: str
    cells: tuple[Cell, ...]

    @property
    def rows(self) -> list[str]:
        """What was trained on, in order."""
        return list(dict.fromkeys(cell.trained_on for cell in self.cells))

    @property
    def columns(self) -> list[str]:
        """What was tested on, in order."""
        return list(dict.fromkeys(cell.tested_on for cell in self.cells))


def packaged() -> dict[str, Path]:
    """The protocols that come with deeptell, by name."""
    folder = Path(str(files("deeptell"))) / "recipes" / "protocols"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read_protocol(name: str, *, train: TrainConfig | None = None) -> Protocol:
    """Read a packaged protocol by its name, or any by the path of its file.

    Args:
        train: settings to train with instead of the file's.

    Raises:
        ConfigError: there is no such protocol, or a key, value or figure in it is unknown.
    """
    is_file = name.endswith((".yaml", ".yml")) or Path(name).is_file()
    path = Path(name) if is_file else lookup(packaged(), name, kind="protocol")
    protocol = load(Protocol, path, train=train)
    for figure in protocol.figures:
        lookup(dict.fromkeys(FIGURES), figure, kind="figure")
    return protocol


def plan(protocol: Protocol, videos: Mapping[str, pd.DataFrame]) -> list[Planned]:
    """The cells of a protocol, row by row.

    Args:
        videos: of each store, by the name that its part gets.

    Raises:
        ConfigError: the protocol does not suit these stores.
    """
    parts = _parts(protocol, videos)
    if protocol.design == "in_set":
        return [Planned(part, part, seen=True) for part in parts]
    if len(parts) < 2:
        raise ConfigError(
            f"The protocol '{protocol.name}' compares parts by {protocol.by} and needs two or "
            f"more; there is only {', '.join(part.name for part in parts) or 'none'}."
        )
    if protocol.design == "matrix":
        return [Planned(one, other, seen=one == other) for one in parts for other in parts]
    return [
        Planned(_without(left_out, parts), tested, seen=tested != left_out)
        for left_out in parts
        for tested in parts
    ]


def _parts(protocol: Protocol, videos: Mapping[str, pd.DataFrame]) -> list[Part]:
    """What a protocol compares, sorted by name: the order of stores does not matter."""
    every = protocol.train.methods, protocol.train.compressions
    if protocol.by == "dataset":
        if protocol.design == "leave_one_out":
            raise ConfigError(
                f"The protocol '{protocol.name}' would train on several stores at once, and a "
                "model is trained on one: take design: matrix, or extract them into one store."
            )
        return [Part(name, name, *every) for name in sorted(videos)]
    if len(videos) != 1:
        raise ConfigError(
            f"The protocol '{protocol.name}' compares parts of one store by {protocol.by}; there "
            f"are {len(videos)}: name one, or take by: dataset."
        )
    ((store, table),) = videos.items()
    methods, compressions = every
    used = only(table, methods=methods, compressions=compressions)
    used = used.loc[used["split"] != ""]
    if protocol.by == "method":
        names = sorted(set(used.loc[used["label"] == FAKE, "method"]))
        return [Part(name, store, (name,), compressions) for name in names]
    return [Part(name, store, methods, (name,)) for name in sorted(set(used["compression"]))]


def _without(left_out: Part, parts: Sequence[Part]) -> Part:
    """All parts but one as one part."""
    others = [part for part in parts if part != left_out]
    return replace(
        left_out,
        name=f"all but {left_out.name}",
        methods=tuple(sorted({name for part in others for name in part.methods})),
        compressions=tuple(sorted({name for part in others for name in part.compressions})),
    )


def check_between(cells: Sequence[Planned], videos: Mapping[str, pd.DataFrame]) -> None:
    """Refuse to test on one store what a model saw, or was chosen on, in another.

    Within a store `train` and `evaluate` see to it.

    Raises:
        LeakError: a group, a person or a copy stands on both sides; see `check_leaks`.
    """
    for one, other in sorted({(cell.trained.store, cell.tested.store) for cell in cells}):
        if one != other:
            chosen_on = videos[one].loc[videos[one]["split"].isin(CHOOSING)]
            tested = videos[other].loc[videos[other]["split"] == TEST]
            check_leaks(pd.concat([chosen_on, tested], ignore_index=True))


def protocol_hash(
    protocol: Protocol, cells: Sequence[Planned], stores: Mapping[str, FaceStore]
) -> str:
    """SHA-256 over a protocol and everything it reads: 64 hexadecimal digits.

    That is every setting but the words `name` and `about`; the faces of each store and what is said
    of its videos; which videos each cell takes; and the weights that training starts from. It does
    not change with paths, nor with the order of stores.
    """
    said = protocol.model_dump(mode="json", exclude={"name", "about"})
    said["train"] |= starts_from(protocol.train)
    del said["train"]["statement"]
    document = {
        "rules": RULES,
        "protocol": said,
        "stores": {name: content_of(store) for name, store in stores.items()},
        "cells": [
            {**asdict(cell), "videos": _taken(cell, {k: s.videos for k, s in stores.items()})}
            for cell in cells
        ],
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _taken(cell: Planned, videos: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """A hash of the videos that a cell takes, for each side."""
    found = {}
    for part, sides in ((cell.trained, CHOOSING), (cell.tested, (TEST,))):
        chosen = only(videos[part.store], methods=part.methods, compressions=part.compressions)
        for side in sides:
            keys = sorted(chosen.loc[chosen["split"] == side, "video_key"])
            found[side] = hashlib.sha256("\n".join(keys).encode()).hexdigest()
    return found


def config_of(protocol: Protocol, part: Part) -> TrainConfig:
    """The settings to train on one part with."""
    return protocol.train.model_copy(
        update={"methods": part.methods, "compressions": part.compressions}
    )


def as_document(result: ProtocolResult) -> dict[str, Any]:
    """The result as plain JSON values; figures that could not be had are null."""
    return {"schema_version": 1, **plain(result)}
