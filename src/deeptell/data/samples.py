"""Stored faces become samples of the length a model takes."""

from dataclasses import dataclass

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
        if self.rows.shape[1] == 1:
            return self.rows[:, 0]
        return np.asarray(self.rows[np.arange(len(self)), (self.lengths - 1) // 2], np.int64)


def samples_of(index: pd.DataFrame, spec: InputSpec) -> Samples:
    """Cut every track of an index into samples; see `inputs.windows` for the rule.

    Tracks that are too short give none: `too_short` names their videos.
    """
    if spec.frames == 1:
        rows = np.arange(len(index), dtype=np.int64)
        return Samples(rows[:, None], np.ones_like(rows))
    spans = windows(index["frame_index"].to_numpy(), spec, tracks=_tracks(index))
    return Samples(*sample_rows(spans, frames=spec.frames))


def too_short(index: pd.DataFrame, spec: InputSpec) -> pd.Series:
    """Per video key, how many of its tracks are too short to give one sample."""
    tracks = _tracks(index)
    spans = windows(index["frame_index"].to_numpy(), spec, tracks=tracks)
    sampled = np.searchsorted(tracks, spans[:, 0], side="right") - 1
    short = np.delete(tracks, np.unique(sampled))
    return pd.Series(keys_of(index, short), dtype=object).value_counts()


def keys_of(index: pd.DataFrame, rows: Ints) -> "pd.Index[str]":
    """The video keys of some rows of an index."""
    codes, keys = video_codes(index)
    return keys.take(codes[rows])


def video_codes(index: pd.DataFrame) -> tuple[NDArray[np.integer], "pd.Index[str]"]:
    """`(n,)` the number of each row's video, ascending, and the keys that are counted by it."""
    keys = pd.Categorical(index["video_key"])
    return keys.codes, keys.categories


def places(index: pd.DataFrame, samples: Samples) -> tuple["pd.Index[str]", Ints]:
    """Which samples are of which video.

    Returns:
        The video keys that have a sample, sorted, and `(V, 2)` the first sample of each and that
        after its last.
    """
    codes, keys = video_codes(index)
    of = codes[samples.rows[:, 0]]
    starts = np.flatnonzero(_turns(of))
    ends = np.append(starts, len(of))[1:]
    return keys.take(of[starts]), np.column_stack([starts, ends])


def _tracks(index: pd.DataFrame) -> Ints:
    """Where each track begins; an index is sorted by video and track."""
    return np.flatnonzero(_turns(video_codes(index)[0]) | _turns(index["track"].to_numpy()))


def _turns(values: NDArray[np.integer]) -> NDArray[np.bool_]:
    """`(n,)` where a value differs from the one before; the first does."""
    turns = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=turns[1:])
    return turns


def spread(places: Ints, *, count: int) -> Ints:
    """At most `count` of the places, spread evenly from the first to the last."""
    take = np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)
    return np.asarray(places[take], np.int64)
