"""A portrait whose landmarks are white dots, so that where they went can be seen."""

import cv2
import numpy as np

from deeptell.forge.canvas import LANDMARKS
from deeptell.forge.shot import Portrait
from deeptell.records import Face


def portrait(*, size: float = 120.0, grey: bool = False) -> Portrait:
    """A white dot at every landmark, on a dark picture of smooth noise."""
    side = round(2 * size)
    noise = np.random.default_rng(0).normal(0, 1, (side, side, 3))
    image = np.clip(60 + 80 * cv2.GaussianBlur(noise, (0, 0), 4), 0, 120)
    points = np.array(LANDMARKS) * size + side / 2
    for x, y in points:
        cv2.circle(image, (int(x * 16 - 8), int(y * 16 - 8)), 40, (255, 255, 255), -1, shift=4)
    if grey:
        image[:] = image.mean(axis=2, keepdims=True)
    half = size / 2
    box = (side / 2 - 0.39 * size, side / 2 - half, side / 2 + 0.39 * size, side / 2 + half)
    return Portrait(image.astype(np.uint8), Face(box, tuple(map(tuple, points.tolist())), 1.0))
