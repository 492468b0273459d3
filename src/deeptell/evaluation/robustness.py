"""How much of what a model can do is left when videos were copied, badly lit, or cut short."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deeptell.config import ExtractConfig
from deeptell.data.splits import side
from deeptell.errors import ConfigError
from deeptell.evaluation.draws import Draws
from deeptell.evaluation.versions import Floats, VideoScores, loaded, scores_of
from deeptell.faces.extract import extract
from deeptell.faces.store import FaceStore
from deeptell.figures import Measurement, plain
from deeptell.media.corrupt import CORRUPTIONS, NONE, SEVERITIES, corruption
from deeptell.models.bundle import Bundle
from deeptell.progress import Step

SCHEMA_VERSION = 1
CLEAN = (NONE, 0)

Setting = tuple[str, int]  # corruption and severity


@dataclass(frozen=True, slots=True)
class CorruptedFigures:
    """One model under one corruption; severity 0 of "none" is the videos as they are.

    `relative_drop` is `(AUC of clean videos - AUC) / (AUC of clean videos - 0.5)`, both of the
    videos that were scored in both: 0 where nothing was lost, 1 where only chance is left, or no
    face of one of the classes; NaN where the clean videos are not told apart better than by chance.
    """

    corruption: str
    severity: int
    strength: float  # in the unit of `media.corrupt.CORRUPTIONS`; NaN for clean videos
    auc: Measurement
    balanced_accuracy: Measurement  # at the bundle's own threshold
    relative_drop: Measurement
    videos: int  # asked for
    scored: int
    not_scored: tuple[tuple[str, str], ...]  # video_key, reason

    @property
    def coverage(self) -> float:
        """Share of the videos that still got a score."""
        return self.scored / self.videos


@dataclass(frozen=True, slots=True)
class ModelRobustness:
    """One model under everything; `drops` are means of `relative_drop`."""

    model: str
    sha256: str  # of its weights
    threshold: float
    points: tuple[CorruptedFigures, ...]  # the clean videos first
    drops: tuple[Measurement, ...]  # over all corruptions and severities, then of each corruption

    @property
    def mean_relative_drop(self) -> Measurement:
        """The one number."""
        return self.drops[0]


@dataclass(frozen=True, slots=True)
class Robustness:
    """Several models on the same corrupted videos."""

    data: str
    split: str
    models: tuple[ModelRobustness, ...]


def robustness(
    bundles: Mapping[str, Bundle | Path],
    manifest: pd.DataFrame,
    out: Path,
    *,
    split: str,
    data: str,
    config: ExtractConfig,
    corruptions: Sequence[str] = tuple(CORRUPTIONS),
    severities: Sequence[int] = SEVERITIES,
    jobs: int = 1,
    step: Step,
) -> Robustness:
    """Corrupt the videos of one side, find their faces again, and measure every model on them.

    Each version of the videos has a store under `out/stores`, and what each model says of it is
    kept under `out/scores`: started again after it was cut off, it goes on where it was.

    Args:
        bundles: models, or their folders, by the name they have in the result.
        manifest: of the videos; their paths are absolute, as `read_manifest` gives them.
        data: what the videos are, in words.
        config: how faces are found; corruption and severity are set here.
        step: opens a named step of the work and gives the function that reports its progress.

    Raises:
        ConfigError: a corruption is unknown, or a severity none of 1 to 5.
        DataError: the side lacks real or manipulated videos.
        LeakError, StoreError, OutputError: as `evaluate` and `extract`.
    """
    settings = [CLEAN, *product(corruptions, severities)]
    _check(corruptions, severities)
    videos = side(manifest, split)
    models = {name: loaded(bundle) for name, bundle in bundles.items()}
    found: dict[str, dict[Setting, VideoScores]] = {name: {} for name in models}
    for setting in settings:
        name = _named(setting)
        with step(f"Videos as they are: {name}" if setting == CLEAN else name) as progress:
            made = _config(config, setting)
            folder = out / "stores" / name
            extract(videos, folder, config=made, jobs=jobs, progress=progress)
            store = FaceStore(folder)
            for model, bundle in models.items():
                found[model][setting] = scores_of(bundle, store, split=split, keep=out / "scores")
    draws = Draws.of(videos["group"].astype(str))
    return Robustness(
        data,
        split,
        tuple(
            ModelRobustness(name, bundle.card.sha256, *_summed_up(found[name], draws, data=data))
            for name, bundle in models.items()
        ),
    )


def _check(corruptions: Sequence[str], severities: Sequence[int]) -> None:
    for name in corruptions:
        corruption(name)
    for severity in severities:
        if severity not in SEVERITIES:
            raise ConfigError(f"A severity must be one of {SEVERITIES}, got {severity}.")


def _named(setting: Setting) -> str:
    return "clean" if setting == CLEAN else f"{setting[0]}-{setting[1]}"


def _config(config: ExtractConfig, setting: Setting) -> ExtractConfig:
    name, severity = setting
    return config.model_copy(update={"corruption": name, "severity": max(1, severity)})


def _summed_up(
    found: Mapping[Setting, VideoScores], draws: Draws, *, data: str
) -> tuple[float, tuple[CorruptedFigures, ...], tuple[Measurement, ...]]:
    """Threshold, points and drops of one model."""
    drops = {setting: relative_drop(found[CLEAN], table, draws) for setting, table in found.items()}
    points = tuple(_point(s, table, drops[s], draws, data=data) for s, table in found.items())
    names = dict.fromkeys(name for name, _ in found if name != NONE)
    clean = found[CLEAN]

    def mean(by: str, subset: str, chosen: Iterable[str]) -> Measurement:
        over = [drop for (name, _), drop in drops.items() if name in set(chosen)]
        return _measured(
            "relative_drop", np.mean(over, axis=0), clean, draws, data=data, by=by, subset=subset
        )

    everything = mean("all", "all", names)
    return (
        clean.threshold,
        points,
        (everything, *(mean("corruption", name, [name]) for name in names)),
    )


def relative_drop(clean: VideoScores, table: VideoScores, draws: Draws) -> Floats:
    """The share of what a model tells better than chance that was lost: `(1 + draws,)`."""
    both = np.intersect1d(clean.videos, table.videos)
    if len(np.unique(clean.among(both).labels)) < len(np.unique(clean.labels)):
        whole = draws.auc(clean)
        return np.where(whole > 0.5, 1.0, np.nan)
    before, after = draws.auc(clean.among(both)), draws.auc(table.among(both))
    better = np.where(before > 0.5, before - 0.5, np.nan)
    return np.asarray((before - after) / better)


def _point(
    setting: Setting, table: VideoScores, drop: Floats, draws: Draws, *, data: str
) -> CorruptedFigures:
    name, severity = setting

    def measured(metric: str, figure: Floats) -> Measurement:
        subset = "all" if setting == CLEAN else f"{name} {severity}"
        by = "all" if setting == CLEAN else "corruption"
        return _measured(metric, figure, table, draws, data=data, by=by, subset=subset)

    return CorruptedFigures(
        corruption=name,
        severity=severity,
        strength=CORRUPTIONS[name].strengths[severity - 1] if severity else np.nan,
        auc=measured("auc", draws.auc(table)),
        balanced_accuracy=measured("balanced_accuracy", draws.balanced_accuracy(table)),
        relative_drop=measured("relative_drop", drop),
        videos=table.asked,
        scored=len(table.videos),
        not_scored=table.not_scored,
    )


def _measured(
    metric: str,
    figure: Floats,
    table: VideoScores,
    draws: Draws,
    *,
    data: str,
    by: str,
    subset: str,
) -> Measurement:
    drop = metric == "relative_drop"
    bounds = draws.compared(figure) if drop else draws.measured(metric, figure)
    counts = len(table.videos), len(np.unique(table.groups))
    return Measurement(data, by, subset, "video", metric, *bounds, *counts)


def as_document(result: Robustness) -> dict[str, Any]:
    """The result as plain JSON values, with what the corruptions are."""
    used = dict.fromkeys(point.corruption for model in result.models for point in model.points)
    return {
        "schema_version": SCHEMA_VERSION,
        "corruptions": {
            name: {"what": entry.what, "unit": entry.unit, "strengths": list(entry.strengths)}
            for name, entry in CORRUPTIONS.items()
            if name in used
        },
        **plain(result),
    }
