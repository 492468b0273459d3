"""What can happen to a single picture: each function takes a strength and gives a change.

`media.corrupt.CORRUPTIONS` says what the strengths are. The seed stands for the video.
What is drawn anew in every frame is drawn from its time too, so that a frame that is asked for
twice looks the same twice.
"""

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.records import Image

Change = Callable[[Image, float], Image]  # an RGB picture, and the second it is of

_MIDDLE_GREY = 128
_LEVELS = np.repeat(np.arange(256.0)[:, None], 3, axis=1)  # (256, 3)
_BARS = 3  # of an occlusion, across the picture
_BAR_SECONDS = 2.0  # in which a bar moves to where the next one was


def jpeg(quality: float, seed: int) -> Change:
    def change(image: Image, seconds: float) -> Image:
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
        decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert decoded is not None  # it was written a line above
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)

    return change


def downscale(times: float, seed: int) -> Change:
    def change(image: Image, seconds: float) -> Image:
        height, width = image.shape[:2]
        size = (max(1, round(width / times)), max(1, round(height / times)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        back = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(back, np.uint8)

    return change


def blur(sigma: float, seed: int) -> Change:
    def change(image: Image, seconds: float) -> Image:
        return np.asarray(
            cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8
        )

    return change


def noise(sigma: float, seed: int) -> Change:
    def change(image: Image, seconds: float) -> Image:
        rng = np.random.default_rng((seed, round(1e4 * seconds)))
        noisy = rng.standard_normal(image.shape, np.float32)
        noisy *= np.float32(sigma)
        noisy += image
        return _as_levels(noisy)

    return change


def _as_levels(values: NDArray[np.floating]) -> Image:
    levels: Image = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return levels


def _by_table(tables: NDArray[np.floating]) -> Change:
    """Give each level another one: `(256, 3)`, for red, green and blue."""
    table = _as_levels(tables)[None]

    def change(image: Image, seconds: float) -> Image:
        return np.asarray(cv2.LUT(image, table), np.uint8)

    return change


def brightness(levels: float, seed: int) -> Change:
    return _by_table(_LEVELS + levels * _either_way(seed))


def contrast(kept: float, seed: int) -> Change:
    return _by_table(_MIDDLE_GREY + kept * (_LEVELS - _MIDDLE_GREY))


def colour_cast(share: float, seed: int) -> Change:
    warmer = share * _either_way(seed)
    return _by_table(_LEVELS * (1 + warmer, 1, 1 - warmer))


def _either_way(seed: int) -> int:
    """1 for one half of the videos, -1 for the other."""
    return 1 if np.random.default_rng(seed).random() < 0.5 else -1


def occlusion(covered: float, seed: int) -> Change:
    """Opaque bars of one colour move across the picture, side by side.

    Where the face is nobody knows before it was found; a grid of bars covers the same share of
    every face that is not small against the picture, wherever it is.
    """
    rng = np.random.default_rng(seed)
    angle, start = 2 * math.pi * rng.random(), rng.random()
    colour = rng.integers(20, 236, 3).astype(np.uint8)

    def change(image: Image, seconds: float) -> Image:
        height, width = image.shape[:2]
        across = math.cos(angle) * (np.arange(width, dtype=np.float32) + 0.5) / width
        down = math.sin(angle) * (np.arange(height, dtype=np.float32) + 0.5) / height
        place = _BARS * (across[None, :] + down[:, None]) + start + seconds / _BAR_SECONDS
        hidden = image.copy()
        hidden[place % 1 < covered] = colour
        return hidden

    return change
