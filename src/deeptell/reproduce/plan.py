"""What `deeptell reproduce iwbf2020` trains: one row after the other, each from a recipe."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from deeptell.config import TrainConfig, load
from deeptell.figures import Published
from deeptell.models.names import CLASSIFIERS

Size = Literal["small", "full"]

BACKBONES = (
    "xception",
    "inception_v3",
    "inception_resnet_v2",
    "resnet50",
    "nasnetalarge",
    "efficientnet_b0",
    "efficientnet_b5",
)
CELLS = ("lstm", "gru", "bilstm", "temporal_max")
LOSSES: Mapping[str, Mapping[str, Any]] = {
    "contrastive": {"loss_margin": 1.0},
    "supcon": {},
    "align_uniform": {},
}
MININGS = ("hard", "batch_hard", "batch_all")

FRAME = "frame"  # the row whose features the rows on cached features stand on
TRIPLETS = "triplets, semi-hard, sgd"
SAME_FEATURES = "cross-entropy head"
AS_PUBLISHED = "triplets as published"


@dataclass(frozen=True)
class Row:
    """One model to train.

    Attributes:
        name: as it stands on the page, unique within a data set.
        section, family: see `figures.Compared`.
        recipe: below `recipes/iwbf2020`, without ".yaml".
        settings: that differ from the recipe's.
        cached: whether it stands on the cached features of the frame model (or of FaceNet).
        note: for the page.
        goes_on: whether it starts from the same row on the data set before: c40 hides so much
            that a small network trained on it alone stays at chance for a dozen epochs.
    """

    name: str
    section: str
    family: str
    recipe: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    cached: bool = True
    note: str = ""
    goes_on: bool = False

    @property
    def slug(self) -> str:
        """The name of its folder."""
        return "".join(c if c.isalnum() else "-" for c in self.name).strip("-")

    def config(self, before: Path | None) -> TrainConfig:
        """The settings to train with; `before` is this row's bundle on the data set before."""
        start = {"weights": str(before)} if self.goes_on and before else {}
        return recipe(self.recipe, **self.settings, **start)


def recipe(name: str, **settings: Any) -> TrainConfig:
    """A packaged recipe of the comparison, with some settings changed."""
    place = Path(str(files("deeptell"))) / "recipes" / "iwbf2020" / f"{name}.yaml"
    return load(TrainConfig, place, **settings)


def rows(size: Size) -> list[Row]:
    """The rows for each data set, in an order in which each finds what it stands on."""
    planned = [*(_small() if size == "small" else _full())]
    kind = "small" if size == "small" else "corrected"
    return [*planned, *_metric(kind), *_imbalance(kind), *_defects()]


def _small() -> Iterator[Row]:
    for name, family, note in (
        ("frame CNN", FRAME, "faces of 128 px; timm's test_resnet"),
        ("c3d_small", "clip", "8 faces of 96 px"),
    ):
        place = f"small/{family}"
        yield Row(name, "families", family, place, cached=False, note=note, goes_on=True)
    for cell in CELLS:
        yield Row(cell, "families", "recurrent", "small/recurrent", {"model": cell})


def _full() -> Iterator[Row]:
    for name in BACKBONES:
        yield Row(name, "families", FRAME, "corrected/frame", {"model": name}, cached=False)
    clips: dict[str, dict[str, Any]] = {"c3d": {}, "conv3d": {"weight_decay": 0.01}}
    for name, settings in clips.items():
        changed = {"model": name, **settings}
        yield Row(name, "families", "clip", "corrected/clip", changed, cached=False)
    for cell in CELLS:
        yield Row(cell, "families", "recurrent", "corrected/recurrent", {"model": cell})
    for name in BACKBONES:
        changed = {"model": name}
        yield Row(
            f"{name} as published", "defects", FRAME, "published/frame", changed, cached=False
        )
    for name, settings in clips.items():
        changed = {"model": name, **settings}
        yield Row(
            f"{name} as published", "defects", "clip", "published/clip", changed, cached=False
        )
    for cell in CELLS:
        changed = {"model": cell}
        yield Row(f"{cell} as published", "defects", "recurrent", "published/recurrent", changed)


def _metric(kind: str) -> Iterator[Row]:
    """Losses and minings with a linear classifier; classifiers on semi-hard triplets."""
    place = f"{kind}/metric"
    yield Row(TRIPLETS, "families", "metric", place, note="the paper's method, corrected")
    linear = {"classifier": "linear"}
    cross_entropy = {"loss": "cross_entropy", **linear}
    yield Row(SAME_FEATURES, "metric", "metric", place, cross_entropy, note="no metric loss")
    yield Row("triplets, semi-hard", "metric", "metric", place, linear)
    for mining in MININGS:
        name = f"triplets, {mining.replace('_', '-')}"
        yield Row(name, "metric", "metric", place, {"mining": mining, **linear})
    for loss, settings in LOSSES.items():
        yield Row(loss, "metric", "metric", place, {"loss": loss, **settings, **linear})
    both = {"cross_entropy": 1.0, **linear}
    yield Row("triplets and cross-entropy", "metric", "metric", place, both)
    untouched = {"model": "sgd", "loss": "cross_entropy"}
    yield Row("sgd on the features as they are", "metric", "classic", place, untouched)
    for name in CLASSIFIERS[1:]:  # sgd is the row of the families
        settings = {"classifier": name}
        yield Row(f"triplets, semi-hard, {name}", "metric", "classic", place, settings)


def _imbalance(kind: str) -> Iterator[Row]:
    """Six ways with a head trained by cross-entropy, so that only the way differs."""
    plain = {"loss": "cross_entropy", "classifier": "linear"}
    ways: dict[str, dict[str, Any]] = {
        "as the data come": {"sampler": "shuffled"},
        "weighted loss": {"sampler": "shuffled", "class_weight": True},
        "balanced batches": {"sampler": "balanced"},
        "paired batches": {"sampler": "paired"},
        "balanced chunks, max vote": {"sampler": "shuffled", "chunks": True, "vote": "max"},
        "balanced chunks, mean": {"sampler": "shuffled", "chunks": True, "vote": "mean"},
    }
    for name, settings in ways.items():
        yield Row(name, "imbalance", "metric", f"{kind}/metric", {**plain, **settings})


def _defects() -> Iterator[Row]:
    note = "not normalised, margin 1, random batches of 32"
    yield Row(AS_PUBLISHED, "defects", "metric", "published/metric", note=note)
    note = "length 1, margin 0.2, paired batches of 256"
    yield Row("triplets corrected", "defects", "metric", "corrected/metric", note=note)


COMPARISONS: Sequence[tuple[str, str, str, str]] = (  # better, worse, section, figure
    (TRIPLETS, SAME_FEATURES, "metric", "auc"),
    ("triplets, semi-hard", SAME_FEATURES, "metric", "auc"),
    ("triplets, batch-all", SAME_FEATURES, "metric", "auc"),
    ("triplets and cross-entropy", SAME_FEATURES, "metric", "auc"),
    ("balanced chunks, max vote", "as the data come", "imbalance", "auc"),
    ("balanced chunks, mean", "as the data come", "imbalance", "auc"),
    ("weighted loss", "as the data come", "imbalance", "auc"),
    ("balanced batches", "as the data come", "imbalance", "auc"),
    ("paired batches", "as the data come", "imbalance", "auc"),
    ("triplets corrected", AS_PUBLISHED, "defects", "auc"),
    ("triplets corrected", AS_PUBLISHED, "defects", "accuracy"),
    *(
        (name, f"{name} as published", "defects", "auc")
        for name in (*BACKBONES, "c3d", "conv3d", *CELLS)
    ),
)

PUBLISHED = (
    Published(
        "Celeb-DF, AUC",
        "99.2 %",
        "Kumar, Bhavsar and Verma, IWBF 2020, abstract",
        "metric learning; trained on Celeb-DF itself",
    ),
    Published(
        "NeuralTextures c40, accuracy",
        "90.71 %",
        "Kumar, Bhavsar and Verma, IWBF 2020, abstract",
        "metric learning; 254 of 280 videos, Wilson interval 86.7 to 93.6 %",
    ),
    Published(
        "Celeb-DF, accuracy, one Xception",
        "96 %",
        "the reference's README",
        "518 videos; trained on Celeb-DF itself",
    ),
    Published(
        "Celeb-DF, accuracy, max vote of seven",
        "98 %",
        "the reference's README",
        "at least 508 of 518 videos, Wilson interval 96.5 to 98.9 %",
    ),
    Published(
        "NeuralTextures c40, accuracy, Xception",
        "82.11 %",
        "Rössler et al., ICCV 2019",
        "trained on that manipulation",
    ),
)
