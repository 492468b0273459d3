"""Stored faces become samples: frames that follow each other, or sequences with a length."""

import numpy as np
import pandas as pd
import pytest

from deeptell.data.samples import keys_of, places, samples_of, spread, too_short
from deeptell.inputs import InputSpec


def index(*tracks: tuple[str, int, list[int]]) -> pd.DataFrame:
    rows = [(key, track, frame) for key, track, frames in tracks for frame in frames]
    return pd.DataFrame(rows, columns=["video_key", "track", "frame_index"])


TWO = index(
    ("a", 0, [0, 1, 2, 3, 4, 5, 6]),
    ("a", 1, [0, 1]),
    ("b", 0, [3, 4, 5, 9, 10, 11, 12]),
    ("c", 0, [2]),
)


def test_single_faces() -> None:
    samples = samples_of(TWO, InputSpec(size=16))
    assert samples.rows.tolist() == [[i] for i in range(17)]
    assert samples.lengths.tolist() == [1] * 17


def test_clips_are_truly_consecutive_frames_of_one_track() -> None:
    samples = samples_of(TWO, InputSpec(size=16, frames=3))
    taken = TWO["frame_index"].to_numpy()[samples.rows]
    assert taken.tolist() == [[0, 1, 2], [3, 4, 5], [3, 4, 5], [9, 10, 11]]
    for row in samples.rows:
        assert len(TWO.iloc[row][["video_key", "track"]].drop_duplicates()) == 1
    assert samples.lengths.tolist() == [3] * 4
    assert TWO["video_key"].to_numpy()[samples.middle].tolist() == ["a", "a", "b", "b"]


def test_tracks_too_short_for_a_clip_are_counted_and_named() -> None:
    assert too_short(TWO, InputSpec(size=16, frames=3)).to_dict() == {"a": 1, "c": 1}
    assert too_short(TWO, InputSpec(size=16, frames=3, consecutive=False)).empty


def test_sequences_share_a_track_evenly_and_know_their_length() -> None:
    samples = samples_of(TWO, InputSpec(size=16, frames=5, consecutive=False))
    assert samples.rows.tolist() == [
        [0, 1, 2, 3, 3],
        [4, 5, 6, 6, 6],
        [7, 8, 8, 8, 8],
        [9, 10, 11, 12, 12],
        [13, 14, 15, 15, 15],
        [16, 16, 16, 16, 16],
    ]
    assert samples.lengths.tolist() == [4, 3, 2, 4, 3, 1]


@pytest.mark.parametrize("kind", ["str", "category"])
def test_which_samples_are_of_which_video(kind: str) -> None:
    table = TWO.astype({"video_key": kind})
    if kind == "category":  # a store's index knows videos without a face as well
        known = ["a", "aa", "b", "c", "d"]
        table["video_key"] = table["video_key"].cat.set_categories(known)
    samples = samples_of(table, InputSpec(size=16, frames=3))
    keys, spans = places(table, samples)
    assert keys.tolist() == ["a", "b"]
    assert spans.tolist() == [[0, 2], [2, 4]]
    assert keys_of(table, samples.middle).tolist() == ["a", "a", "b", "b"]
    assert too_short(table, InputSpec(size=16, frames=3)).to_dict() == {"a": 1, "c": 1}


def test_an_empty_store() -> None:
    for spec in (InputSpec(size=16), InputSpec(size=16, frames=3)):
        samples = samples_of(TWO.iloc[:0], spec)
        assert len(samples) == 0
        assert len(places(TWO.iloc[:0], samples)[0]) == 0


@pytest.mark.parametrize(("have", "count"), [(9, 3), (2, 3), (1, 1), (25, 10)])
def test_spread_reaches_from_end_to_end(have: int, count: int) -> None:
    chosen = spread(np.arange(have), count=count)
    assert len(set(chosen.tolist())) == min(have, count)
    assert chosen[0] == 0
    if count > 1:
        assert chosen[-1] == have - 1
        assert np.ptp(np.diff(chosen)) <= 1
