"""One small model per stage; YAML and command-line overrides; unknown keys are refused by path.

A configuration names components from a catalogue, never an import path: it comes from strangers.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deeptell.catalog import unknown_name
from deeptell.errors import ConfigError


class Stage(BaseModel):
    """What the configuration of every stage has in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ExtractConfig(Stage):
    """How faces are found in a video and which of them are kept."""

    detector: str = "mtcnn"
    weights: str = Field("", description="file of the detector's weights, where it brings none")
    min_score: float = Field(0.9, ge=0, le=1, description="detections below are dropped")
    min_face: int = Field(24, ge=12, description="faces with a smaller box are dropped, pixels")
    follow_seconds: float = Field(0.1, gt=0, description="at most this long between two looks")
    search_seconds: float = Field(1.0, gt=0, description="and between searches for new faces")
    frames: int = Field(32, ge=1, description="moments whose faces are kept, spread over the video")
    consecutive: int = Field(1, ge=1, description="frames that are kept from each moment on")
    corruption: str = Field("none", description="what the video meets first, to test robustness")
    severity: int = Field(1, ge=1, le=5, description="and how badly")


class SynthConfig(Stage):
    """The size of the generated benchmark."""

    pairs: dict[Literal["train", "val", "test"], int] = {"train": 14, "val": 6, "test": 12}
    seconds: float = Field(1.6, ge=0.2)
    compressions: tuple[Literal["raw", "c23", "c40"], ...] = ("raw", "c23", "c40")
    seed: int = Field(0, ge=0)


class PortraitConfig(Stage):
    """How portraits of real people become pairs of clips, one of each forged."""

    ingredients: dict[str, float] = Field(
        {
            "redrawn": 0.3,
            "redrawn_swap": 0.25,
            "swapped": 0.15,
            "parts": 0.1,
            "self_blended": 0.1,
            "smoothed": 0.05,
            "reduced": 0.05,
        },
        description="of `forge.pseudo_fake`, and how often each is drawn",
    )
    shots: int = Field(8, ge=1, description="at most so many of one portrait")
    most: int | None = Field(
        None, ge=1, description="so many that are trained on, and one of each held out"
    )
    frames: int = Field(5, ge=1)
    crf: tuple[int, int] = Field((15, 30), description="of the encoding, from and to")
    val: float = Field(0.1, gt=0, lt=1, description="share of the people held out")
    seed: int = Field(0, ge=0)


class TrainConfig(Stage):
    """How a bundle is trained.

    `encoder`, `widths`, `normalise` and what follows `loss` concern models on an encoder.
    """

    model: str = Field("test_resnet", description="a name of 'deeptell list models', or of timm")
    encoder: str = Field("", description="such a name, or the folder of a bundle")
    size: int | None = Field(None, ge=16, description="side of the input; None: the model's own")
    frames: int | None = Field(None, ge=1, description="faces of a sample; None: the model's own")
    margin: float | None = Field(None, ge=0.5, le=2.0, description="in face boxes")
    dropout: float | None = Field(None, ge=0, lt=1, description="None: the model's own")
    scaling: Literal["own", "unit"] = Field("own", description="unit: divide by 255, no more")
    weights: str = Field("none", description="'none', 'download', a file or a bundle to start from")
    tune: Literal["everything", "norms", "head", "frozen"] = "everything"

    widths: tuple[int, ...] = (256, 256, 128, 64)
    normalise: bool = True
    classifier: str = Field("linear", description="'linear', or a classic one")
    loss: str = Field("cross_entropy", description="or triplet, contrastive, supcon, align_uniform")
    mining: str = Field("semi_hard", description="or hard, batch_hard, batch_all")
    distance: str = Field("euclidean", description="or squared")
    loss_margin: float = Field(0.2, gt=0, description="of triplets; contrastive needs about 1")
    cross_entropy: float = Field(0.0, ge=0, description="its weight beside a metric loss")

    methods: tuple[str, ...] = Field((), description="manipulations it sees; none named: all")
    compressions: tuple[str, ...] = Field((), description="and of which compressions, likewise")
    fakes: Literal["store", "self_blended", "both"] = Field(
        "store", description="self_blended: of real faces alone, no fake is seen"
    )
    sampler: str = Field("paired", description="or balanced, shuffled")
    class_weight: bool = Field(False, description="weigh the rarer class up in the loss")
    chunks: bool = Field(False, description="a model per balanced chunk, and a vote")
    vote: Literal["max", "mean"] = "max"
    augment: str = Field("gentle", description="or none, varied, iwbf2020")
    frames_per_video: int = Field(8, ge=1, description="samples of each video in an epoch")

    epochs: int = Field(30, ge=1)
    patience: int = Field(10, ge=1, description="epochs without a better validation loss")
    batch_size: int = Field(32, ge=2)
    optimiser: Literal["adamw", "adam", "nadam", "sgd"] = "adamw"
    schedule: Literal["one_cycle", "constant"] = "one_cycle"
    learning_rate: float = Field(4e-3, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    seed: int = Field(0, ge=0)
    calibration: Literal["auto", "none", "temperature", "platt", "isotonic"] = Field(
        "auto", description="of the scores; auto: temperature, where validation groups suffice"
    )
    statement: str = Field("", description="one sentence on what it is trained on")
    as_published: bool = Field(
        False, description="train though the published test set leaks into training"
    )


S = TypeVar("S", bound=Stage)


def load(stage: type[S], path: Path | None = None, **overrides: Any) -> S:
    """Build a stage's configuration from a YAML file and overrides.

    An override of None means "not given". Raises `ConfigError` for a file that is not a YAML
    mapping, and for every key or value that the stage does not take, by its path.
    """
    values: dict[str, Any] = {}
    if path is not None:
        values = _read_yaml(path)
    values |= {key: value for key, value in overrides.items() if value is not None}
    try:
        return stage(**values)
    except ValidationError as error:
        raise ConfigError(_explain(stage, error, source=path)) from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration {path} cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        where = str(error).replace("\n", " ")
        raise ConfigError(f"The configuration {path} is not valid YAML: {where}") from None
    if not isinstance(values, Mapping):
        raise ConfigError(f"The configuration {path} must be a YAML mapping of keys to values.")
    return dict(values)


def _explain(stage: type[Stage], error: ValidationError, *, source: Path | None) -> str:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(str(unknown_name(key, _beside(stage, problem["loc"]), kind="setting")))
        else:
            lines.append(f"'{key}': {problem['msg']}, got {problem['input']!r}.")
    place = f"In {source}: " if source else ""
    return place + " ".join(lines)


def _beside(stage: type[Stage], loc: tuple[int | str, ...]) -> list[str]:
    """The settings that are known where an unknown one stands, which may be in a stage's part."""
    inner: Any = stage
    for part in loc[:-1]:
        inner = inner.model_fields[part].annotation
    return [".".join([*map(str, loc[:-1]), name]) for name in inner.model_fields]
