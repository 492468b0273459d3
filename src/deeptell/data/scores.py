"""Scores of stored faces."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.data.samples import Samples, keys_of, video_codes
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
    codes, keys = video_codes(store.index)
    wanted = keys.isin(known.index)
    mine = samples[np.flatnonzero(wanted[codes[samples.rows[:, 0]]])]
    named = keys_of(store.index, mine.middle).to_series()
    return ScoreTable(
        videos=named.to_numpy(str),
        tracks=store.index["track"].to_numpy()[mine.middle].astype(np.int64),
        groups=named.map(known["group"]).to_numpy(str),
        methods=named.map(known["method"]).to_numpy(str),
        labels=named.map(known["label"]).to_numpy(np.int64),
        logits=score(mine),
    )
