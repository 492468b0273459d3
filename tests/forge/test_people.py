"""A seed is a person: always the same one, and another one for another seed."""

import numpy as np

from deeptell.forge.head import EXTENT, make_head
from deeptell.forge.people import make_person


def test_a_seed_always_gives_the_same_person_and_another_seed_another():
    assert make_person(5) == make_person(5)
    people = [make_person(seed) for seed in range(30)]
    assert len({person.axes for person in people}) == 30
    assert len({person.skin for person in people}) == 30


def test_people_cover_light_and_dark_skin_and_hair():
    people = [make_person(seed) for seed in range(200)]
    skin = np.array([np.mean(person.skin) for person in people])
    assert skin.min() < 0.12
    assert skin.max() > 0.4
    assert 0.2 < np.mean([person.beard > 0 for person in people]) < 0.5


def test_the_maps_of_a_head_are_what_they_say():
    head = make_head(3)
    make_head.cache_clear()
    again = make_head(3)
    np.testing.assert_array_equal(head.colour, again.colour)
    assert np.isfinite(head.colour).all()
    assert head.colour.min() >= 0
    inner = head.surface[2:-2, 2:-2, :3]
    np.testing.assert_allclose(np.linalg.norm(inner, axis=2), 1, atol=1e-3)
    assert inner[len(inner) // 2, len(inner) // 2, 2] > 0.5  # the middle looks at the camera
    assert 0.1 < head.face.mean() * (2 * EXTENT) ** 2 / np.pi < 1  # part of the front half
