"""The one stored crop of a face: generous, unaligned, in native pixels, JPEG in one setting."""

from dataclasses import replace

import cv2
import numpy as np

from deeptell.records import Box, Crop, Face, Frame, Image, StoredCrop

MARGIN = 2.0  # side of the crop's square, in longer sides of the face's box
MAX_SIDE = 384  # longer crops are shrunk to this, pixels
JPEG_QUALITY = 95

_GRID = 16  # boxes and landmarks are kept in sixteenths of a pixel
_JPEG = [
    cv2.IMWRITE_JPEG_QUALITY,
    JPEG_QUALITY,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,  # colour at full resolution: forgeries show there
]


def store_crop(crop: Crop) -> StoredCrop:
    """Encode a crop's image."""
    return StoredCrop(
        encode_crop(crop.image),
        crop.face,
        crop.track,
        crop.frame_index,
        crop.pts_seconds,
        crop.origin_xy,
        crop.scale,
    )


def cut_crop(frame: Frame, face: Face, track: int) -> Crop:
    """Cut the square of `MARGIN` times the face's longer side around its centre.

    The square is clipped to the frame and falls on whole pixels; a crop longer than `MAX_SIDE` is
    shrunk, averaging over areas.
    """
    face = _on_grid(face)
    x1, y1, x2, y2 = _region(face, width=frame.image.shape[1], height=frame.image.shape[0])
    image, scale = frame.image[y1:y2, x1:x2], 1.0
    longest = max(x2 - x1, y2 - y1)
    if longest > MAX_SIDE:
        scale = MAX_SIDE / longest
        size = (max(1, round((x2 - x1) * scale)), max(1, round((y2 - y1) * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Crop(
        np.ascontiguousarray(image),
        face,
        track,
        frame.frame_index,
        frame.pts_seconds,
        (float(x1), float(y1)),
        scale,
    )


def _on_grid(face: Face) -> Face:
    """Round to what the store's 32-bit columns hold exactly, so that a scan sees the same face."""
    x1, y1, x2, y2 = (round(value * _GRID) / _GRID for value in face.box_xyxy)
    box: Box = (x1, y1, max(x2, x1 + 1 / _GRID), max(y2, y1 + 1 / _GRID))
    landmarks = tuple(
        (round(x * _GRID) / _GRID, round(y * _GRID) / _GRID) for x, y in face.landmarks
    )
    return replace(face, box_xyxy=box, landmarks=landmarks, score=float(np.float32(face.score)))


def _region(face: Face, *, width: int, height: int) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = face.box_xyxy
    half = MARGIN * face.size / 2
    left, right = _clipped((x1 + x2) / 2, half, limit=width)
    top, bottom = _clipped((y1 + y2) / 2, half, limit=height)
    return left, top, right, bottom


def _clipped(centre: float, half: float, *, limit: int) -> tuple[int, int]:
    """First and past-the-last pixel; at least one of them lies inside."""
    low = min(max(round(centre - half), 0), limit - 1)
    return low, min(max(round(centre + half), low + 1), limit)


def encode_crop(image: Image) -> bytes:
    """Encode an RGB image as JPEG, quality 95, 4:4:4."""
    _, buffer = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), _JPEG)
    return bytes(buffer)
