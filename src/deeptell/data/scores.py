"""Scores of stored faces."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.evaluation.bootstrap import ScoreTable
from deeptell.faces.store import FaceStore
from deeptell.records import Crop

READ_AT_ONCE = 256

Scorer = Callable[[Sequence[Crop]], NDArray[np.float64]]


def score_videos(store: FaceStore, videos: pd.DataFrame, score: Scorer) -> ScoreTable:
    """Score every stored face of the videos; a row per face, in the order of the store.

    Args:
        videos: rows of a manifest. Those without a stored face have no row in the answer.
        score: crops -> logits `(N,)`, such as `models.scoring.score_crops` of a model.
    """
    known = videos.set_index("video_key")
    rows = np.flatnonzero(store.index["video_key"].isin(known.index))
    parts = [rows[start : start + READ_AT_ONCE] for start in range(0, len(rows), READ_AT_ONCE)]
    logits = [score(store.read(part.tolist())) for part in parts]
    keys = store.index["video_key"].iloc[rows]
    return ScoreTable(
        videos=keys.to_numpy(str),
        tracks=store.index["track"].iloc[rows].to_numpy(np.int64),
        groups=keys.map(known["group"]).to_numpy(str),
        methods=keys.map(known["method"]).to_numpy(str),
        labels=keys.map(known["label"]).to_numpy(np.int64),
        logits=np.concatenate(logits) if logits else np.empty(0),
    )
