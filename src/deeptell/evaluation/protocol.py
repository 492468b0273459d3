"""A bundle measured on the videos of a store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.data.embeddings import Embeddings
from deeptell.data.leaks import check_leaks, find_leaks, leak_counts
from deeptell.data.samples import Samples, places, samples_of
from deeptell.data.scores import Scorer, score_videos
from deeptell.data.splits import side
from deeptell.errors import DataError
from deeptell.evaluation.bootstrap import LEVELS, ScoreTable, measurements
from deeptell.evaluation.metrics import FIGURES
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import Bundle
from deeptell.models.ensemble import Ensemble
from deeptell.models.on_encoder import OnEncoder
from deeptell.models.scoring import Progress, score, score_features
from deeptell.records import Measurement, plain

SCHEMA_VERSION = 1
RATES = tuple(name for name in FIGURES if not name.startswith(("true_", "false_")))


@dataclass(frozen=True)
class Evaluation:
    """The figures, and what they do not cover."""

    measurements: tuple[Measurement, ...]
    frames: ScoreTable
    threshold: float
    videos: int  # asked for
    not_scored: pd.DataFrame  # video_key and reason of those without a score
    leaks: dict[str, int]  # of each kind, between this side and the others of the store

    @property
    def coverage(self) -> float:
        """Share of the videos that got a score."""
        return 1 - len(self.not_scored) / self.videos


def evaluate(
    bundle: Bundle,
    store: FaceStore,
    *,
    split: str,
    data: str,
    embeddings: Embeddings | None = None,
    levels: Sequence[str] = LEVELS,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a bundle on one side of a store's split.

    The threshold for accuracy, precision, recall and F1 is the bundle's "flag" point, which was
    chosen on validation videos; nothing is chosen here.

    Args:
        data: what the videos are, in words, for whoever reads the figures.
        embeddings: of this store by the bundle's own encoder, to be spared its work.
        levels: "frame" and "video", or one of them.
        progress: called with the samples scored, and how many there are.

    Raises:
        LeakError: the bundle was trained on this store, whose split leaks; see `leaks_of`.
        DataError: the side lacks real or manipulated videos, or the embeddings are others.
    """
    leaks = leaks_of(bundle, store, split=split)
    asked = store.videos.loc[store.videos["split"] == split]
    samples = samples_of(store.index, bundle.model.spec)
    sampled = set(places(store.index, samples)[0])
    usable = side(asked.loc[asked["video_key"].isin(sampled)], split)
    scorer = scorer_of(bundle, store, embeddings=embeddings, progress=progress)
    frames = score_videos(store, usable, samples, scorer)
    flags = [p.threshold for p in bundle.card.operating_points if p.name == "flag"]
    threshold = flags[0] if flags else 0.5
    figures = measurements(frames, data=data, figures=RATES, threshold=threshold, levels=levels)
    return Evaluation(
        measurements=tuple(figures),
        frames=frames,
        threshold=threshold,
        videos=len(asked),
        not_scored=_not_scored(asked, sampled, bundle),
        leaks=leak_counts(leaks),
    )


def leaks_of(bundle: Bundle, store: FaceStore, *, split: str) -> pd.DataFrame:
    """What stands on this side of a store's split and on another, as `find_leaks`.

    It matters where the bundle was trained on these videos. A bundle of another store has seen
    none of the sides as far as can be known, so that its figures stand, and the leaks beside them.

    Raises:
        LeakError: the bundle was trained on this very store, and not `as_published`.
    """
    trained = bundle.training.get("config") or {}
    if bundle.training.get("store") == store.fingerprint:
        found = check_leaks(store.videos, as_published=bool(trained.get("as_published")))
    else:
        found = find_leaks(store.videos)
    return found.loc[[split in sides for sides in found["sides"]]]


def scorer_of(
    bundle: Bundle,
    store: FaceStore,
    *,
    embeddings: Embeddings | None = None,
    progress: Progress | None = None,
) -> Scorer:
    """How a bundle scores samples of a store: from its faces, or from cached embeddings.

    Raises:
        DataError: the embeddings are of another store, by another encoder, or the model has none.
    """
    model = bundle.model
    if embeddings is None:
        return lambda samples: score(
            model, samples.rows, samples.lengths, read=store.read, progress=progress
        )
    origin = bundle.training.get("embeddings") or {}
    if not isinstance(model, OnEncoder | Ensemble) or "encoder" not in origin:
        raise DataError("This model was not trained on embeddings: leave out --embeddings.")
    embeddings.check(store=store, encoder=origin["encoder"])

    def answer(samples: Samples) -> NDArray[np.float64]:
        return score_features(model, embeddings.values, samples.rows, samples.lengths)

    return answer


def _not_scored(asked: pd.DataFrame, sampled: set[str], bundle: Bundle) -> pd.DataFrame:
    """The videos without a sample, and why: the store's reason, or that all tracks are short."""
    missed = asked.loc[~asked["video_key"].isin(sampled), ["video_key", "reason"]]
    short = f"no track holds {bundle.model.spec.frames} consecutive faces"
    return missed.assign(reason=missed["reason"].where(missed["reason"] != "", short))


def as_document(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain JSON values; figures that could not be had are null."""
    return {
        "schema_version": SCHEMA_VERSION,
        "threshold": evaluation.threshold,
        "videos": evaluation.videos,
        "coverage": evaluation.coverage,
        "measurements": plain(evaluation.measurements),
        "leaks": evaluation.leaks,
        "not_scored": evaluation.not_scored.to_dict("records"),
    }
