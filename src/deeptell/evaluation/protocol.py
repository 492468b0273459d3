"""A bundle measured on the videos of a store."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from deeptell.data.scores import score_videos
from deeptell.data.splits import check_leaks, side
from deeptell.evaluation.bootstrap import ScoreTable, measurements
from deeptell.evaluation.metrics import FIGURES
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import Bundle
from deeptell.models.scoring import score_crops
from deeptell.records import Measurement

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

    @property
    def coverage(self) -> float:
        """Share of the videos that got a score."""
        return 1 - len(self.not_scored) / self.videos


def evaluate(bundle: Bundle, store: FaceStore, *, split: str, data: str) -> Evaluation:
    """Measure a bundle on one side of a store's split.

    The threshold for accuracy, precision, recall and F1 is the bundle's "flag" point, which was
    chosen on validation videos; nothing is chosen here.

    Args:
        data: what the videos are, in words, for whoever reads the figures.

    Raises:
        LeakError: a person or group of that side stands on another side too.
        DataError: the side lacks real or manipulated videos.
    """
    check_leaks(store.videos)
    asked = store.videos.loc[store.videos["split"] == split]
    usable = side(asked.loc[asked["video_key"].isin(store.index["video_key"])], split)
    frames = score_videos(store, usable, lambda crops: score_crops(bundle.model, crops))
    flags = [p.threshold for p in bundle.card.operating_points if p.name == "flag"]
    threshold = flags[0] if flags else 0.5
    unscored = asked.loc[~asked["video_key"].isin(frames.videos), ["video_key", "reason"]]
    return Evaluation(
        measurements=tuple(measurements(frames, data=data, figures=RATES, threshold=threshold)),
        frames=frames,
        threshold=threshold,
        videos=len(asked),
        not_scored=unscored,
    )


def as_document(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain JSON values; figures that could not be had are null."""
    return {
        "schema_version": SCHEMA_VERSION,
        "threshold": evaluation.threshold,
        "videos": evaluation.videos,
        "coverage": evaluation.coverage,
        "measurements": [
            {key: _known(value) for key, value in asdict(one).items()}
            for one in evaluation.measurements
        ],
        "not_scored": evaluation.not_scored.to_dict("records"),
    }


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
