"""How good a detector is with few frames of each video: the reference paper's question."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.data.embeddings import Embeddings
from deeptell.data.samples import Samples, places, samples_of, spread
from deeptell.data.scores import score_videos
from deeptell.data.splits import side
from deeptell.evaluation.evaluate import asked_of, scorer_of
from deeptell.evaluation.measurements import measurements
from deeptell.evaluation.unseen import check_unseen, threshold_of
from deeptell.faces.store import FaceStore
from deeptell.figures import FewFrames
from deeptell.inputs import InputSpec
from deeptell.models.bundle import Bundle

COUNTS = (1, 3, 5, 10, 25)
FIGURES = ("auc", "accuracy")


def few_frames(
    bundle: Bundle,
    store: FaceStore,
    *,
    split: str,
    data: str,
    counts: Sequence[int] = COUNTS,
    methods: Sequence[str] = (),
    compressions: Sequence[str] = (),
    embeddings: Embeddings | None = None,
) -> list[FewFrames]:
    """Measure with so many frames of each video, spread over it; for clips, runs of frames.

    A count is left out where it is less than one sample takes, or more than the store holds of
    the middle video. The threshold for accuracy is the bundle's "flag" point.

    Raises:
        LeakError, ConfigError, DataError: as `evaluate`, which also says what the arguments are.
    """
    check_unseen(bundle, store, split=split)
    asked = asked_of(store, split=split, methods=methods, compressions=compressions)
    spec, scorer = bundle.model.spec, scorer_of(bundle, store, embeddings=embeddings)
    points = []
    for count in possible(counts, store.index, asked["video_key"], spec):
        samples = few(store.index, spec, count=count)
        sampled, _ = places(store.index, samples)
        videos = side(asked.loc[asked["video_key"].isin(sampled)], split)
        calibration = bundle.card.calibration
        table = score_videos(store, videos, samples, scorer, calibration=calibration)
        auc, accuracy = measurements(
            table,
            data=data,
            figures=FIGURES,
            threshold=threshold_of(bundle),
            levels=("video",),
            by=(),
        )
        points.append(FewFrames(count, auc, accuracy))
    return points


def possible(
    counts: Iterable[int], index: pd.DataFrame, videos: Iterable[str], spec: InputSpec
) -> list[int]:
    """The counts that a model can answer for and half of the videos have frames for."""
    held = index.loc[index["video_key"].isin(list(videos))]
    most = held.groupby("video_key", observed=True)["frame_index"].nunique().median()
    least = spec.frames if spec.consecutive else 1
    return [count for count in counts if least <= count <= most]


def few(index: pd.DataFrame, spec: InputSpec, *, count: int) -> Samples:
    """Samples that see `count` frames of each video; a clip model sees whole clips of them."""
    if spec.consecutive and spec.frames > 1:
        samples = samples_of(index, spec)
        clips = count // spec.frames
        spans = places(index, samples)[1]
        return samples[np.concatenate([spread(np.arange(*p), count=clips) for p in spans])]
    every = samples_of(index, InputSpec(size=spec.size))
    spans = places(index, every)[1]
    chosen = np.concatenate([_rows(index, np.arange(*place), count) for place in spans])
    part = samples_of(index.iloc[chosen], spec)
    return Samples(chosen[part.rows], part.lengths)


def _rows(index: pd.DataFrame, rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Every face in `count` frames of one video."""
    frames = index["frame_index"].to_numpy()[rows]
    seen = spread(np.unique(frames), count=count)
    return np.asarray(rows[np.isin(frames, seen)], np.int64)
