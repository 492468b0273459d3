"""What a model says of several versions of the same videos: corrupted, or extracted otherwise."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deeptell.data.samples import places, samples_of
from deeptell.data.scores import score_videos
from deeptell.errors import DataError
from deeptell.evaluation.evaluate import asked_of, scorer_of
from deeptell.evaluation.unseen import check_unseen, threshold_of
from deeptell.faces.store import FaceStore
from deeptell.figures import plain
from deeptell.files import replacing
from deeptell.models.bundle import Bundle, load_bundle

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class VideoScores:
    """One row for each video that got a score, and why the others got none."""

    videos: NDArray[np.str_]  # (N,)
    groups: NDArray[np.str_]
    labels: NDArray[np.int64]  # FAKE = 1
    scores: Floats  # fake_probability
    threshold: float  # of the bundle, chosen on validation videos
    not_scored: tuple[tuple[str, str], ...]  # video_key, reason

    @property
    def asked(self) -> int:
        """How many videos there were."""
        return len(self.videos) + len(self.not_scored)

    @property
    def coverage(self) -> float:
        """Share of the videos that got a score."""
        return len(self.videos) / self.asked

    def among(self, videos: NDArray[np.str_]) -> "VideoScores":
        """The rows of these videos only."""
        kept = np.isin(self.videos, videos)
        columns = (self.videos[kept], self.groups[kept], self.labels[kept], self.scores[kept])
        return VideoScores(*columns, self.threshold, self.not_scored)


def loaded(bundle: Bundle | Path) -> Bundle:
    """The bundle itself, or the one in a folder; `BundleError` as `load_bundle`."""
    return load_bundle(bundle) if isinstance(bundle, Path) else bundle


def scores_of(bundle: Bundle, store: FaceStore, *, split: str, keep: Path) -> VideoScores:
    """Score the videos of one side as `evaluate` does, or take what was kept of doing so.

    Unlike there, a side on which one class has lost all its faces is an answer, not an error.

    Args:
        keep: a folder. A file in it is named by all that the answer depends on: weights, input,
            calibration, threshold and faces. So nothing old is ever taken for new.

    Raises:
        LeakError: as `check_unseen`.
        DataError: the store holds no video of this side.
    """
    asked_for = {
        "bundle": bundle.card.sha256,
        "input": asdict(bundle.model.spec),
        "calibration": asdict(bundle.card.calibration),
        "threshold": threshold_of(bundle),
        "store": store.fingerprint,
        "extraction": store.config.model_dump(mode="json"),
        "split": split,
    }
    text = json.dumps(asked_for, sort_keys=True)
    path = keep / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"
    if path.is_file():
        return _read(path)
    found = _score(bundle, store, split)
    columns = {name: getattr(found, name).tolist() for name in _COLUMNS}
    rest = {"threshold": found.threshold, "not_scored": found.not_scored}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(plain(asked_for | columns | rest)), encoding="utf-8")
    return found


_COLUMNS = ("videos", "groups", "labels", "scores")


def _read(path: Path) -> VideoScores:
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return VideoScores(
            videos=np.array(kept["videos"], str),
            groups=np.array(kept["groups"], str),
            labels=np.array(kept["labels"], np.int64),
            scores=np.array(kept["scores"], np.float64),
            threshold=float(kept["threshold"]),
            not_scored=tuple((str(key), str(reason)) for key, reason in kept["not_scored"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}): delete it, and start again.") from None


def _score(bundle: Bundle, store: FaceStore, split: str) -> VideoScores:
    check_unseen(bundle, store, split=split)
    asked = asked_of(store, split=split)
    if asked.empty:
        raise DataError(f"The store {store.path} holds no video of the split '{split}'.")
    samples = samples_of(store.index, bundle.model.spec)
    scored = asked["video_key"].isin(set(places(store.index, samples)[0]))
    short = f"no track holds {bundle.model.spec.frames} consecutive faces"
    missed = asked.loc[~scored, ["video_key", "reason"]].replace({"reason": {"": short}})
    not_scored = tuple(missed.itertuples(index=False, name=None))
    if not scored.any():
        none, no_label = np.empty(0, str), np.empty(0, np.int64)
        return VideoScores(none, none, no_label, np.empty(0), threshold_of(bundle), not_scored)
    scorer, calibration = scorer_of(bundle, store), bundle.card.calibration
    usable = asked.loc[scored]
    videos = score_videos(store, usable, samples, scorer, calibration=calibration).pooled()
    return VideoScores(
        videos=videos.videos,
        groups=videos.groups,
        labels=videos.labels.astype(np.int64),
        scores=videos.fake_probability,
        threshold=threshold_of(bundle),
        not_scored=not_scored,
    )
