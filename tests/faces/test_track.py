"""Hand-made detections become the tracks that a person would draw."""

import numpy as np
import pytest

from deeptell.faces.track import Tracker, face_at
from deeptell.records import Face, TrackedFace


def face(x: float, y: float = 50, size: float = 40, score: float = 0.99) -> Face:
    """A face around (x, y)."""
    half = size / 2
    marks = tuple(
        (x + dx * half, y + dy * half)
        for dx, dy in [(-0.4, -0.3), (0.4, -0.3), (0, 0), (-0.3, 0.5), (0.3, 0.5)]
    )
    return Face((x - half, y - half, x + half, y + half), marks, score)


def follow(pictures: list[list[Face]], *, shots: list[int] | None = None) -> Tracker:
    """One searched picture every 0.2 s, five frames apart."""
    tracker = Tracker()
    for number, faces in enumerate(pictures):
        shot = shots[number] if shots else 0
        tracker.update(faces, shot=shot, frame_index=5 * number, pts_seconds=0.2 * number)
    return tracker


def paths(tracker: Tracker) -> list[list[float]]:
    return [
        [round((t.face.box_xyxy[0] + t.face.box_xyxy[2]) / 2) for t in track.detections]
        for track in tracker.kept()
    ]


def test_two_people_stay_two_tracks_however_they_are_listed() -> None:
    rng = np.random.default_rng(0)
    pictures = []
    for i in range(10):
        pair = [face(100 + 6 * i), face(300 - 6 * i)]
        pictures.append(pair if rng.random() < 0.5 else pair[::-1])
    assert paths(follow(pictures)) == [
        [100 + 6 * i for i in range(10)],
        [300 - 6 * i for i in range(10)],
    ]


def test_neighbours_are_not_confused_when_one_is_missed() -> None:
    pictures = [[face(100), face(150)], [face(152)], [face(104), face(154)], [face(106), face(156)]]
    assert paths(follow(pictures)) == [[100, 104, 106], [150, 152, 154, 156]]


def test_a_longer_gap_begins_a_new_track() -> None:
    seen = [[face(100)]] * 3
    assert len(paths(follow([*seen, [], *seen]))) == 1
    assert len(paths(follow([*seen, [], [], *seen]))) == 2


def test_a_cut_splits_a_track() -> None:
    tracker = follow([[face(100)]] * 6, shots=[0, 0, 0, 1, 1, 1])
    assert [track.shot for track in tracker.kept()] == [0, 1]


@pytest.mark.parametrize("other", [face(150, 50), face(100, 50, size=90)])
def test_a_face_elsewhere_or_of_another_size_is_another(other: Face) -> None:
    assert len(follow([[face(100)]] * 4 + [[other]] * 4).kept()) == 2


def test_tracks_seen_too_rarely_are_dropped() -> None:
    ghost = [[face(100), *([face(300)] if i in (4, 5) else [])] for i in range(10)]
    assert paths(follow(ghost)) == [[100] * 10]
    assert follow(ghost).count() == 2
    # In a short shot two of three are enough, and one of one.
    assert len(follow([[face(1)], [face(1)], []]).kept()) == 1
    assert len(follow([[face(1)]]).kept()) == 1
    assert follow([[], [], [face(1)]]).kept() == []


def test_tracks_are_numbered_as_they_appear_from_left_to_right() -> None:
    late = [[face(300), face(200)]] * 2 + [[face(300), face(50), face(200)]] * 4
    assert [path[0] for path in paths(follow(late))] == [200, 300, 50]


def test_faces_between_detections_are_interpolated_in_time() -> None:
    tracked = [
        TrackedFace(0, 0.0, face(100, size=40, score=0.95), True),
        TrackedFace(4, 1.0, face(200, 90, size=60, score=0.99), True),
    ]
    between = face_at(tracked, 1, 0.25)  # a variable frame rate: time counts, not the number
    assert between is not None
    assert not between.detected
    np.testing.assert_allclose(between.face.box_xyxy, (102.5, 37.5, 147.5, 82.5))
    np.testing.assert_allclose(
        between.face.landmarks,
        0.75 * np.array(tracked[0].face.landmarks) + 0.25 * np.array(tracked[1].face.landmarks),
    )
    assert between.face.score == 0.95
    assert face_at(tracked, 4, 1.0) is tracked[1]
    assert face_at(tracked, 5, 1.2) is None
    assert face_at([], 0, 0.0) is None


def test_a_closed_track_holds_detections_and_what_was_cut() -> None:
    (track,) = follow([[face(100)], [face(110)], [face(120)]]).kept()
    for index in (0, 2, 5, 7):
        seen = track.face_at(index, 0.04 * index)
        assert seen is not None
        track.cut.append(seen)
    closed = track.closed(3)
    assert closed.track == 3
    assert [tracked.frame_index for tracked in closed.faces] == [0, 2, 5, 7, 10]
    assert [tracked.detected for tracked in closed.faces] == [True, False, True, False, True]
