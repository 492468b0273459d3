"""Cuts are found; flashes, pans and shaking are none."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from deeptell.faces.shots import split_shots
from deeptell.records import Frame, Image


@dataclass
class Drawn:
    """A `RawFrame` made of a picture."""

    frame_index: int
    image: Image

    @property
    def pts_seconds(self) -> float:
        return self.frame_index / 25

    def frame(self) -> Frame:
        return Frame(self.image, self.frame_index, self.pts_seconds)

    def thumbnail(self, side: int) -> Image:
        return cv2.resize(self.image, (side, side), interpolation=cv2.INTER_AREA)


def scene(seed: int, *, width: int = 160) -> Image:
    """A place: smooth coloured patches, 96 px high."""
    coarse = np.random.default_rng(seed).integers(20, 235, (5, width // 20, 3), np.uint8)
    return cv2.resize(coarse, (width, 96), interpolation=cv2.INTER_CUBIC)


def noisy(image: Image, seed: int) -> Image:
    noise = np.random.default_rng(seed).normal(0, 4, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def starts(images: list[Image]) -> list[int]:
    passed = list(split_shots(Drawn(i, image) for i, image in enumerate(images)))
    assert [frame.raw.frame_index for frame in passed] == list(range(len(images)))
    firsts = [frame.raw.frame_index for frame in passed if frame.first]
    for frame, after in zip(passed, [*passed[1:], None], strict=True):
        ends = after is None or after.first
        assert frame.next_seconds == (None if ends else after.raw.pts_seconds)
        assert frame.shot == sum(first <= frame.raw.frame_index for first in firsts) - 1
    return firsts


def test_cuts_begin_new_shots() -> None:
    images = [noisy(scene(1 if i < 10 else 2 if i < 14 else 3), i) for i in range(25)]
    assert starts(images) == [0, 10, 14]


def test_a_cut_is_found_among_moving_pictures() -> None:
    wide = [scene(4, width=600), scene(5, width=600)]
    images = [wide[i >= 12][:, 3 * i : 3 * i + 160] for i in range(24)]
    assert starts(images) == [0, 12]


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(length: int) -> None:
    images = [noisy(scene(1), i) for i in range(20)]
    for i in range(9, 9 + length):
        images[i] = np.clip(images[i].astype(int) + 150, 0, 255).astype(np.uint8)
    assert starts(images) == [0]


def test_a_fast_pan_is_no_cut() -> None:
    wide = scene(6, width=1200)
    images = [wide[:, 20 * i : 20 * i + 160] for i in range(40)]
    assert starts(images) == [0]


def test_a_fade_and_a_shaking_camera_are_no_cuts() -> None:
    rng = np.random.default_rng(0)
    wide = scene(7, width=200)
    places = rng.integers(0, 12, 30)
    shaken = [wide[:, x : x + 160] for x in places]
    faded = [(image * (1 - i / 40)).astype(np.uint8) for i, image in enumerate(shaken)]
    assert starts(faded) == [0]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_videos(count: int) -> None:
    assert starts([scene(1)] * count) == [0]
