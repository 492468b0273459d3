"""Random changes of a training face that leave its label true."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.inputs import InputSpec, cut
from deeptell.records import Image, StoredCrop

Map = NDArray[np.float32]
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


def varied(crop: StoredCrop, spec: InputSpec, rng: np.random.Generator) -> Image:
    """As `gentle`, and worn: shadows, tones, focus, noise, JPEG, something in front.

    Faces that are learnt from are of few kinds: studio portraits, press photographs. What sets
    others apart from them is no sign of forgery, and a model takes it for one unless it has seen it
    in both classes.
    """
    picture: Map = gentle(crop, spec, rng).astype(np.float32)
    if rng.random() < 0.5:
        picture = _shadowed(picture, rng)
    if rng.random() < 0.5:
        bent = np.float32(np.exp(rng.uniform(-0.5, 0.5)))
        picture = np.float32(255) * np.power(picture.clip(0, 255) / np.float32(255), bent)
    if rng.random() < 0.5:
        picture = _toned(picture, rng)
    if rng.random() < 0.5:
        picture = _refocused(picture, rng)
    if rng.random() < 0.3:
        noise = rng.standard_normal(picture.shape, np.float32)
        picture = picture + np.float32(rng.uniform(1, 8)) * noise
    image = np.asarray(picture.clip(0, 255) + 0.5, np.uint8)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 96))]
        image = np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR))
    if rng.random() < 0.2:
        image = _covered(image, rng)
    return image


def _shadowed(picture: Map, rng: np.random.Generator) -> Map:
    """Lit unevenly, by a fifth or so."""
    light = np.exp(rng.normal(0, 0.2, (3, 3))).astype(np.float32)
    spread = cv2.resize(light, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(picture * spread[..., None], np.float32)


def _toned(picture: Map, rng: np.random.Generator) -> Map:
    """More or less colourful, and middle levels in a tint: grey pictures get colours as well."""
    grey = picture.mean(axis=2, keepdims=True)
    middle = 4 * grey * (255 - grey) / 255**2
    tint = np.array([1, rng.uniform(-0.3, 0.3), -1], np.float32) * rng.uniform(-10, 35)
    share = np.float32(rng.uniform(0.3, 1.5))
    return np.asarray(grey + share * (picture - grey) + middle * tint.astype(np.float32))


def _refocused(picture: Map, rng: np.random.Generator) -> Map:
    """Blurred, sharpened, or made smaller and large again."""
    way, (height, width) = rng.integers(3), picture.shape[:2]
    if way == 0:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.1)))
    if way == 1:
        soft = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.6, 1.5))
        return np.asarray(picture + np.float32(rng.uniform(0.2, 1.2)) * (picture - soft))
    share = rng.uniform(0.5, 0.95)
    small = (round(width * share), round(height * share))
    smaller = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(smaller, (width, height), interpolation=cv2.INTER_CUBIC))


def _covered(image: Image, rng: np.random.Generator) -> Image:
    """Something of one colour in front, up to two fifths as wide and high as the picture."""
    height, width = image.shape[:2]
    covered = image.copy()
    x, y = rng.integers(0, width), rng.integers(0, height)
    wide, high = rng.integers(4, 2 * width // 5), rng.integers(4, 2 * height // 5)
    colour = [int(level) for level in rng.integers(0, 256, 3)]
    cv2.ellipse(covered, (int(x), int(y)), (int(wide) // 2, int(high) // 2), 0, 0, 360, colour, -1)
    return covered


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


AUGMENTS: dict[str, Augment] = {
    "none": plain,
    "gentle": gentle,
    "varied": varied,
    "iwbf2020": iwbf2020,
}
