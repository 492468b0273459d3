"""Random changes of a training face that leave its label true."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from deeptell.inputs import InputSpec, cut
from deeptell.records import Image, StoredCrop

Augment = Callable[[StoredCrop, InputSpec, np.random.Generator], Image]


def plain(crop: StoredCrop, spec: InputSpec, rng: np.random.Generator) -> Image:
    """No change: what evaluation and scan see."""
    return cut(crop, spec)


def gentle(crop: StoredCrop, spec: InputSpec, rng: np.random.Generator) -> Image:
    """Framing, mirror, light and colour vary; the fine structure that betrays a forgery stays.

    No blur and no resampling beyond the cut itself: they would blunt the very cues sought.
    """
    margin = float(np.clip(spec.margin * rng.uniform(0.9, 1.1), 0.5, 2.0))
    image = cut(_shifted(crop, rng), replace(spec, margin=margin))
    if rng.random() < 0.5:
        image = np.asarray(cv2.flip(image, 1), np.uint8)
    gain = rng.uniform(0.8, 1.2) * rng.uniform(0.93, 1.07, 3)
    lift = rng.uniform(-16, 16)
    light = np.column_stack([np.diag(gain), np.full(3, lift)])
    return np.asarray(cv2.transform(image, light), dtype=np.uint8)


def _shifted(crop: StoredCrop, rng: np.random.Generator) -> StoredCrop:
    """The crop with its box off centre by up to 4 % of its size, as detectors waver."""
    dx, dy = rng.uniform(-0.04, 0.04, 2) * crop.face.size
    x1, y1, x2, y2 = crop.face.box_xyxy
    return replace(crop, face=replace(crop.face, box_xyxy=(x1 + dx, y1 + dy, x2 + dx, y2 + dy)))


def iwbf2020(crop: StoredCrop, spec: InputSpec, rng: np.random.Generator) -> Image:
    """The reference system's changes: turned, zoomed, moved, sheared, mirrored.

    Rotation by up to 30 degrees, zoom by 15 % in each direction of its own, shifts by 20 %, shear
    by 0.15 degrees (so Keras reads its 0.15), mirror; border pixels are repeated.
    """
    image = cut(crop, spec)
    centre = np.array([spec.size - 1, spec.size - 1]) / 2
    turn, shear = np.deg2rad(rng.uniform(-30, 30)), np.deg2rad(rng.uniform(-0.15, 0.15))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shearing = np.array([[1, -np.sin(shear)], [0, np.cos(shear)]])
    matrix = rotation @ shearing @ np.diag(rng.uniform(0.85, 1.15, 2))
    moved = centre - matrix @ centre + rng.uniform(-0.2, 0.2, 2) * spec.size
    changed = cv2.warpAffine(
        image,
        np.column_stack([matrix, moved]),
        (spec.size, spec.size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    mirrored = cv2.flip(changed, 1) if rng.random() < 0.5 else changed
    return np.asarray(mirrored, dtype=np.uint8)


AUGMENTS: dict[str, Augment] = {"none": plain, "gentle": gentle, "iwbf2020": iwbf2020}
