"""How much a model's figures hang on the way faces were found and cut, which is not the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from deeptell.config import ExtractConfig
from deeptell.data.splits import side
from deeptell.evaluation.draws import Draws
from deeptell.evaluation.versions import Floats, VideoScores, loaded, scores_of
from deeptell.evaluation.ways import (
    OWN,
    UNCHANGED,
    Variant,
    detectors_of,
    extractions,
    inputs,
    own_values,
)
from deeptell.faces.extract import extract
from deeptell.faces.store import FaceStore
from deeptell.figures import Difference, Measurement, plain
from deeptell.models.bundle import Bundle
from deeptell.progress import Step

SCHEMA_VERSION = 1

Tables = dict[Variant, VideoScores]


@dataclass(frozen=True, slots=True)
class ExtractedFigures:
    """One model on faces that were found or cut in one way.

    The differences are to the model's own way, on the videos that were scored in both.
    """

    setting: str  # "detector", a key of `EXTRACTIONS` or of `INPUTS`
    value: str
    own: bool  # whether this is the model's own way
    auc: Measurement
    accuracy: Measurement  # at the bundle's own threshold
    auc_difference: Difference
    accuracy_difference: Difference
    videos: int  # asked for
    scored: int
    not_scored: tuple[tuple[str, str], ...]  # video_key, reason

    @property
    def coverage(self) -> float:
        """Share of the videos that got a score."""
        return self.scored / self.videos


@dataclass(frozen=True, slots=True)
class Range:
    """Largest minus smallest figure over the values of one setting, or over all ways."""

    setting: str  # "all" for all of them
    auc: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class ModelSensitivity:
    """One model under every extraction."""

    model: str
    sha256: str  # of its weights
    threshold: float
    ways: tuple[ExtractedFigures, ...]  # setting by setting, the own value among each
    ranges: tuple[Range, ...]  # over all, then of each setting


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Several models on the same videos, extracted in several ways."""

    data: str
    split: str
    models: tuple[ModelSensitivity, ...]
    left_out: tuple[tuple[str, str], ...]  # detectors that could not be made here, and why


def sensitivity(
    bundles: Mapping[str, Bundle | Path],
    manifest: pd.DataFrame,
    out: Path,
    *,
    split: str,
    data: str,
    config: ExtractConfig,
    weights: Mapping[str, Path] | None = None,
    jobs: int = 1,
    step: Step,
) -> Sensitivity:
    """Extract the videos of one side in several ways, and measure every model on each.

    Each extraction has a store under `out/stores`, and what each model says of it is kept under
    `out/scores`: started again after it was cut off, it goes on where it was.

    Args:
        bundles: models, or their folders, by the name they have in the result.
        manifest: of the videos; their paths are absolute, as `read_manifest` gives them.
        data: what the videos are, in words.
        config: how the models' own faces are found.
        weights: files for detectors that bring none; one without is left out, and said so.
        step: opens a named step of the work and gives the function that reports its progress.

    Raises:
        ConfigError: a file of weights is none, or of a detector that is unknown.
        DataError: the side lacks real or manipulated videos.
        LeakError, StoreError, OutputError: as `evaluate` and `extract`.
    """
    videos = side(manifest, split)
    detectors, left_out = detectors_of(weights or {}, config)
    models = {name: loaded(bundle) for name, bundle in bundles.items()}
    found: dict[str, Tables] = {name: {} for name in models}
    for variant, made in extractions(config, detectors).items():
        name = "-".join(part for part in variant if part)
        with step(f"Faces: {name}") as progress:
            folder = out / "stores" / name
            extract(videos, folder, config=made, jobs=jobs, progress=progress)
            store = FaceStore(folder)
            for model, bundle in models.items():
                ways = inputs(bundle) if variant == UNCHANGED else {variant: bundle}
                for way, changed in ways.items():
                    found[model][way] = scores_of(changed, store, split=split, keep=out / "scores")
    draws = Draws.of(videos["group"].astype(str))
    return Sensitivity(
        data,
        split,
        tuple(
            _summed_up(name, bundle, found[name], own_values(config, bundle), draws, data=data)
            for name, bundle in models.items()
        ),
        left_out,
    )


def _summed_up(
    name: str,
    bundle: Bundle,
    tables: Tables,
    own: Mapping[str, str],
    draws: Draws,
    *,
    data: str,
) -> ModelSensitivity:
    ways = []
    for setting, own_value in own.items():
        values = [value for changed, value in tables if changed == setting]
        for value in sorted([*values, own_value], key=_in_order):
            way = UNCHANGED if value == own_value else (setting, value)
            table, base = tables[way], tables[UNCHANGED]
            ways.append(_way((setting, value), table, base, draws, own=way[0] == OWN, data=data))
    ranges = [_range("all", ways)]
    ranges += [_range(setting, [way for way in ways if way.setting == setting]) for setting in own]
    sha256, threshold = bundle.card.sha256, tables[UNCHANGED].threshold
    return ModelSensitivity(name, sha256, threshold, tuple(ways), tuple(ranges))


def _in_order(value: str) -> tuple[float, str]:
    """Numbers by their size, before words."""
    try:
        return float(value), ""
    except ValueError:
        return np.inf, value


def _way(
    variant: Variant, table: VideoScores, base: VideoScores, draws: Draws, *, own: bool, data: str
) -> ExtractedFigures:
    subset = " ".join(variant)
    both = np.intersect1d(table.videos, base.videos)
    here, there = table.among(both), base.among(both)

    def measured(metric: str, figure: Floats) -> Measurement:
        counts = len(table.videos), len(np.unique(table.groups))
        by = "extraction"
        bounds = draws.measured(metric, figure)
        return Measurement(data, by, subset, "video", metric, *bounds, *counts)

    def difference(metric: str, figure: Floats) -> Difference:
        groups = len(np.unique(here.groups))
        return Difference(subset, OWN, "sensitivity", data, metric, *draws.compared(figure), groups)

    return ExtractedFigures(
        *variant,
        own=own,
        auc=measured("auc", draws.auc(table)),
        accuracy=measured("accuracy", draws.accuracy(table)),
        auc_difference=difference("auc", draws.auc(here) - draws.auc(there)),
        accuracy_difference=difference("accuracy", draws.accuracy(here) - draws.accuracy(there)),
        videos=table.asked,
        scored=len(table.videos),
        not_scored=table.not_scored,
    )


def _range(setting: str, ways: list[ExtractedFigures]) -> Range:
    """Of the figures that are defined; NaN where none is."""

    def spread(values: list[float]) -> float:
        known = [value for value in values if np.isfinite(value)]
        return max(known) - min(known) if known else np.nan

    aucs, accuracies = [w.auc.value for w in ways], [w.accuracy.value for w in ways]
    return Range(setting, auc=spread(aucs), accuracy=spread(accuracies))


def as_document(result: Sensitivity) -> dict[str, Any]:
    """The result as plain JSON values; figures that could not be had are null."""
    return {"schema_version": SCHEMA_VERSION, **plain(result)}
