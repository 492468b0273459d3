"""Measured models become the records of a results page."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from deeptell.errors import BundleError, DataError, WeightsError
from deeptell.evaluation.compare import compare
from deeptell.evaluation.evaluate import Evaluation
from deeptell.evaluation.projections import AFTER, BEFORE, projections
from deeptell.evaluation.scores import Scored, ScoreTable
from deeptell.evaluation.unseen import TEST
from deeptell.figures import Difference
from deeptell.models.bundle import Bundle
from deeptell.records import Calibration
from deeptell.report.results import records as page
from deeptell.report.words import listed
from deeptell.results.hard_faces import worst_faces
from deeptell.results.shifts import shifts
from deeptell.results.sources import Judged, Source
from deeptell.training.epochs import read_epochs

Key = tuple[Path, str]  # a model, and what it was measured on

STATEMENT = (
    "Nothing was chosen on what is measured here: thresholds, calibration and epochs come from "
    "validation videos, as each model says below, and the code refuses test videos wherever "
    "something is chosen."
)
FOREIGN = "On what the tool behind a score file chose anything, nobody can tell from its scores."
SCORE_FILES = "the videos that both scored"  # where several files, and nothing else, are measured


def results(
    judged: Sequence[Judged], *, title: str, about: Sequence[str], pictures: bool = True
) -> page.Results:
    """Everything that the page says of models that were measured.

    Args:
        pictures: whether to show embeddings before and after training, and the worst faces; the
            models are asked once more for these.
    """
    drawn, missing = _pictures(judged) if pictures else ({}, [])
    return page.Results(
        title=title,
        about=tuple(about),
        statement=statement(judged),
        models=tuple(
            replace(
                measured(one, judged, faces=pictures),
                projections=drawn.get((one.path, one.data), ()),
            )
            for one in judged
        ),
        differences=tuple(differences(judged)),
        warnings=(*_unknown(judged), *_leaks(judged), *_apart(judged), *missing),
    )


def statement(judged: Sequence[Judged]) -> str:
    """What may be said of where all that was chosen comes from."""
    sides = {one.source.split: "" for one in judged if one.source}
    chosen = [f"'{side}'" for side in sides if side != TEST]
    said = [STATEMENT] if sides and not chosen else []
    if chosen:
        said.append(
            f"This is the side {listed(chosen)}, and no test: models "
            "learn, and thresholds, calibration and epochs are chosen, on sides other than "
            f"'{TEST}', so that these figures say little about new videos."
        )
    if any(one.source is None for one in judged):
        said.append(FOREIGN)
    return " ".join(said)


def _pictures(judged: Sequence[Judged]) -> tuple[dict[Key, tuple[page.Projection, ...]], list[str]]:
    """The embeddings of each model and data, and what could not be drawn and why."""
    drawn, missing = {}, []
    for one in judged:
        try:
            if one.source is not None:
                drawn[one.path, one.data] = tuple(_projections(one.source))
        except (DataError, WeightsError, BundleError) as error:
            missing.append(f"{one.name} on {one.data} has no picture of its embeddings: {error}")
    return drawn, missing


def differences(judged: Sequence[Judged]) -> list[Difference]:
    """Every two models that were measured on the same data, against each other."""
    found = []
    for data, models in _beside_each_other(judged):
        found += compare(models, data=data)
    return found


def _beside_each_other(judged: Sequence[Judged]) -> Iterator[tuple[str, dict[str, Scored]]]:
    """The models of each data; a score file, which does not say its data, is beside all."""
    for data in dict.fromkeys(one.data for one in judged if one.source) or [SCORE_FILES]:
        yield (
            data,
            {
                one.name: Scored(one.evaluation.frames.pooled(), one.evaluation.threshold)
                for one in judged
                if one.data == data or one.source is None
            },
        )


def _apart(judged: Sequence[Judged]) -> Iterator[str]:
    """The pairs that `differences` has nothing to say of."""
    for data, models in _beside_each_other(judged):
        for (name, one), (other_name, other) in combinations(models.items(), 2):
            if not np.isin(one.table.videos, other.table.videos).any():
                yield (
                    f"{name} and {other_name} are not compared on {data}: they scored no video in "
                    "common. A score file must call its videos as the store does."
                )


def _unknown(judged: Sequence[Judged]) -> Iterator[str]:
    """What cannot be told of bundles; of score files, the page says what there is to say."""
    for one in judged:
        if one.source:
            yield from one.evaluation.warnings


def _leaks(judged: Sequence[Judged]) -> Iterator[str]:
    for one in judged:
        told = [f"{count} {kind}" for kind, count in one.evaluation.leaks.items() if count]
        if told:
            yield (
                f"{one.name} on {one.data}: of these test videos there stand on other sides "
                f"{', '.join(told)}."
            )


def measured(one: Judged, judged: Sequence[Judged], *, faces: bool) -> page.Measured:
    """One model on one data; `judged` are all that stand on the page."""
    evaluation, bundle = one.evaluation, one.source.bundle if one.source else None
    shown = one.source if faces else None
    alarms, misses = worst_faces(evaluation.frames, shown) if shown else ((), ())
    return page.Measured(
        name=one.name,
        note=bundle.card.architecture if bundle else "Scores of another tool.",
        data=one.data,
        level=_level(evaluation),
        measurements=evaluation.measurements,
        scores=_scores(evaluation.frames, bundle),
        chosen=_chosen(evaluation, bundle),
        videos=evaluation.videos,
        not_scored=tuple(
            page.NotScored(str(row.video_key), str(row.reason))
            for row in evaluation.not_scored.itertuples()
        ),
        operating_points=bundle.card.operating_points if bundle else (),
        shifts=tuple(shifts(one, judged)),
        few_frames=one.few_frames,
        epochs=tuple(_epochs(one.path.parent)),
        false_alarms=alarms,
        misses=misses,
    )


def _level(evaluation: Evaluation) -> str:
    levels = {row.level for row in evaluation.measurements}
    return "clip" if "clip" in levels else "frame"


def _scores(frames: ScoreTable, bundle: Bundle | None) -> page.VideoScores:
    videos = frames.pooled()
    reference = bundle.reference if bundle else None
    ranks: tuple[float, ...] = ()
    if reference is not None and np.isfinite(videos.distances).all():
        ranks = tuple(reference.rank(float(distance)) for distance in videos.distances)
    return page.VideoScores(
        keys=tuple(videos.videos.tolist()),
        labels=tuple(videos.labels.tolist()),
        groups=tuple(videos.groups.tolist()),
        fake_probability=tuple(videos.fake_probability.tolist()),
        distance_rank=ranks,
    )


def _chosen(evaluation: Evaluation, bundle: Bundle | None) -> page.Chosen:
    said = evaluation.chosen
    epochs = (bundle.training.get("epochs") or []) if bundle else []
    return page.Chosen(
        threshold=evaluation.threshold,
        threshold_from=_sentence(said.threshold),
        calibration=bundle.card.calibration if bundle else Calibration(),
        calibration_from=_sentence(said.calibration),
        epoch=epochs[0]["chosen"] if len(epochs) == 1 else None,
        epoch_from=_sentence(said.epoch),
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _epochs(run: Path) -> Iterator[page.Epoch]:
    for row in read_epochs(run):
        yield page.Epoch(int(row["epoch"]), float(row["train_loss"]), float(row["val_loss"]))


def _projections(source: Source) -> Iterator[page.Projection]:
    if "seed" not in (source.bundle.training.get("config") or {}):
        return  # a bundle that does not say where it started from has no picture of before
    table = projections(source.bundle, source.store, split=source.split)
    for method, rows in table.groupby("method", sort=False):
        after, before = (rows.loc[rows["when"] == when] for when in (AFTER, BEFORE))
        fake = after["class"] == "fake"
        yield page.Projection(
            method=str(method),
            after=_points(after),
            labels=tuple(fake.astype(int)),
            manipulations=tuple(after["manipulation"].where(fake, "")),
            identities=tuple(after["identity"].astype(str)),
            compressions=tuple(after["compression"].astype(str)),
            before=_points(before),
        )


def _points(rows: pd.DataFrame) -> tuple[page.Point, ...]:
    return tuple(zip(rows["x"].astype(float), rows["y"].astype(float), strict=True))
