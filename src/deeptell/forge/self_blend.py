"""Self-blended images: a real face and a changed copy of itself become a pseudo-fake.

After Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022
(arXiv 2204.08376). What most forgeries leave behind, whatever made them, is a rim, and colours,
detail and traces of a codec that differ across it; a detector that never saw a fake can learn
these. Where we deviate: the mask comes from five landmarks (see `outline`); the copy may also be
compressed; hue and saturation change visibly, where the authors' shift is lost in the rounding of
8 bits; and the frames of a clip are blended alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.forge.outline import MASKS, Mask, draw_mask
from deeptell.records import Face, Image

_RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # how much of the copy shows inside the mask
_ZOOM, _SHIFT_X, _SHIFT_Y = 0.05, 0.04, 0.02  # of the copy; shifts in sizes of the face


def sharpen(image: Image, strength: float) -> Image:
    """Add up to twice what a small blur takes away."""
    smooth = cv2.GaussianBlur(image, (3, 3), 0)
    gain = 0.5 + 1.5 * strength
    return np.asarray(cv2.addWeighted(image, 1 + gain, smooth, -gain, 0), np.uint8)


def coarsen(image: Image, strength: float) -> Image:
    """Shrink by 1.5 to 4 times and stretch again."""
    height, width = image.shape[:2]
    times = 1.5 + 2.5 * strength
    small = (max(1, round(width / times)), max(1, round(height / times)))
    shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def compress(image: Image, strength: float) -> Image:
    """Encode as JPEG, of quality 90 down to 30, and decode again."""
    return through_jpeg(image, quality=round(90 - 60 * strength))


def through_jpeg(image: Image, *, quality: int) -> Image:
    """What JPEG, with colours at half the resolution, leaves of an image."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), np.uint8)


DETAILS: Mapping[str, Callable[[Image, float], Image]] = {
    "sharpen": sharpen,
    "coarsen": coarsen,
    "compress": compress,
}


@dataclass(frozen=True, slots=True)
class Change:
    """Other colours and other detail: what sets one of the two pictures apart."""

    colour: NDArray[np.float64]  # (3, 4): a matrix on RGB, and what is added, 8-bit levels
    detail: str  # a name of DETAILS
    strength: float  # of it, in [0, 1]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Change":
        """Draw brightness and contrast, a shift of RGB three times in ten, and of hue as often."""
        gain = rng.uniform(0.9, 1.1)
        lift = 128 * (1 - gain) + rng.uniform(-25, 25)
        shift = rng.uniform(-20, 20, 3) * (rng.random() < 0.3)
        turn, saturation = rng.uniform(-0.1, 0.1), rng.uniform(0.85, 1.15)
        tint = _tint(turn, saturation) if rng.random() < 0.3 else np.eye(3)
        colour = np.column_stack([gain * tint, lift + shift])
        return cls(colour, str(rng.choice(list(DETAILS))), rng.uniform())

    def of(self, image: Image) -> Image:
        """The changed picture, of the same size."""
        coloured = np.asarray(cv2.transform(image, self.colour), np.uint8)
        return DETAILS[self.detail](coloured, self.strength)


@dataclass(frozen=True, slots=True)
class SelfBlend:
    """How the faces of one sample are blended, and what both they and the real ones go through."""

    change: Change
    changes_source: bool  # or else the target, which then is the real one beside the blend
    zoom: float  # of the source
    shift: tuple[float, float]  # of the source to the right and down, in sizes of the face
    mask: Mask = field(repr=False)  # of `draw_mask`, times the share of the source in it
    quality: int | None  # of the JPEG that both go through; None: of none

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "SelfBlend":
        """Draw all of it; equal generators give equal blends."""
        return cls(
            change=Change.draw(rng),
            changes_source=bool(rng.random() < 0.5),
            zoom=float(np.exp(rng.uniform(-_ZOOM, _ZOOM))),
            shift=(rng.uniform(-_SHIFT_X, _SHIFT_X), rng.uniform(-_SHIFT_Y, _SHIFT_Y)),
            mask=draw_mask(rng) * np.float32(rng.choice(_RATIOS)),
            quality=int(rng.integers(40, 101)) if rng.random() < 0.5 else None,
        )

    def real(self, image: Image) -> Image:
        """The picture that the blend is to be told from: what it shows outside the mask.

        Args:
            image: `(H, W, 3)` uint8 RGB of a real face.
        """
        return self._sent(self._target(image))

    def fake(self, image: Image, face: Face) -> tuple[Image, Mask]:
        """The pseudo-fake.

        Args:
            image: `(H, W, 3)` uint8 RGB of a real face.
            face: in pixels of that image.

        Returns:
            An image of the same size and the mask it was blended with, `(H, W)` in [0, 1].
        """
        height, width = image.shape[:2]
        moving = self._movement(face)
        source = self.change.of(image) if self.changes_source else image
        source = np.asarray(
            cv2.warpAffine(source, moving[:2], (width, height), borderMode=cv2.BORDER_REPLICATE),
            np.uint8,
        )
        # As in the paper, the mask moves with the source: its rim lies at the same place of it.
        laid = (moving @ MASKS.onto(face))[:2]
        mask = np.asarray(cv2.warpAffine(self.mask, laid, (width, height)), np.float32)
        blended = cv2.blendLinear(source, self._target(image), mask, 1 - mask)
        return self._sent(np.asarray(blended, np.uint8)), mask

    def _target(self, image: Image) -> Image:
        return image if self.changes_source else self.change.of(image)

    def _sent(self, image: Image) -> Image:
        return image if self.quality is None else through_jpeg(image, quality=self.quality)

    def _movement(self, face: Face) -> NDArray[np.float64]:
        """Zoom about the centre of the face, and shift: `(3, 3)` on pixels of the picture."""
        x1, y1, x2, y2 = face.box_xyxy
        centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2]) - 0.5
        moved = (1 - self.zoom) * centre + np.array(self.shift) * face.size
        return np.array([[self.zoom, 0, moved[0]], [0, self.zoom, moved[1]], [0, 0, 1]])


def _tint(turn: float, saturation: float) -> NDArray[np.float64]:
    """Turn colours about the axis of greys, by radians, and stretch them away from it."""
    grey = np.full((3, 3), 1 / 3)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    rotation = grey + np.cos(turn) * (np.eye(3) - grey) + np.sin(turn) * across
    return np.asarray(grey + saturation * (rotation - grey), np.float64)
