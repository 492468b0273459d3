"""Scores of made-up videos in groups."""

import numpy as np

from deeptell.evaluation.versions import VideoScores


def table(seed: int = 0, *, groups: int = 12, lost: int = 0) -> VideoScores:
    """Each group is one real video and up to four fakes; scores are tied here and there."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), 5)
    label = np.tile([0, 1, 1, 1, 1], groups)
    mood = rng.normal(size=groups)[group]
    score = np.round(1 / (1 + np.exp(-(label + mood + rng.normal(size=len(group))))), 1)
    kept = np.sort(rng.permutation(len(group))[lost:])
    names = np.array([f"v{n:03}" for n in range(len(group))])
    gone = tuple((name, "no face was found") for name in np.delete(names, kept).tolist())
    texts = np.array([f"g{n:02}" for n in group])
    return VideoScores(names[kept], texts[kept], label[kept], score[kept], 0.55, gone)
