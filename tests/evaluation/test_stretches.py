"""Suspicious stretches against all ways there are, and the highest line at which there is one."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeptell.evaluation.metrics import sigmoid
from deeptell.evaluation.scores import ScoreTable
from deeptell.evaluation.stretches import (
    MOST_SAID,
    TURN,
    highest_line,
    standing,
    suspicious,
    turn_of,
)
from deeptell.records import Calibration

logits = st.lists(st.floats(-6, 6), min_size=1, max_size=9)


def worth(states, z, line):
    said = np.clip(np.array(z) - line, -MOST_SAID, MOST_SAID)
    return said[list(states)].sum() - TURN * sum(a != b for a, b in pairwise(states))


@given(logits, st.floats(-4, 4))
def test_no_way_of_sharing_is_better(z, line):
    best = max(worth(states, z, line) for states in product([False, True], repeat=len(z)))
    assert worth(suspicious(z, line), z, line) == pytest.approx(best, abs=1e-9)


@given(logits, st.floats(1e-6, 3))
def test_below_the_highest_line_something_stands_out_and_above_it_nothing(z, off):
    line = highest_line(z)
    assert any(suspicious(z, line - off))
    assert not any(suspicious(z, line + off))
    assert line <= max(z)


def test_more_faces_raise_the_price_of_a_change_by_little():
    assert turn_of(1) == turn_of(32) == TURN
    assert turn_of(320) == pytest.approx(TURN + np.log(10))
    # Ten sure faces are found in a minute as in ten seconds, five only in the shorter one.
    for n, inside, found in ((32, 5, True), (120, 10, True), (120, 5, False)):
        z = np.full(n, -4.0)
        z[10 : 10 + inside] = 6.0
        assert any(suspicious(z, 0.0)) == found


def test_a_video_stands_where_its_worst_stretch_does():
    calm, raised = [-3.0] * 10, [4.0] * 10
    rows = {"a": [(0, calm)], "b": [(0, calm + raised + calm)], "c": [(0, calm), (1, raised)]}
    flat = [(v, t, z) for v, tracks in rows.items() for t, zs in tracks for z in zs]
    videos, tracks, z = zip(*flat, strict=True)
    table = ScoreTable(
        videos=np.array(videos),
        tracks=np.array(tracks),
        groups=np.array(videos),
        methods=np.full(len(flat), "x"),
        labels=np.zeros(len(flat), int),
        logits=np.array(z) / 2,
        calibration=Calibration("temperature", scale=2.0),
    )
    at = standing(table)
    assert at[0] == pytest.approx(sigmoid(-3.0), abs=1e-6)
    # Ten faces, each `4 - line` above it and at most 2, against the price of two changes.
    assert at[1] == pytest.approx(sigmoid(4.0 - 2 * TURN / 10), abs=1e-6)
    assert at[2] == pytest.approx(sigmoid(4.0), abs=1e-6)
    assert (at >= table.pooled().fake_probability - 1e-12).all()
