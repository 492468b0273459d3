"""The part of a face that a forgery covers, as a soft mask that five landmarks lay over a picture.

Masks are drawn once, on a canvas that is fixed to the face, and then laid over each frame by its
own landmarks: so the mask of a clip stays the same while the face moves.
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.records import Face

Mask = NDArray[np.float32]
Matrix = NDArray[np.float64]

# Coordinates of a face: the centre of its box is the origin, the box's longer side is 1. Median of
# what MTCNN finds on real and on generated people.
LANDMARKS = ((-0.175, -0.11), (0.175, -0.11), (0.0, 0.116), (-0.14, 0.28), (0.14, 0.28))
CORNERS = ((-0.38, -0.5), (0.38, -0.5), (-0.38, 0.5), (0.38, 0.5))
CANVAS, EXTENT = 128, 0.75  # the canvas shows [-EXTENT, EXTENT] in both directions

# Right halves of outlines, by the proportions of adults: the eyes are 0.35 apart, a face is 2.2
# times as wide, and the chin lies three fifths of the way from eyes to mouth below the mouth.
_JAW = ((0.385, -0.11), (0.375, 0.06), (0.34, 0.22), (0.27, 0.36), (0.15, 0.47), (0.0, 0.51))
_BROWS = ((0.36, -0.20), (0.24, -0.27), (0.10, -0.26))
_FOREHEAD = ((0.33, -0.33), (0.20, -0.45), (0.0, -0.49))
_INNER = ((0.30, -0.08), (0.28, 0.12), (0.23, 0.30), (0.12, 0.40), (0.0, 0.41), (0.26, -0.24))
_LOWER = ((0.33, 0.08), (0.33, 0.24), (0.27, 0.36), (0.15, 0.47), (0.0, 0.51), (0.12, 0.04))
_UPPER = ((0.36, -0.24), (0.37, -0.08), (0.22, 0.02), (0.08, 0.08), (0.10, -0.30))

SHAPES: Mapping[str, Sequence[tuple[float, float]]] = {
    "face": (*_JAW, *_BROWS),
    "face and forehead": (*_JAW, *_FOREHEAD),
    "inner face": _INNER,
    "lower face": _LOWER,
    "eyes and brows": _UPPER,
}
_SHARES = (0.35, 0.25, 0.2, 0.1, 0.1)  # the whole face is what most forgeries replace
_WOBBLE = 0.02  # standard deviation of an outline's points
_BEND, _BENDS = 0.015, 12  # standard deviation of the elastic displacement; knots along a side


def draw_mask(rng: np.random.Generator) -> Mask:
    """Draw a shape, deform it, and soften its rim in two steps: `(CANVAS, CANVAS)` in [0, 1].

    The steps are those of self-blended images (Shiohara and Yamasaki, CVPR 2022): what a first
    blur leaves untouched is blurred again, so that the rim moves inwards by a random amount. They
    start from the hull of 68 or 81 landmarks, which differs from face to face; ours differs by
    the wobble of its points and by a stronger deformation.
    """
    shape = list(SHAPES.values())[rng.choice(len(SHAPES), p=_SHARES)]
    right = np.array(shape)
    outline = np.concatenate([right, right * [-1, 1]])
    hard = _bent(_filled(outline + rng.normal(0, _WOBBLE, outline.shape)), rng)
    # Windows as wide as theirs beside the face; theirs are 5 to 25 on a canvas of 192 to 256.
    first, second = (int(size) for size in 2 * rng.integers(1, 8, 2) + 1)
    core = (cv2.GaussianBlur(hard, (first, first), 0) > 0.999).astype(np.float32)
    # So wide a Gaussian in so small a window is all but a mean over the window.
    soft = cv2.GaussianBlur(core, (second, second), rng.uniform(3, 27))
    return np.asarray(soft / max(float(soft.max()), 1e-6), np.float32)


def _filled(points: Matrix) -> Mask:
    """The convex hull of points of the face, 0 or 1."""
    hull = cv2.convexHull(_on_canvas(points).astype(np.float32))
    filled = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.fillConvexPoly(filled, (hull * 16).round().astype(np.int32), 1, shift=4)
    return filled.astype(np.float32)


def _bent(mask: Mask, rng: np.random.Generator) -> Mask:
    """Elastic deformation: random displacements of a few knots, smooth in between."""
    knots = rng.normal(0, _BEND * CANVAS / (2 * EXTENT), (2, _BENDS, _BENDS)).astype(np.float32)
    rows, columns = np.indices(mask.shape, np.float32)
    dx, dy = (cv2.resize(way, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC) for way in knots)
    return np.asarray(cv2.remap(mask, columns + dx, rows + dy, cv2.INTER_LINEAR), np.float32)


def _on_canvas(points: Matrix) -> Matrix:
    """Coordinates of a face as pixels of the canvas, counted from the centre of the first."""
    return (points + EXTENT) * CANVAS / (2 * EXTENT) - 0.5


def canvas_to_picture(face: Face) -> Matrix:
    """The affine map `(2, 3)` from pixels of the canvas to those of the picture that shows a face.

    It fits the five landmarks and the box, turned as the landmarks are, by least squares. The box
    tells where a head that is turned away ends, when eyes, nose and mouth all lie to one side; so
    a face in profile, whose landmarks lie on a line, has a mask, too. Only the box's centre and
    longer side count: the shape of boxes differs between detectors.
    """
    x1, y1, x2, y2 = face.box_xyxy
    corners = np.array(CORNERS) @ _roll(face).T * face.size + [(x1 + x2) / 2, (y1 + y2) / 2]
    here = np.concatenate([np.array(face.landmarks), corners])
    there = _on_canvas(np.array([*LANDMARKS, *CORNERS]))
    known = np.column_stack([there, np.ones(len(there))])
    # OpenCV counts from the centre of the first pixel, our landmarks from its corner.
    fitted, *_ = np.linalg.lstsq(known, here - 0.5, rcond=None)
    return np.asarray(fitted.T, np.float64)


def _roll(face: Face) -> Matrix:
    """The rotation `(2, 2)` of an upright face to this one, in the plane of the picture."""
    left_eye, right_eye, _, left_mouth, right_mouth = np.array(face.landmarks)
    across = right_eye - left_eye + right_mouth - left_mouth
    down = left_mouth + right_mouth - left_eye - right_eye
    # Down is across after a quarter turn; one of them may vanish, in profile or seen from above.
    angle = np.arctan2(across[1] - down[0], across[0] + down[1])
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
