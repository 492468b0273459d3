"""The audits find what global statistics give away, and nothing where there is nothing."""

import numpy as np
import pytest

from deeptell.forge.shortcuts import (
    CROP_SIZE,
    cut_square,
    face_features,
    grouped_auc,
    held_out_auc,
    measure,
)


def _wave(cycles):
    x = np.arange(CROP_SIZE)
    wave = 120 + 40 * np.sin(2 * np.pi * cycles * x / CROP_SIZE)
    return np.tile(wave[None, :, None], (CROP_SIZE, 1, 3)).astype(np.uint8)


@pytest.mark.parametrize("band", range(8))
def test_a_wave_has_its_power_in_its_own_band(band):
    cycles = (band + 0.5) * CROP_SIZE / 16
    assert face_features(_wave(cycles))[10:18].argmax() == band


def test_colour_moments_are_those_of_the_pixels():
    rng = np.random.default_rng(0)
    crop = rng.gamma(2, 20, (64, 64, 3)).clip(0, 255).astype(np.uint8)
    features, pixels = face_features(crop), crop.reshape(-1, 3).astype(float)
    np.testing.assert_allclose(features[:3], pixels.mean(0))
    np.testing.assert_allclose(features[3:6], pixels.std(0), rtol=1e-5)
    centred = pixels - pixels.mean(0)
    skew = (centred**3).mean(0) / pixels.var(0) ** 1.5
    np.testing.assert_allclose(features[6:9], skew, rtol=1e-5)
    assert features.shape == (19,)


def test_the_square_is_cut_around_the_middle_of_the_box():
    image = np.zeros((300, 300, 3), np.uint8)
    image[100:200, 80:180] = 200
    square = cut_square(image, (80, 100, 180, 200), margin=2.0)
    inner = slice(CROP_SIZE // 4 + 2, 3 * CROP_SIZE // 4 - 2)
    assert (square[inner, inner] == 200).all()
    assert (square[: CROP_SIZE // 4 - 2] == 0).all()


def test_a_video_without_a_face_is_not_measured():
    image = np.zeros((60, 60, 3), np.uint8)
    assert measure([(image, None)], file_bytes=10, seconds=1.0) is None
    features = measure([(image, (10, 10, 30, 30))], file_bytes=1000, seconds=2.0)
    assert features.scene.shape == (9,)
    np.testing.assert_allclose(features.scene[:2], np.log([1000, 4000]))


def test_a_shortcut_is_found_and_noise_is_not():
    rng = np.random.default_rng(0)
    fake = np.tile([False, True], 150)
    held_out = np.arange(300) >= 200
    noise = rng.normal(0, 1, (300, 6))
    leaky = noise + np.outer(fake, [0, 0, 4, 0, 0, 0])
    assert held_out_auc(leaky, fake, held_out) > 0.95
    assert abs(held_out_auc(noise, fake, held_out) - 0.5) < 0.15
    groups = [str(k // 10) for k in range(300)]
    assert grouped_auc(leaky, fake, groups) > 0.95
    assert abs(grouped_auc(noise, fake, groups) - 0.5) < 0.12
