"""Whether a bundle's distances tell videos of another kind from those like its training data."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from deeptell.evaluation.measurements import measurements
from deeptell.evaluation.scores import COLUMNS, ScoreTable
from deeptell.figures import Measurement
from deeptell.records import Calibration
from deeptell.results.sources import Judged


def shifts(one: Judged, judged: Sequence[Judged]) -> Iterator[Measurement]:
    """AUC of the distance: a bundle's videos of other data against those of its own store.

    Of the test side of both, so that neither was learnt from; for the record on its own store.
    """
    source = one.source
    if source is None or source.bundle.training.get("store") != source.store.fingerprint:
        return
    near = one.evaluation.frames.pooled()
    for other in judged:
        if other.path != one.path or other is one:
            continue
        far = other.evaluation.frames.pooled()
        if np.isfinite(near.distances).all() and np.isfinite(far.distances).all():
            table = _against(near, far)
            yield from measurements(
                table, data=other.data, figures=("auc",), threshold=0.5, levels=("video",), by=()
            )


def _against(near: ScoreTable, far: ScoreTable) -> ScoreTable:
    """Both as one table, in which what comes from elsewhere is 1; ranked by the distance."""
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(near, name), getattr(far, name)]) for name in COLUMNS
    }
    elsewhere = np.repeat([0, 1], [len(near.videos), len(far.videos)])
    keys = [f"{side}/{key}" for side, key in zip(elsewhere, columns["videos"], strict=True)]
    columns |= {
        "videos": np.array(keys),
        "tracks": np.zeros(len(keys), np.int64),
        "labels": elsewhere,
        "logits": np.log(np.maximum(columns["distances"], np.finfo(np.float64).tiny)),
        # The model's own is of its logits, and may be level where distances differ.
        "calibration": Calibration(),
    }
    return replace(near, **columns)
