"""The four forgeries: they change what the mask says and nothing else, and repeat."""

import numpy as np
import pytest

from deeptell.forge.blending import make_grain, match_colour, match_detail
from deeptell.forge.clip import make_clip
from deeptell.forge.footage import look_at, shoot
from deeptell.forge.manipulations import MANIPULATIONS
from deeptell.forge.render import facial_cover
from deeptell.forge.warp import thin_plate

FRAMES = 3


@pytest.fixture(scope="module")
def pair():
    clips = [make_clip(seed, FRAMES) for seed in (11, 12)]
    return tuple(look_at(clip, shoot(clip)) for clip in clips)


@pytest.mark.parametrize("method", MANIPULATIONS)
def test_only_the_masked_part_of_the_face_changes(pair, method):
    target, source = pair
    forged = list(MANIPULATIONS[method](target, source, np.random.default_rng(0)))
    assert len(forged) == FRAMES
    for (image, mask), original, surface in zip(
        forged, target.images, target.surfaces, strict=True
    ):
        assert (image.dtype, image.shape) == (np.uint8, original.shape)
        assert set(np.unique(mask)) == {0, 255}
        change = np.abs(image.astype(int) - original).max(2)
        face, head = np.zeros(mask.shape), np.zeros(mask.shape)
        face[surface.region] = facial_cover(target.head, surface)
        head[surface.region] = surface.cover
        # What is mixed in by less than a tenth lies outside the mask, and is hardly seen.
        assert change[mask == 0].max() <= 12
        assert (change[mask > 0] > 2).mean() > 0.3
        assert (head[mask > 0] > 0.2).all()
        if method == "NeuralTextures":
            assert (mask > 0).sum() < 0.5 * (face > 0.5).sum()


@pytest.mark.parametrize("method", MANIPULATIONS)
def test_equal_seeds_forge_equal_frames_and_others_do_not(pair, method):
    target, source = pair
    first, again, other = (
        list(MANIPULATIONS[method](target, source, np.random.default_rng(seed)))
        for seed in (1, 1, 2)
    )
    for k in range(FRAMES):
        np.testing.assert_array_equal(first[k][0], again[k][0])
    assert (first[0][0] != other[0][0]).any()


def test_a_thin_plate_takes_points_to_points_and_keeps_an_affine_map():
    rng = np.random.default_rng(0)
    here = rng.uniform(0, 200, (15, 2))
    turned = here @ np.array([[0.9, 0.2], [-0.1, 1.1]]) + [5, -3]
    elsewhere = rng.uniform(0, 200, (40, 2))
    expected = elsewhere @ np.array([[0.9, 0.2], [-0.1, 1.1]]) + [5, -3]
    np.testing.assert_allclose(thin_plate(here, turned, elsewhere), expected, atol=1e-6)
    bent = turned + rng.normal(0, 4, here.shape)
    assert np.abs(thin_plate(here, bent, here) - bent).max() < 0.1


def test_colours_and_detail_agree_inside_the_mask_afterwards():
    rng = np.random.default_rng(0)
    mask = np.zeros((90, 100), np.float32)
    mask[20:70, 20:80] = 1
    reference = rng.normal(120, 8, (90, 100, 3)).astype(np.float32)
    patch = rng.normal(100, 10, (90, 100, 3)).astype(np.float32)
    matched = match_colour(patch, reference, mask)
    inside = mask == 1
    np.testing.assert_allclose(matched[inside].mean(0), reference[inside].mean(0), atol=1e-2)
    np.testing.assert_allclose(matched[inside].std(0), reference[inside].std(0), rtol=0.15)
    nothing = np.zeros_like(mask)
    flat = np.full_like(patch, 120)
    grain = make_grain(rng, (100, 100))
    for wanted in (1.0, 0.5):
        rich = match_detail(
            flat,
            reference,
            mask,
            nothing,
            grain,
            noise=[0] * 5,
            crispness=[wanted] * 5,
        )
        assert rich[inside].std() == pytest.approx(wanted * reference[inside].std(), rel=0.2)
