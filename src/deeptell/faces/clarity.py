"""What of a face can be seen in one stored crop: fine detail, and whether it was filmed at all."""

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.records import StoredCrop

COARSE_PX, USUAL_PX = 24, 96  # sides of a face


def fine_detail(crop: StoredCrop) -> float:
    """The share of a face's variance that is lost where it is shrunk to 24 pixels.

    Next to nothing is lost of a face that is too blurred to show more than one of 24 pixels does.
    """
    face = _face(crop)
    size = (face.shape[1], face.shape[0])
    small = cv2.resize(face, _fitted(face, COARSE_PX), interpolation=cv2.INTER_AREA)
    lost = face - cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
    return float(np.mean(lost**2) / max(float(face.var()), 1e-9))


def drawn(crop: StoredCrop) -> float:
    """How unevenly the edges of a face are spread, 0 to 1: the Gini coefficient of its gradients.

    It is taken on at most 96 pixels. Skin that was filmed has some gradient everywhere; a drawing
    has flat areas between sharp edges.
    """
    face = _face(crop)
    if max(face.shape) > USUAL_PX:
        face = cv2.resize(face, _fitted(face, USUAL_PX), interpolation=cv2.INTER_AREA)
    right, down = np.diff(face, axis=1)[:-1], np.diff(face, axis=0)[:, :-1]
    sizes = np.sort(np.hypot(right, down), axis=None)
    ranks = 2 * np.arange(1, len(sizes) + 1) - len(sizes) - 1
    total = len(sizes) * float(sizes.sum())
    return float(ranks @ sizes / total) if total else 1.0


def _face(crop: StoredCrop) -> NDArray[np.float32]:
    """The brightness within the box of the face, at least 4 pixels a side: `(h, w)`, 0 to 255."""
    grey = cv2.cvtColor(crop.bgr(), cv2.COLOR_BGR2GRAY)
    x1, y1, x2, y2 = (round(edge) for edge in crop.face_in_crop.box_xyxy)
    x1, y1 = min(max(x1, 0), grey.shape[1] - 4), min(max(y1, 0), grey.shape[0] - 4)
    part = grey[max(y1, 0) : max(y2, y1 + 4), max(x1, 0) : max(x2, x1 + 4)]
    return np.asarray(part, np.float32)


def _fitted(face: NDArray[np.float32], side: int) -> tuple[int, int]:
    """Width and height of a face that is scaled to a longer side."""
    height, width = face.shape
    scale = side / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))
