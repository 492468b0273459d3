"""When: the seconds that are reported, for scores of known truth."""

import numpy as np
import pytest

from deeptell.answers import FrameScore
from deeptell.scan.timeline import suspicious_seconds


def scored(times, values):
    return [
        FrameScore(i, float(t), float(v), (0, 0, 9, 9))
        for i, (t, v) in enumerate(zip(times, values, strict=True))
    ]


def found(times, values, *, threshold=0.75, seconds=10.0):
    return suspicious_seconds(scored(times, values), threshold=threshold, seconds=seconds)


def test_the_middle_five_seconds_are_reported_as_exactly_that():
    times = (np.arange(32) + 0.5) / 32 * 10
    ((start, end),) = found(times, np.where((times > 2.5) & (times < 7.5), 0.98, 0.05))
    assert (start, end) == pytest.approx((2.5, 7.5), abs=10 / 32 / 2)


@pytest.mark.parametrize("seed", range(20))
def test_noise_moves_the_ends_by_little(seed):
    rng = np.random.default_rng(seed)
    times = (np.arange(64) + 0.5) / 64 * 10
    z = np.where((times > 2.5) & (times < 7.5), 3.5, -1.5) + rng.normal(0, 1.5, 64)
    stretches = found(times, 1 / (1 + np.exp(-z)))
    inside = sum(max(0, min(end, 7.5) - max(start, 2.5)) for start, end in stretches)
    union = sum(end - start for start, end in stretches) + 5 - inside
    assert inside / union > 0.85


def test_all_of_it_none_of_it_and_single_faces():
    times = np.arange(40) / 4
    assert found(times, np.full(40, 0.9)) == ((0.0, 9.875),)
    assert found(times, np.full(40, 0.9), seconds=9.8) == ((0.0, 9.8),)
    assert found(times, np.full(40, 0.6)) == ()
    values = np.full(40, 0.1)
    values[[5, 20, 21]] = 0.999
    assert found(times, values) == ()
    values = np.full(40, 0.999)
    values[20] = 0.001
    assert found(times, values) == ((0.0, 9.875),)


def test_a_person_who_was_away_has_two_stretches():
    times = np.concatenate([np.arange(8) / 4, 6 + np.arange(8) / 4])
    assert found(times, np.full(16, 0.95)) == ((0.0, 1.875), (5.875, 7.875))


def test_a_picture_and_one_face_of_a_video():
    assert found([0.0], [0.99], seconds=0.0) == ()
    assert found([1.0], [0.99]) == ((1.0, 1.0),)
