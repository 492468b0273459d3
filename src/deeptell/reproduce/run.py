"""The comparison from videos to one page; every step is kept, and a run cut off goes on."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from deeptell.config import ExtractConfig, SynthConfig, TrainConfig
from deeptell.data.embeddings import Embeddings
from deeptell.data.sources import faceforensics
from deeptell.errors import ConfigError, DataError
from deeptell.evaluation.compare import paired
from deeptell.evaluation.evaluate import evaluate
from deeptell.evaluation.few_frames import few_frames
from deeptell.evaluation.scores import COLUMNS, Scored, ScoreTable
from deeptell.faces.extract import extract
from deeptell.faces.store import FaceStore
from deeptell.figures import Compared, Difference, FewFrames, measurement, plain
from deeptell.files import replacing
from deeptell.forge.benchmark import write_benchmark
from deeptell.models.bundle import Bundle
from deeptell.progress import Step
from deeptell.records import FAKE, Calibration
from deeptell.report import comparison_page
from deeptell.report.page import write
from deeptell.reproduce.defects import frame_level_split, vote_at_half
from deeptell.reproduce.plan import (
    COMPARISONS,
    FRAME,
    PUBLISHED,
    TRIPLETS,
    Row,
    Size,
    recipe,
    rows,
)
from deeptell.training.embed import embed_store
from deeptell.training.networks import encoder_of, inherited
from deeptell.training.run import train

PAIRS = {"train": 16, "val": 8, "test": 30}
COMPRESSIONS = ("c23", "c40")
# Runs of frames as long as the longest clip; every frame of the generated clips of one second.
FACES: Mapping[str, ExtractConfig] = {
    "small": ExtractConfig(frames=8, consecutive=8),
    "full": ExtractConfig(frames=4, consecutive=32),
}
# What is trained on: all manipulations, and in full the one that the paper trained on alone too.
METHODS: Mapping[str, tuple[str | None, ...]] = {
    "small": (None,),
    "full": (None, "NeuralTextures"),
}

OWN, FACENET = "features", "facenet"  # folders of cached features
FEATURES = {OWN: "on the frame model's features", FACENET: "on FaceNet's embeddings"}


@dataclass(frozen=True)
class Setting:
    """The faces of one data set, and where everything about it is kept."""

    name: str  # "generated people, c40"
    folder: Path
    store: FaceStore


@dataclass(frozen=True)
class Outcome:
    """The page, and what stands on it."""

    page: Path
    models: tuple[Compared, ...]
    differences: tuple[Difference, ...]


def reproduce(
    out: Path, *, size: Size, data: Path | None, facenet: Path | None, jobs: int, step: Step
) -> Outcome:
    """Train and measure every row of the plan, and write `out/comparison.html`.

    Args:
        data: a FaceForensics++ tree; None writes and takes a benchmark of generated people.
        facenet: the VGGFace2 weights of FaceNet; None lets the metric rows stand on the features
            of the frame model trained here.
        step: opens a named step of the work and gives the function that reports its progress.

    Raises:
        ConfigError, DataError, WeightsError: as the steps.
    """
    if facenet is not None and not facenet.is_file():
        raise ConfigError(f"There are no FaceNet weights at {facenet}.")
    models: list[Compared] = []
    differences: list[Difference] = []
    before: dict[str, Done] = {}
    for setting in _settings(out, size=size, data=data, jobs=jobs, step=step):
        done: dict[str, Done] = {}
        for row in rows(size):
            stands_on = _features(setting, row, done, facenet=facenet, step=step)
            earlier = before[row.name].folder / "bundle" if before else None
            done[row.name] = _done(setting, row, row.config(earlier), stands_on, step=step)
        before = done
        models += [one.compared for one in done.values()]
        differences += _differences(setting, done)
    page = out / "comparison.html"
    about = _about(size=size, data=data, facenet=facenet, models=models)
    title = "Detecting Deepfakes with Metric Learning, anew"
    write(page, comparison_page.render(models, differences, PUBLISHED, title=title, about=about))
    document = {"schema_version": 1, "models": models, "differences": differences}
    with replacing(out / "comparison.json") as temporary:
        temporary.write_text(json.dumps(plain(document), indent=2) + "\n", encoding="utf-8")
    return Outcome(page, tuple(models), tuple(differences))


def _settings(out: Path, *, size: Size, data: Path | None, jobs: int, step: Step) -> list[Setting]:
    root = data or out / "benchmark"
    if data is None:
        synth = SynthConfig(pairs=PAIRS, seconds=1.0, compressions=COMPRESSIONS)
        with step("Writing a benchmark of people who do not exist") as progress:
            write_benchmark(root, synth, jobs=jobs, progress=progress)
    videos = faceforensics.index(root)
    videos["path"] = [str(root / path) for path in videos["path"]]
    kind = "generated people" if data is None else f"FaceForensics++ at {data.name}"
    settings = []
    for method, compression in product(METHODS[size], COMPRESSIONS):
        name = f"{method}, {compression}" if method else compression
        chosen = videos.loc[videos["compression"] == compression]
        if method:
            chosen = chosen.loc[chosen["method"].isin(("real", method))]
        if not (chosen["label"] == FAKE).any():
            continue
        folder = out / name.replace(", ", "-")
        with step(f"Finding and storing faces, {name}") as progress:
            extract(chosen, folder / "faces", config=FACES[size], jobs=jobs, progress=progress)
        settings.append(Setting(f"{kind}, {name}", folder, FaceStore(folder / "faces")))
    if not settings:
        raise DataError(f"{root} holds neither c40 nor c23 forgeries, which the comparison is on.")
    return settings


@dataclass(frozen=True)
class Done:
    """One row trained and measured."""

    compared: Compared
    frames: ScoreTable
    threshold: float
    folder: Path

    @property
    def scored(self) -> Scored:
        """By video."""
        return Scored(self.frames.pooled(), self.threshold)


def _features(
    setting: Setting, row: Row, done: dict[str, "Done"], *, facenet: Path | None, step: Step
) -> Embeddings | None:
    """The cached features that a row stands on: of the first frame model, or of FaceNet."""
    if not row.cached:
        return None
    if facenet is not None and row.family in ("metric", "classic"):
        config = recipe("corrected/metric", encoder="facenet", weights=str(facenet))
        return _cached(setting, setting.folder / FACENET, config, step=step)
    frame = next(one for one in done.values() if one.compared.family == FRAME)
    encoder = str(frame.folder / "bundle")
    config = recipe("corrected/metric", encoder=encoder)
    return _cached(setting, setting.folder / OWN, config, step=step)


def _cached(setting: Setting, folder: Path, config: TrainConfig, *, step: Step) -> Embeddings:
    if (folder / "embeddings.npy").is_file():
        return Embeddings(folder)
    encoder, _ = encoder_of(config)
    with step(f"Caching features, {setting.folder.name}") as progress:
        seen = inherited(config)
        return embed_store(setting.store, encoder, folder, seen=seen, progress=progress)


def _done(
    setting: Setting,
    row: Row,
    config: TrainConfig,
    embeddings: Embeddings | None,
    *,
    step: Step,
) -> Done:
    """Train and measure one row, or read what an earlier run kept of it."""
    folder = setting.folder / row.slug
    claim = plain(
        {
            "config": config.model_dump(mode="json"),
            "store": setting.store.fingerprint,
            "embeddings": embeddings.origin if embeddings else None,
        }
    )
    kept = folder / "row.json"
    if kept.is_file():
        held = json.loads(kept.read_text(encoding="utf-8"))
        if held["claim"] == claim:
            note = _note(row, embeddings)
            compared = replace(_compared(held["compared"]), note=note, section=row.section)
            return Done(compared, _read_scores(folder, held), held["threshold"], folder)
    began = time.perf_counter()
    with step(f"{setting.folder.name}: {row.name}") as progress:
        bundle = train(
            setting.store, folder, config=config, embeddings=embeddings, progress=progress
        )
        done = _measured(setting, row, bundle, embeddings, began=began, folder=folder)
    with replacing(folder / "scores.parquet") as temporary:
        _table(done.frames).to_parquet(temporary, index=False)
    with replacing(kept) as temporary:
        document = {
            "claim": claim,
            "threshold": done.threshold,
            "calibration": done.frames.calibration,
            "compared": done.compared,
        }
        temporary.write_text(json.dumps(plain(document), indent=2) + "\n", encoding="utf-8")
    return done


def _measured(
    setting: Setting,
    row: Row,
    bundle: Bundle,
    embeddings: Embeddings | None,
    *,
    began: float,
    folder: Path,
) -> Done:
    on: dict[str, Any] = {"split": "test", "data": setting.name, "embeddings": embeddings}
    result = evaluate(bundle, setting.store, levels=("video",), **on)
    points = few_frames(bundle, setting.store, **on) if row.section == "families" else []
    compared = Compared(
        name=row.name,
        family=row.family,
        section=row.section,
        data=setting.name,
        note=_note(row, embeddings),
        parameters=sum(p.numel() for p in bundle.model.parameters()),
        train_loss=float(bundle.training["train_loss"]),
        measurements=tuple(one for one in result.measurements if one.by in ("all", "manipulation")),
        few_frames=tuple(points),
        videos=result.videos,
        scored=result.videos - len(result.not_scored),
        seconds=time.perf_counter() - began,
    )
    return Done(compared, result.frames, result.threshold, folder)


def _note(row: Row, embeddings: Embeddings | None) -> str:
    """What the page says of a row: its own note, and what it stands on."""
    stands_on = FEATURES[embeddings.path.name] if embeddings else ""
    return "; ".join(part for part in (stands_on, row.note) if part)


def _compared(values: dict[str, Any]) -> Compared:
    """A row from what `plain` made of it."""
    measured = tuple(measurement(one) for one in values["measurements"])
    points = tuple(
        FewFrames(one["frames"], measurement(one["auc"]), measurement(one["accuracy"]))
        for one in values["few_frames"]
    )
    return Compared(**{**values, "measurements": measured, "few_frames": points})


def _table(scores: ScoreTable) -> pd.DataFrame:
    return pd.DataFrame({name: getattr(scores, name) for name in COLUMNS})


def _read_scores(folder: Path, row: dict[str, Any]) -> ScoreTable:
    held = pd.read_parquet(folder / "scores.parquet")
    texts = ("videos", "groups", "methods", "compressions")
    columns: dict[str, Any] = {str(k): held[k].to_numpy(str if k in texts else None) for k in held}
    calibration = row.get("calibration") or {}
    knots = tuple((z, p) for z, p in calibration.get("knots", ()))
    return ScoreTable(**columns, calibration=Calibration(**{**calibration, "knots": knots}))


def _differences(setting: Setting, done: dict[str, Done]) -> list[Difference]:
    """The comparisons of the plan, between models that learnt something, and the defects'."""
    found = []
    for better, worse, section, figure in COMPARISONS:
        both = [done[name] for name in (better, worse) if name in done]
        if len(both) == 2 and all(one.compared.trained_enough for one in both):
            tested = paired(both[0].scored, both[1].scored, figure=figure)
            found.append(tested.difference(better, worse, section, setting.name, figure))
    triplets = done[TRIPLETS]
    found.append(vote_at_half(triplets.frames, triplets.threshold, data=setting.name))
    cache = Embeddings(setting.folder / OWN)
    found.append(frame_level_split(setting.store, cache, data=setting.name))
    return found


def _about(
    *, size: Size, data: Path | None, facenet: Path | None, models: Sequence[Compared]
) -> list[str]:
    first = models[0]
    groups = next(m.groups for m in first.measurements if m.subset == "all")
    lines = [
        "The people are generated, and none of them exists: the figures compare ways of training, "
        "and say nothing about real people."
        if data is None
        else f"Trained and measured on FaceForensics++ ({data.name}) with its official split."
    ]
    lines.append(
        f"Every model was trained on one compression, and measured on {first.videos} videos of "
        f"{groups} groups of people it never saw."
    )
    if size == "small":
        lines.append(
            "Small: networks that two cores train in minutes, from scratch; on c40 the frame and "
            "the clip model go on from those of c23."
        )
    lines.append(
        "The metric rows stand on FaceNet's embeddings, as in the paper."
        if facenet
        else "FaceNet's weights were not given: the metric and recurrent rows stand on the "
        "features of the frame model trained in this run."
    )
    return lines
