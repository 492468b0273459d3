"""What two habits of the published system are worth, on the features of this run (FACTS B)."""

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from deeptell.data.embeddings import Embeddings
from deeptell.evaluation.bootstrap import bootstrap
from deeptell.evaluation.compare import paired
from deeptell.evaluation.metrics import logit, sigmoid
from deeptell.evaluation.scores import Scored, ScoreTable
from deeptell.faces.store import FaceStore
from deeptell.figures import Difference
from deeptell.records import Calibration
from deeptell.training.classifiers import fit_classifier

LEAKED, HELD_OUT = "accuracy claimed by a split of frames", "accuracy on people never seen"
VALIDATED, VOTED = "mean logit, threshold from validation", "majority vote of frames at 0.5"
CLASSIFIER = "knn"


def frame_level_split(store: FaceStore, embeddings: Embeddings, *, data: str) -> Difference:
    """How much more a split by frames claims than the same classifier earns on new people.

    The reference splits the frames of its videos at random, nine to one, so that the tenth shows
    the same people in the same second. Here k nearest neighbours are fitted like that on the
    training and validation people; what they claim on the tenth is set against the frames of the
    test people. The interval resamples groups of test people.
    """
    videos = store.videos.set_index("video_key")
    faces = store.index["video_key"].iloc[embeddings.samples.middle]
    known = {column: faces.map(videos[column]).to_numpy() for column in ("split", "label", "group")}
    labels = known["label"].astype(np.int64)
    used = np.flatnonzero(np.isin(known["split"], ("train", "val")))
    test = np.flatnonzero(known["split"] == "test")
    order = np.random.default_rng(0).permutation(used)
    tenth, rest = np.split(order, [len(order) // 10])
    as_groups = np.arange(len(faces)).astype(str)  # each frame for itself: that is the defect
    classifier = fit_classifier(
        CLASSIFIER, embeddings.values[rest], labels[rest], as_groups[rest], seed=0, balanced=False
    )

    def called(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        return sigmoid(classifier(torch.from_numpy(embeddings.values[rows])).numpy())

    claimed = float(((called(tenth) >= 0.5) == labels[tenth]).mean())
    scores = called(test)
    earned = float(((scores >= 0.5) == labels[test]).mean())
    groups = known["group"][test].astype(str)
    interval = bootstrap(labels[test], scores, groups)
    return Difference(
        LEAKED,
        HELD_OUT,
        "defects",
        data,
        "accuracy",
        claimed - earned,
        claimed - interval.high["accuracy"],
        claimed - interval.low["accuracy"],
        groups=interval.groups,
    )


def vote_at_half(frames: ScoreTable, threshold: float, *, data: str) -> Difference:
    """Our verdict on a video against the reference's, from the same scores of frames.

    The reference calls a video fake where more than half of its frames are, each at 0.5; a tie is
    real.
    """
    ours, theirs = Scored(frames.pooled(), threshold), Scored(_voted(frames), 0.5)
    tested = paired(ours, theirs, figure="balanced_accuracy")
    return tested.difference(VALIDATED, VOTED, "defects", data, "balanced_accuracy")


def _voted(frames: ScoreTable) -> ScoreTable:
    videos = frames.pooled()
    shares = pd.Series(frames.fake_probability >= 0.5).groupby(frames.videos).mean()
    # Below the threshold of 0.5 where the vote is tied.
    called = shares.reindex(videos.videos).to_numpy() - 1e-9
    return replace(videos, logits=logit(np.clip(called, 0, 1)), calibration=Calibration())
