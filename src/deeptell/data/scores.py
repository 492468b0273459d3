"""Scores of stored faces."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.data.samples import Samples, keys_of, video_codes
from deeptell.evaluation.scores import ScoreTable
from deeptell.faces.quality import sizes
from deeptell.faces.store import FaceStore
from deeptell.records import Calibration

Scorer = Callable[[Samples], NDArray[np.float64]]
NONE = Calibration()


def score_videos(
    store: FaceStore,
    videos: pd.DataFrame,
    samples: Samples,
    score: Scorer,
    *,
    calibration: Calibration = NONE,
) -> ScoreTable:
    """Score every sample of the videos; a row per sample, in the order of the store.

    Args:
        videos: rows of a manifest. Those without a sample have no row in the answer.
        samples: of the store.
        score: samples -> logits `(M,)`, or `(M, 2)` with the distances from the training data.
        calibration: of the model that scores; none where it is still to be fitted.
    """
    known = videos.set_index("video_key")
    codes, keys = video_codes(store.index)
    wanted = keys.isin(known.index)
    mine = samples[np.flatnonzero(wanted[codes[samples.rows[:, 0]]])]
    named = keys_of(store.index, mine.middle).to_series()
    face_px, quality = sizes(store, mine.middle)
    answers = score(mine).reshape(len(mine), -1)
    return ScoreTable(
        videos=named.to_numpy(str),
        tracks=store.index["track"].to_numpy()[mine.middle].astype(np.int64),
        groups=named.map(known["group"]).to_numpy(str),
        methods=named.map(known["method"]).to_numpy(str),
        labels=named.map(known["label"]).to_numpy(np.int64),
        logits=answers[:, 0],
        compressions=named.map(known["compression"]).to_numpy(str),
        face_px=face_px,
        quality=quality,
        distances=answers[:, 1] if answers.shape[1] > 1 else np.array(np.nan),
        calibration=calibration,
    )
