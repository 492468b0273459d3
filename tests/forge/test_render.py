"""Tracing against closed forms: a bare ellipsoid, and points that project where they are seen."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from deeptell.forge.footage import landmarks
from deeptell.forge.head import make_head
from deeptell.forge.motion import Expression, Pose, move, wander
from deeptell.forge.render import Light, facial_cover, project, rotation, shade, trace

SIZE = (200, 220)
STILL = Pose(yaw=0, pitch=0, roll=0, x=110, y=100, scale=50)
TURNED = Pose(yaw=0.4, pitch=-0.15, roll=0.2, x=104.5, y=97.25, scale=47)
LIGHT = Light((0.0, 0.0, 1.0), (0.8, 0.8, 0.8), (0.2, 0.2, 0.2), 0.2, 0.0)


def test_a_bare_skull_is_seen_as_the_ellipse_it_is():
    head = make_head(1)
    bare = replace(head, relief=np.zeros_like(head.relief))
    surface = trace(bare, STILL, SIZE)
    assert surface is not None
    rows, columns = np.mgrid[surface.region]
    x, y = (columns - STILL.x) / STILL.scale, (rows - STILL.y) / STILL.scale
    a, b, _ = head.person.axes
    square = (x / a) ** 2 + (y / b) ** 2
    inside = square < 0.95
    np.testing.assert_allclose(surface.x[inside], x[inside], atol=2e-3)
    np.testing.assert_allclose(surface.depth[inside], np.sqrt(1 - square[inside]), atol=5e-3)
    assert (surface.cover[square < 0.94] == 1).all()
    assert (surface.cover[square > 1.06] == 0).all()


@pytest.mark.parametrize("pose", [STILL, TURNED])
def test_a_point_of_the_face_is_seen_where_it_projects_to(pose):
    head = make_head(4)
    points = landmarks(head.person)[[0, 1, 9, 10, 5, 14, 19]]
    surface = trace(head, pose, SIZE)
    at = (project(head, pose, points) - [surface.left, surface.top]).astype(np.float32)
    for seen, axis in ((surface.x, 0), (surface.y, 1)):
        found = cv2.remap(seen, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR)[0]
        np.testing.assert_allclose(found, points[:, axis], atol=0.05)


def test_turning_right_moves_the_nose_right_and_nodding_moves_it_down():
    nose = np.array([0.0, 0.0, 1.0])
    assert (rotation(replace(STILL, yaw=0.3)) @ nose)[0] > 0
    assert (rotation(replace(STILL, pitch=0.3)) @ nose)[1] > 0
    np.testing.assert_allclose(rotation(TURNED) @ rotation(TURNED).T, np.eye(3), atol=1e-12)


def test_an_expression_changes_the_mouth_and_eyes_and_nothing_else():
    head = make_head(2)
    surface = trace(head, STILL, SIZE)
    rest = shade(head, surface, STILL, Expression(), LIGHT)
    spoken = shade(head, surface, STILL, Expression(jaw=1.0), LIGHT)
    change = np.abs(spoken - rest).max(2) > 0.01
    near = np.abs(surface.y - head.person.mouth_y - 0.08) < 0.6
    assert change.sum() > 100
    assert not change[~near].any()


def test_outside_the_frame_there_is_nothing():
    head = make_head(2)
    assert trace(head, replace(STILL, x=-500), SIZE) is None
    partly = trace(head, replace(STILL, x=0), SIZE)
    assert partly.left == 0
    assert facial_cover(head, partly).max() > 0.9


def test_tracks_are_smooth_and_repeat():
    tracks = [wander(np.random.default_rng(k), 2000, seconds=1.0) for k in range(20)]
    assert 0.7 < np.std(tracks) < 1.3
    assert np.abs(np.diff(tracks)).max() < 0.9
    motions = [move(np.random.default_rng(9), 30, centre=(100, 80), scale=40) for _ in range(2)]
    assert motions[0] == motions[1]
    assert all(0 <= act.blink <= 1 and 0 <= act.jaw <= 1 for act in motions[0].expressions)
