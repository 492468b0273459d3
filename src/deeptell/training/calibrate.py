"""What a bundle learns from validation videos after training: how sure it may be, and its lines."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.data.fingerprints import marks_of, recognised
from deeptell.data.leaks import check_leaks
from deeptell.data.samples import Samples, samples_of
from deeptell.data.scores import score_videos
from deeptell.data.splits import choosing_side
from deeptell.errors import DataError, LeakError
from deeptell.evaluation.calibration import fit_calibration
from deeptell.evaluation.false_alarms import lines
from deeptell.evaluation.metrics import operating_points
from deeptell.evaluation.scores import ScoreTable
from deeptell.evaluation.stretches import standing
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import Bundle, load_bundle, update_card
from deeptell.models.scoring import score
from deeptell.progress import Progress
from deeptell.records import CLIP, PICTURE, Calibration, OperatingPoint

AUTO = "auto"
USUAL = "temperature"  # what "auto" takes where the videos suffice


def calibrate(
    folder: Path,
    store: FaceStore,
    *,
    split: str = "val",
    method: str,
    progress: Progress | None = None,
) -> Bundle:
    """Fit a bundle's calibration and operating points on other videos, and write them into it.

    Figures that its card carried are dropped: they were measured with the old scores.

    Args:
        store: with videos that the bundle did not learn from; their manipulations are known.
        split: the side to take, never a test side.
        method: "none", "temperature", "platt", "isotonic", or "auto": temperature where there are
            videos enough, else none.
        progress: called with the samples scored, and how many there are.

    Raises:
        LeakError: the side is one that is tested on, or that the bundle learnt from, or it holds
            videos that the bundle saw in another store; or the store holds the same people on two
            sides, and the bundle was not trained `as_published`.
        DataError: there are too few videos for the method, or a class is missing.
        BundleError, ConfigError: the bundle is none, or the method is unknown.
    """
    bundle = load_bundle(folder)
    videos = choosing_side(store.videos, split)
    _check_not_learnt(bundle, store, videos, split)
    trained = bundle.training.get("config") or {}
    check_leaks(store.videos, as_published=bool(trained.get("as_published")))
    frames = _scored(bundle, store, videos, progress)
    done = with_calibration(bundle, frames, method=method, pictures=pictures_of(store))
    done = replace(
        done,
        card=replace(done.card, measurements=()),
        training=done.training | _provenance(done, store, split, sorted(set(frames.videos))),
    )
    update_card(folder, done)
    return done


def _check_not_learnt(bundle: Bundle, store: FaceStore, videos: pd.DataFrame, split: str) -> None:
    """A model is surer of what it learnt from than of anything else."""
    if bundle.training.get("store") == store.fingerprint:
        if split == "train":
            raise LeakError(
                f"'{bundle.card.name}' learnt from the side 'train' of this store and is surer "
                "there than elsewhere: calibrate it on 'val', or on another store."
            )
        return
    before = bundle.training.get("calibration") or {}
    if (before.get("store"), before.get("split")) == (store.fingerprint, split):
        return  # these it has seen in no other way
    seen = recognised(store, videos["video_key"], str(bundle.training.get("seen", "")))
    if seen:
        raise LeakError(
            f"'{bundle.card.name}' saw {len(seen)} of these videos in another store (for instance "
            f"{seen[0]}) and may be surer there than elsewhere: calibrate it on the side 'val' of "
            "the store that it was trained on, or on videos that it never saw."
        )


def _scored(
    bundle: Bundle, store: FaceStore, videos: pd.DataFrame, progress: Progress | None
) -> ScoreTable:
    model = bundle.model

    def answers(samples: Samples) -> NDArray[np.float64]:
        return score(model, samples.rows, samples.lengths, read=store.read, progress=progress)

    return score_videos(store, videos, samples_of(store.index, model.spec), answers)


def pictures_of(store: FaceStore) -> frozenset[str]:
    """The keys of what is a single picture, whose error rates are measured apart from clips'."""
    videos = store.videos
    return frozenset(videos.loc[videos["is_picture"].fillna(False).astype(bool), "video_key"])


def with_calibration(
    bundle: Bundle, frames: ScoreTable, *, method: str, pictures: Collection[str] = ()
) -> Bundle:
    """The bundle with calibration and operating points of these validation videos, and why so.

    Clips and pictures have points of their own, where both classes are among them. They are
    measured as a scan judges, with stretches (`evaluation.stretches`). The rates of "flag" and
    "clear" come without intervals: their thresholds were chosen on these very videos. The lines by
    false-alarm rate have bounds that hold nonetheless (`evaluation.false_alarms`).

    Args:
        frames: logits, one row per sample.
        method: as in `calibrate`.
        pictures: the keys of those videos that are single pictures.

    Raises:
        DataError, ConfigError: as `calibrate`.
    """
    videos = frames.pooled()
    calibration, why = _fitted(videos, method=method)
    return replace(
        bundle,
        card=replace(
            bundle.card,
            calibration=calibration,
            operating_points=_points(replace(frames, calibration=calibration), pictures),
        ),
        training=bundle.training | {"calibration": {"method": calibration.method, "why": why}},
    )


def _points(frames: ScoreTable, pictures: Collection[str]) -> tuple[OperatingPoint, ...]:
    """Those of clips, then those of pictures.

    Raises `DataError` where neither kind has real and manipulated ones.
    """
    videos, scores = frames.pooled(), standing(frames)
    is_picture = np.isin(videos.videos, list(pictures))
    kinds = [(CLIP, ~is_picture), (PICTURE, is_picture)]
    both = [(media, rows) for media, rows in kinds if len(set(videos.labels[rows])) > 1]
    found: list[OperatingPoint] = []
    for media, rows in both or [(CLIP, np.full(len(scores), True))]:
        of = (videos.labels[rows], scores[rows], videos.groups[rows])
        points = (*operating_points(*of), *lines(*of))
        found += [replace(one, media=media, stretches=media == CLIP) for one in points]
    return tuple(found)


def _fitted(videos: ScoreTable, *, method: str) -> tuple[Calibration, str]:
    """The calibration, and why it is this one."""
    groups = f"{len(set(videos.groups))} source groups of validation videos"
    wanted = USUAL if method == AUTO else method
    try:
        calibration = fit_calibration(videos.labels, videos.logits, videos.groups, method=wanted)
    except DataError as error:
        if method != AUTO:
            raise
        return Calibration(), str(error)
    asked = "as asked" if method != AUTO else "the usual one"
    return calibration, f"{asked}; {groups}"


def _provenance(bundle: Bundle, store: FaceStore, split: str, keys: list[str]) -> dict[str, Any]:
    """Where the calibration is from; its videos are now among those that decided something."""
    marks = [str(bundle.training.get("seen", "")), *marks_of(store, keys).values()]
    seen = set(" ".join(marks).split())
    calibration = {**bundle.training["calibration"], "store": store.fingerprint, "split": split}
    return {"calibration": calibration, "seen": " ".join(sorted(seen))}
