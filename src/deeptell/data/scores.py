"""Scores of stored faces."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.data.samples import Samples
from deeptell.evaluation.bootstrap import ScoreTable
from deeptell.faces.store import FaceStore

Scorer = Callable[[Samples], NDArray[np.float64]]


def score_videos(
    store: FaceStore, videos: pd.DataFrame, samples: Samples, score: Scorer
) -> ScoreTable:
    """Score every sample of the videos; a row per sample, in the order of the store.

    Args:
        videos: rows of a manifest. Those without a sample have no row in the answer.
        samples: of the store.
        score: samples -> logits `(M,)`.
    """
    known = videos.set_index("video_key")
    keys = store.index["video_key"].to_numpy()
    mine = samples[np.flatnonzero(np.isin(keys[samples.middle], known.index))]
    named = pd.Series(keys[mine.middle])
    return ScoreTable(
        videos=named.to_numpy(str),
        tracks=store.index["track"].to_numpy(np.int64)[mine.middle],
        groups=named.map(known["group"]).to_numpy(str),
        methods=named.map(known["method"]).to_numpy(str),
        labels=named.map(known["label"]).to_numpy(np.int64),
        logits=score(mine),
    )
