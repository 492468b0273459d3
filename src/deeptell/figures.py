"""Measured figures as they travel between rooms, and as plain values for files."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

CHANCE = 0.6931  # log-loss of a model that always says one half
ENOUGH = 0.9 * CHANCE  # the training loss below which a model learnt something


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured figure with its 95 % interval over source groups, and what it was measured on.

    `low` and `high` are NaN where an interval could not be had.
    """

    data: str  # "generated benchmark, c23, test people"
    by: str  # what the subset was chosen by: "all", "manipulation", "corruption", ...
    subset: str  # "all", "NeuralTextures", "c40", "48 to 96 px"
    level: str  # "frame", "clip", "track" or "video"
    metric: str  # "auc", "balanced_accuracy", ...
    value: float
    low: float
    high: float
    videos: int
    groups: int


@dataclass(frozen=True, slots=True)
class FewFrames:
    """The figures of videos of which at most `frames` frames were seen."""

    frames: int
    auc: Measurement
    accuracy: Measurement


@dataclass(frozen=True, slots=True)
class Compared:
    """One model of a comparison, trained and measured like the others."""

    name: str  # "c3d_small", "triplets, semi-hard, then sgd"
    family: str  # "frame", "clip", "recurrent", "metric", "classic"
    section: str  # part of the page: "families", "metric", "imbalance" or "defects"
    data: str  # "generated people, c40"
    note: str  # what it stands on, and where it differs from the published one
    parameters: int
    train_loss: float  # balanced log-loss on training samples
    measurements: tuple[Measurement, ...]  # of videos: "all", then by manipulation
    few_frames: tuple[FewFrames, ...]
    videos: int  # asked for
    scored: int
    seconds: float  # training and measuring

    @property
    def trained_enough(self) -> bool:
        """Whether the training loss left chance by a tenth; else figures mean nothing."""
        return self.train_loss < ENOUGH


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better one model is than another on the same videos, with a paired interval."""

    better: str  # the one that is subtracted from
    worse: str
    section: str  # of the page
    data: str
    metric: str
    value: float
    low: float
    high: float
    groups: int
    p_value: float = math.nan  # that chance alone gives such a difference; NaN: not tested
    p_holm: float = math.nan  # the same, corrected for how many differences were tested


@dataclass(frozen=True, slots=True)
class Published:
    """A figure from the literature, to be set beside ours."""

    what: str  # "NeuralTextures c40, accuracy"
    value: str  # "90.71 %"
    by: str
    remark: str  # what differs


def plain(value: Any) -> Any:
    """Records as the values that JSON knows; NaN, which it does not, becomes None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def measurement(values: Mapping[str, Any]) -> Measurement:
    """A measurement from what `plain` made of it."""
    known: dict[str, Any] = {k: math.nan if v is None else v for k, v in values.items()}
    known.setdefault("by", "all" if known.get("subset") == "all" else "manipulation")
    return Measurement(**known)
