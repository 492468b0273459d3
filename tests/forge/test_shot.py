"""A portrait that is filmed: where its face goes, and that nothing but light and noise is added."""

from dataclasses import replace

import numpy as np
import pytest
from dotted import portrait

from deeptell.forge.canvas import Canvas, resampled
from deeptell.forge.shot import FACE_PX, Shot, carried


def plain(shot: Shot) -> Shot:
    """The same movement, without light, blur, noise and an encoding."""
    return replace(shot, gain=np.ones(3), gamma=1.0, blur=0.0, noise=0.0, quality=None)


@pytest.mark.parametrize("seed", range(4))
def test_the_face_is_where_its_frames_say(seed: int) -> None:
    made = portrait()
    frames = plain(Shot.draw(np.random.default_rng(seed), frames=4)).film(made)
    for frame in frames:
        height, width = frame.image.shape[:2]
        assert height == width
        assert height % 2 == 0
        assert FACE_PX[0] * 0.97 <= frame.face.size <= 1.1 * made.face.size * 1.03
        for x, y in frame.face.landmarks:  # the white dots, by their centre of mass
            left, top = int(x) - 4, int(y) - 4
            part = frame.image[top : top + 9, left : left + 9].mean(axis=2).astype(float)
            weight = np.clip(part - 130, 0, None)
            rows, columns = np.indices(part.shape)
            found = [(weight * at).sum() / weight.sum() for at in (columns, rows)]
            assert found[0] + left + 0.5 == pytest.approx(x, abs=0.7)
            assert found[1] + top + 0.5 == pytest.approx(y, abs=0.7)


def test_a_grey_portrait_stays_grey_and_a_colourful_one_does_not() -> None:
    shot = Shot.draw(np.random.default_rng(1), frames=2)
    assert all(np.ptp(frame.image, axis=2).max() == 0 for frame in shot.film(portrait(grey=True)))
    assert all(np.ptp(frame.image, axis=2).max() > 5 for frame in shot.film(portrait()))


def test_equal_generators_film_alike_and_others_do_not() -> None:
    shots = [Shot.draw(np.random.default_rng(seed), frames=3) for seed in (5, 5, 6)]
    first, again, other = (shot.film(portrait()) for shot in shots)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, again, strict=True))
    assert first[0].image.shape != other[0].image.shape or not np.array_equal(
        first[0].image, other[0].image
    )


def test_a_carried_face_lies_on_the_same_canvas() -> None:
    face, canvas = portrait().face, Canvas(size=64, extent=0.6)
    turn = np.deg2rad(20)
    cos, sin = 0.7 * np.cos(turn), 0.7 * np.sin(turn)
    moved = np.array([[cos, -sin, 12.0], [sin, cos, -5.0], [0, 0, 1]])
    there = canvas.onto(carried(face, moved))
    np.testing.assert_allclose(there, moved @ canvas.onto(face), atol=0.02)


def test_shrinking_does_not_alias() -> None:
    """Fine stripes become their mean, and not coarse stripes."""
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 200
    small = resampled(stripes, np.diag([4.03, 4.03, 1.0]), (32, 32))
    assert np.ptp(small[2:-2, 2:-2]) < 8
    assert small.mean() == pytest.approx(100, abs=3)
