"""Stored faces become samples of the length a model takes."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.inputs import InputSpec, sample_rows, windows

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """Samples of a store, in the order of its index."""

    rows: Ints  # (M, frames) positions in the index; a short sample repeats its last
    lengths: Ints  # (M,) how many of them are its own

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, chosen: Ints | NDArray[np.bool_] | slice) -> "Samples":
        return Samples(self.rows[chosen], self.lengths[chosen])

    @property
    def middle(self) -> Ints:
        """`(M,)` the row in the middle of each sample, which stands for it in tables."""
        return np.asarray(self.rows[np.arange(len(self)), (self.lengths - 1) // 2], np.int64)


def samples_of(index: pd.DataFrame, spec: InputSpec) -> Samples:
    """Cut every track of an index into samples; see `inputs.windows` for the rule.

    Tracks that are too short give none: `too_short` names their videos.
    """
    if spec.frames == 1:
        rows = np.arange(len(index), dtype=np.int64)
        return Samples(rows[:, None], np.ones_like(rows))
    frames = index["frame_index"].to_numpy()
    spans: list[tuple[int, int]] = []
    for first, last in _tracks(index):
        spans += [(first + a, first + b) for a, b in windows(frames[first:last], spec)]
    return Samples(*sample_rows(spans, frames=spec.frames))


def too_short(index: pd.DataFrame, spec: InputSpec) -> pd.Series:
    """Per video key, how many of its tracks are too short to give one sample."""
    frames = index["frame_index"].to_numpy()
    keys = index["video_key"].to_numpy()
    short = [keys[a] for a, b in _tracks(index) if not windows(frames[a:b], spec)]
    return pd.Series(short, dtype=object).value_counts()


def _tracks(index: pd.DataFrame) -> list[tuple[int, int]]:
    """First and last-but-one position of every track; an index is sorted by video and track."""
    if not len(index):
        return []
    codes = pd.factorize(index["video_key"])[0]
    turns = np.flatnonzero(np.diff(codes) | np.diff(index["track"].to_numpy())) + 1
    ends = [0, *turns.tolist(), len(index)]
    return list(pairwise(ends))


def spread(places: Ints, *, count: int) -> Ints:
    """At most `count` of the places, spread evenly from the first to the last."""
    take = np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)
    return np.asarray(places[take], np.int64)
