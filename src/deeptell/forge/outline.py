"""The part of a face that a forgery covers, as a soft mask that five landmarks lay over a picture.

Masks are drawn once, on a canvas that is fixed to the face, and then laid over each frame by its
own landmarks: so the mask of a clip stays the same while the face moves.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.forge.canvas import Canvas, Matrix

Mask = NDArray[np.float32]

MASKS = Canvas(size=128, extent=0.75)  # what masks are drawn on

# Right halves of outlines, by the proportions of adults: the eyes are 0.35 apart, a face is 2.2
# times as wide, and the chin lies three fifths of the way from eyes to mouth below the mouth.
_JAW = ((0.385, -0.11), (0.375, 0.06), (0.34, 0.22), (0.27, 0.36), (0.15, 0.47), (0.0, 0.51))
_BROWS = ((0.36, -0.20), (0.24, -0.27), (0.10, -0.26))
_FOREHEAD = ((0.33, -0.33), (0.20, -0.45), (0.0, -0.49))
_INNER = ((0.30, -0.08), (0.28, 0.12), (0.23, 0.30), (0.12, 0.40), (0.0, 0.41), (0.26, -0.24))
_LOWER = ((0.33, 0.08), (0.33, 0.24), (0.27, 0.36), (0.15, 0.47), (0.0, 0.51), (0.12, 0.04))
_UPPER = ((0.36, -0.24), (0.37, -0.08), (0.22, 0.02), (0.08, 0.08), (0.10, -0.30))
_MOUTH = ((0.20, 0.22), (0.21, 0.30), (0.13, 0.38), (0.0, 0.40), (0.10, 0.17), (0.0, 0.16))
_EYES = ((0.29, -0.17), (0.31, -0.10), (0.24, -0.03), (0.06, -0.05), (0.08, -0.18))

SHAPES: Mapping[str, Sequence[tuple[float, float]]] = {
    "face": (*_JAW, *_BROWS),
    "face and forehead": (*_JAW, *_FOREHEAD),
    "inner face": _INNER,
    "lower face": _LOWER,
    "eyes and brows": _UPPER,
}
_SHARES = (0.35, 0.25, 0.2, 0.1, 0.1)  # the whole face is what most forgeries replace
PARTS: Mapping[str, Sequence[tuple[float, float]]] = {"mouth": _MOUTH, "eyes": _EYES}
_WOBBLE = 0.02  # standard deviation of an outline's points
_BEND, _BENDS = 0.015, 12  # standard deviation of the elastic displacement; knots along a side


def draw_mask(rng: np.random.Generator, *, part: str | None = None) -> Mask:
    """Draw a shape, deform it, and soften its rim in two steps: `(128, 128)` in [0, 1], on `MASKS`.

    The steps are those of self-blended images (Shiohara and Yamasaki, CVPR 2022): what a first
    blur leaves untouched is blurred again, so that the rim moves inwards by a random amount. They
    start from the hull of 68 or 81 landmarks, which differs from face to face; ours differs by
    the wobble of its points and by a stronger deformation.

    Args:
        part: a name of `PARTS`; None draws one of `SHAPES`.
    """
    drawn = list(SHAPES.values())[rng.choice(len(SHAPES), p=_SHARES)]
    right = np.array(PARTS[part] if part else drawn)
    outline = np.concatenate([right, right * [-1, 1]])
    hard = _bent(_filled(outline + rng.normal(0, _WOBBLE, outline.shape)), rng)
    # Windows as wide as theirs beside the face; theirs are 5 to 25 on a canvas of 192 to 256.
    first, second = (int(size) for size in 2 * rng.integers(1, 4 if part else 8, 2) + 1)
    core = (cv2.GaussianBlur(hard, (first, first), 0) > 0.999).astype(np.float32)
    # So wide a Gaussian in so small a window is all but a mean over the window.
    soft = cv2.GaussianBlur(core, (second, second), rng.uniform(3, 27))
    return np.asarray(soft / max(float(soft.max()), 1e-6), np.float32)


def _filled(points: Matrix) -> Mask:
    """The convex hull of points of the face, 0 or 1."""
    hull = cv2.convexHull(MASKS.pixels(points).astype(np.float32))
    filled = np.zeros((MASKS.size, MASKS.size), np.uint8)
    cv2.fillConvexPoly(filled, (hull * 16).round().astype(np.int32), 1, shift=4)
    return filled.astype(np.float32)


def _bent(mask: Mask, rng: np.random.Generator) -> Mask:
    """Elastic deformation: random displacements of a few knots, smooth in between."""
    spread = _BEND * MASKS.size / (2 * MASKS.extent)
    knots = rng.normal(0, spread, (2, _BENDS, _BENDS)).astype(np.float32)
    rows, columns = np.indices(mask.shape, np.float32)
    size = (MASKS.size, MASKS.size)
    dx, dy = (cv2.resize(way, size, interpolation=cv2.INTER_CUBIC) for way in knots)
    return np.asarray(cv2.remap(mask, columns + dx, rows + dy, cv2.INTER_LINEAR), np.float32)
