"""Tables of scores, pooled by their definition."""

import numpy as np
import pytest

from deeptell.errors import DataError
from deeptell.evaluation.metrics import sigmoid
from deeptell.evaluation.scores import ScoreTable
from deeptell.records import Calibration


def table(**columns):
    """Two pairs: a real and a fake each; the fake of pair b has a second, untouched person."""
    rows = [
        ("r-a", 0, "a", "", 0, -2.0, 100.0, 1.0),
        ("r-a", 0, "a", "", 0, -4.0, 110.0, 1.2),
        ("f-a", 0, "a", "Deepfakes", 1, 1.0, 50.0, 2.0),
        ("f-a", 0, "a", "Deepfakes", 1, 3.0, np.nan, np.nan),
        ("r-b", 0, "b", "", 0, -1.0, 40.0, 3.0),
        ("f-b", 0, "b", "FaceSwap", 1, -3.0, 40.0, 3.0),
        ("f-b", 1, "b", "FaceSwap", 1, 5.0, 200.0, 4.0),
        ("f-b", 1, "b", "FaceSwap", 1, 1.0, 220.0, 4.4),
    ]
    names = ("videos", "tracks", "groups", "methods", "labels", "logits", "face_px", "quality")
    whole = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
    return ScoreTable(**whole | {"compressions": np.array("c23")} | columns)


def test_a_track_is_the_mean_of_its_frames() -> None:
    tracks = table().by_track()
    assert tracks.videos.tolist() == ["f-a", "f-b", "f-b", "r-a", "r-b"]
    assert tracks.tracks.tolist() == [0, 0, 1, 0, 0]
    assert tracks.logits.tolist() == [2, -3, 3, -3, -1]
    assert tracks.face_px.tolist() == [50, 40, 210, 105, 40]
    far = table(distances=np.arange(8.0))
    assert far.by_track().distances.tolist() == [2.5, 5, 6.5, 0.5, 4]
    assert far.pooled().distances.tolist() == [2.5, 6.5, 0.5, 4]
    nearer = table(distances=7 - np.arange(8.0))  # the highest track is not the farthest
    assert nearer.pooled().distances.tolist() == [4.5, 2, 6.5, 3]
    assert np.isnan(table().pooled().distances).all()


def test_a_video_is_its_highest_track_and_its_size_the_median_of_its_frames() -> None:
    videos = table().pooled()
    assert videos.videos.tolist() == ["f-a", "f-b", "r-a", "r-b"]
    assert videos.logits.tolist() == [2, 3, -3, -1]
    assert videos.tracks.tolist() == [0, 1, 0, 0]
    assert videos.labels.tolist() == [1, 1, 0, 0]
    assert videos.face_px.tolist() == [50, 200, 105, 40]
    assert videos.quality.tolist() == [2, 4, 1.1, 3]
    assert set(videos.compressions) == {"c23"}


def test_of_equal_tracks_the_first_decides() -> None:
    assert table(logits=np.zeros(8)).pooled().tracks.tolist() == [0, 0, 0, 0]


def test_probabilities_are_calibrated_after_pooling() -> None:
    calibration = Calibration("platt", scale=0.5, shift=1.0)
    videos = table(calibration=calibration).pooled()
    np.testing.assert_allclose(videos.fake_probability, sigmoid(0.5 * videos.logits + 1))
    np.testing.assert_allclose(table().fake_probability, sigmoid(table().logits))


def test_what_is_not_known_may_be_left_out() -> None:
    known = ("videos", "tracks", "groups", "methods", "labels", "logits")
    bare = ScoreTable(**{name: getattr(table(), name) for name in known})
    assert np.isnan(bare.pooled().face_px).all()
    assert bare.rows(np.array([2, 3])).compressions.tolist() == ["", ""]


def test_bad_tables_are_refused() -> None:
    with pytest.raises(DataError, match="equally long"):
        table(logits=np.zeros(2))
    with pytest.raises(DataError, match="'r-a' disagree about its labels"):
        table(labels=np.array([0, 1, 1, 1, 0, 1, 1, 1])).pooled()
    with pytest.raises(DataError, match="'f-b' disagree about its compressions"):
        table(compressions=np.array(["c23"] * 7 + ["c40"])).by_track()
    with pytest.raises(DataError, match="finite"):
        table(logits=np.array([np.nan] * 8)).pooled()
