"""A square picture that is fixed to a face, and the way between it and pictures of that face."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.records import Face

Matrix = NDArray[np.float64]

# Coordinates of a face: the centre of its box is the origin, the box's longer side is 1. Median of
# what MTCNN finds on real and on generated people.
LANDMARKS = ((-0.175, -0.11), (0.175, -0.11), (0.0, 0.116), (-0.14, 0.28), (0.14, 0.28))
CORNERS = ((-0.38, -0.5), (0.38, -0.5), (-0.38, 0.5), (0.38, 0.5))


@dataclass(frozen=True, slots=True)
class Canvas:
    """`size` pixels along each side show [-extent, extent] of the coordinates of a face."""

    size: int
    extent: float

    def pixels(self, points: Matrix) -> Matrix:
        """Coordinates of a face as pixels of the canvas, counted from the centre of the first."""
        return (points + self.extent) * self.size / (2 * self.extent) - 0.5

    def onto(self, face: Face) -> Matrix:
        """The affine map `(3, 3)` from pixels of the canvas to those of a picture with the face.

        It fits the five landmarks and the box, turned as the landmarks are, by least squares. The
        box tells where a head that is turned away ends, when eyes, nose and mouth all lie to one
        side; so a face in profile, whose landmarks lie on a line, has a canvas, too. Only the
        box's centre and longer side count: the shape of boxes differs between detectors.
        """
        x1, y1, x2, y2 = face.box_xyxy
        corners = np.array(CORNERS) @ roll(face).T * face.size + [(x1 + x2) / 2, (y1 + y2) / 2]
        here = np.concatenate([np.array(face.landmarks), corners])
        there = self.pixels(np.array([*LANDMARKS, *CORNERS]))
        known = np.column_stack([there, np.ones(len(there))])
        # OpenCV counts from the centre of the first pixel, our landmarks from its corner.
        fitted, *_ = np.linalg.lstsq(known, here - 0.5, rcond=None)
        return np.asarray(np.vstack([fitted.T, [0, 0, 1]]), np.float64)

    def of(self, image: NDArray[np.generic], face: Face) -> NDArray[np.float32]:
        """The canvas as a picture of the face fills it: `(size, size, 3)`, levels."""
        return resampled(image, self.onto(face), (self.size, self.size))


def resampled(
    image: NDArray[np.generic], to_image: Matrix, size: tuple[int, int]
) -> NDArray[np.float32]:
    """Take a picture of `size` (width, height) out of another one, border pixels repeated.

    Args:
        image: `(H, W, 3)`, levels.
        to_image: `(3, 3)` affine, from pixels of the new picture to those of the image. Where it
            shrinks, the image is blurred first, so that nothing aliases.
    """
    source = np.asarray(image, np.float32)
    shrink = float(np.sqrt(abs(np.linalg.det(to_image[:2, :2]))))
    if shrink > 1.2:  # as wide as a triangle that reaches to the next pixel; see `inputs.cut`
        source = cv2.GaussianBlur(source, (0, 0), float(np.sqrt((shrink**2 - 1) / 6)))
    taken = cv2.warpAffine(
        source,
        to_image[:2],
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(taken, np.float32)


def roll(face: Face) -> Matrix:
    """The rotation `(2, 2)` of an upright face to this one, in the plane of the picture."""
    left_eye, right_eye, _, left_mouth, right_mouth = np.array(face.landmarks)
    across = right_eye - left_eye + right_mouth - left_mouth
    down = left_mouth + right_mouth - left_eye - right_eye
    # Down is across after a quarter turn; one of them may vanish, in profile or seen from above.
    angle = np.arctan2(across[1] - down[0], across[0] + down[1])
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
