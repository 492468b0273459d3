"""Embeddings that know their answer."""

import numpy as np


def blobs(n: int = 120, *, apart: float = 2.0, width: int = 8, seed: int = 0):  # type: ignore[no-untyped-def]
    """Embeddings, labels and groups: each group is of one class, its frames near each other."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) // 6
    labels = groups % 2
    centres = rng.normal(size=(groups.max() + 1, width)) * 0.3
    x = centres[groups] + rng.normal(size=(n, width)) * 0.3
    x[:, 0] += apart * labels
    return x.astype(np.float32), labels.astype(np.int64), groups.astype(str)
