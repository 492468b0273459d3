"""A bundle measured on the videos of a store."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.data.embeddings import Embeddings
from deeptell.data.samples import Samples, places, samples_of
from deeptell.data.scores import Scorer, score_videos
from deeptell.data.splits import only, side
from deeptell.errors import DataError
from deeptell.evaluation.measurements import CLIP, LEVELS, measurements
from deeptell.evaluation.metrics import FIGURES
from deeptell.evaluation.scores import ScoreTable
from deeptell.evaluation.unseen import Chosen, check_unseen, chosen_of, threshold_of, unknown
from deeptell.faces.store import FaceStore
from deeptell.figures import Measurement, plain
from deeptell.models.bundle import Bundle
from deeptell.models.ensemble import Ensemble
from deeptell.models.on_encoder import OnEncoder
from deeptell.models.reference import embed_features, score_with_distances
from deeptell.models.scoring import score, score_features
from deeptell.progress import Progress

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
    leaks: dict[str, int]  # of each kind, between this side and others; see `check_unseen`
    chosen: Chosen
    warnings: tuple[str, ...] = ()  # what a reader must know before the figures

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
    methods: Sequence[str] = (),
    compressions: Sequence[str] = (),
    embeddings: Embeddings | None = None,
    levels: Sequence[str] = LEVELS,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure a bundle on one side of a store's split.

    The threshold for accuracy, precision, recall and F1 is the bundle's "flag" point, which was
    chosen on validation videos; nothing is chosen here.

    Args:
        data: what the videos are, in words, for whoever reads the figures.
        methods, compressions: measured on these manipulations (and all real videos) and these
            compressions only; none named means all.
        embeddings: of this store by the bundle's own encoder, to be spared its work.
        levels: some of "frame", which is called "clip" where the model takes several faces at
            once, "track" and "video".
        progress: called with the samples scored, and how many there are.

    Raises:
        LeakError: the bundle saw test videos, or its store leaks; see `check_unseen`.
        ConfigError: no video here has one of the manipulations or compressions.
        DataError: the side lacks real or manipulated videos, or the embeddings are others.
    """
    leaks = check_unseen(bundle, store, split=split)
    asked = asked_of(store, split=split, methods=methods, compressions=compressions)
    samples = samples_of(store.index, bundle.model.spec)
    sampled = set(places(store.index, samples)[0])
    usable = side(asked.loc[asked["video_key"].isin(sampled)], split)
    scorer = scorer_of(bundle, store, embeddings=embeddings, progress=progress)
    calibration = bundle.card.calibration
    frames = score_videos(store, usable, samples, scorer, calibration=calibration)
    threshold = threshold_of(bundle)
    first = CLIP if bundle.model.spec.frames > 1 else "frame"
    levels = [first if level == "frame" else level for level in levels]
    figures = measurements(frames, data=data, figures=RATES, threshold=threshold, levels=levels)
    return Evaluation(
        measurements=tuple(figures),
        frames=frames,
        threshold=threshold,
        videos=len(asked),
        not_scored=_not_scored(asked, sampled, bundle),
        leaks=leaks,
        chosen=chosen_of(bundle),
        warnings=unknown(bundle, split=split),
    )


def asked_of(
    store: FaceStore, *, split: str, methods: Sequence[str] = (), compressions: Sequence[str] = ()
) -> pd.DataFrame:
    """The videos of a store that are to be measured, with and without a face; as `evaluate`."""
    chosen = only(store.videos, methods=methods, compressions=compressions)
    return chosen.loc[chosen["split"] == split]


def scorer_of(
    bundle: Bundle,
    store: FaceStore,
    *,
    embeddings: Embeddings | None = None,
    progress: Progress | None = None,
) -> Scorer:
    """How a bundle scores samples of a store: from its faces, or from cached embeddings.

    It answers with logits, and with distances from the training data where the bundle knows them.

    Raises:
        DataError: the embeddings are of another store, by another encoder, or the model has none.
    """
    model, reference = bundle.model, bundle.reference
    if embeddings is None:

        def ask(samples: Samples) -> NDArray[np.float64]:
            asked: dict[str, Any] = {"read": store.read, "progress": progress}
            faces = samples.rows, samples.lengths
            if reference is None:
                return score(model, *faces, **asked)
            return np.column_stack(score_with_distances(model, reference, *faces, **asked))

        return ask
    origin = bundle.training.get("embeddings") or {}
    if not isinstance(model, OnEncoder | Ensemble) or "encoder" not in origin:
        raise DataError("This model was not trained on embeddings: leave out --embeddings.")
    embeddings.check(store=store, encoder=origin["encoder"])

    def answer(samples: Samples) -> NDArray[np.float64]:
        cached = embeddings.values, samples.rows, samples.lengths
        logits = score_features(model, *cached)
        if reference is None:
            return logits
        return np.column_stack([logits, reference.distances(embed_features(model, *cached))])

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
        "chosen": plain(evaluation.chosen),
        "warnings": list(evaluation.warnings),
        "videos": evaluation.videos,
        "coverage": evaluation.coverage,
        "measurements": plain(evaluation.measurements),
        "leaks": evaluation.leaks,
        "not_scored": evaluation.not_scored.to_dict("records"),
    }
