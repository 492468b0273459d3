"""How large the stored faces are in their videos, and how much fine detail is left in them."""

import numpy as np
from numpy.typing import NDArray

from deeptell.faces.crop import MARGIN, MAX_SIDE
from deeptell.faces.store import FaceStore

Floats = NDArray[np.float64]
_ROWS_AT_ONCE = 100_000


def sizes(store: FaceStore, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Measure the crops at these positions of the index, without decoding them.

    Returns:
        `(n,)` the longer side of the face's box, in pixels of the frame, and `(n,)` the bits per
        pixel of the stored JPEG. All crops have one JPEG setting, so a picture that compression or
        blur has smoothed takes fewer bits. A large face that was shrunk to be stored takes more.
    """
    frames = store.videos[["width", "height"]].to_numpy(np.float64)
    face_px, quality = np.empty(len(rows)), np.empty(len(rows))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        stored = store.rows(rows[part])
        face_px[part], pixels = _pixels(stored, frames[stored["video"]])
        quality[part] = 8 * stored["length"] / pixels
    return face_px, quality


def _pixels(stored: NDArray[np.void], frames: Floats) -> tuple[Floats, Floats]:
    """The longer side of each box, and how many pixels its crop has: see `crop.cut_crop`."""
    low = np.column_stack([stored["x1"], stored["y1"]]).astype(np.float64)
    high = np.column_stack([stored["x2"], stored["y2"]]).astype(np.float64)
    longest = (high - low).max(axis=1)
    start = np.column_stack([stored["origin_x"], stored["origin_y"]])
    end = np.rint((low + high) / 2 + MARGIN * longest[:, None] / 2)
    sides = np.minimum(np.maximum(end, start + 1), frames) - start
    shrunk = np.maximum(np.rint(sides * stored["scale"][:, None]), 1)
    sides = np.where(sides.max(axis=1, keepdims=True) > MAX_SIDE, shrunk, sides)
    return longest, sides.prod(axis=1)
