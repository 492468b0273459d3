"""A still portrait becomes a clip: moved as by a hand, lit otherwise, with a camera's noise.

What is told apart in the end must not be stills from video: real and forged clips of a portrait
are the same shot, sent through the same codec.
"""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.forge.canvas import Matrix, resampled
from deeptell.forge.self_blend import through_jpeg
from deeptell.records import Face, Image

FACE_PX = (70.0, 220.0)  # the longer side of the box, as in the clips that people share
_MOST_STRETCH = 1.1  # a portrait is not enlarged beyond this: it would be soft
_FRAMED = 1.9  # sides of the frame, in those of the box; a stored crop has twice the box

_COLOUR = 16  # levels between the channels that the encoding of a grey picture does not make

Map = NDArray[np.float32]


@dataclass(frozen=True)
class Portrait:
    """A picture of one person."""

    image: Image = field(repr=False)
    face: Face

    @property
    def is_grey(self) -> bool:
        """Whether it has no colours. Neither have its shots then, real or forged."""
        return bool(np.ptp(self.image, axis=2).max() < _COLOUR)


@dataclass(frozen=True)
class ShotFrame:
    """One frame before it is encoded."""

    scene: Map = field(repr=False)  # `(H, W, 3)` levels, what stands before the camera
    image: Map = field(repr=False)  # the same with the camera's noise and the traces of a codec
    face: Face
    is_grey: bool


@dataclass(frozen=True)
class Shot:
    """How a portrait is filmed; equal generators give equal shots."""

    face_px: float
    turn: NDArray[np.float64]  # `(frames,)` radians
    zoom: NDArray[np.float64]  # `(frames,)` about 1
    shift: NDArray[np.float64]  # `(frames, 2)` of the face's size
    gain: NDArray[np.float64]  # `(3,)` light
    gamma: float
    blur: float  # sigma of the lens, pixels
    noise: float  # standard deviation, levels
    seed: int  # of the noise
    quality: int | None  # of the JPEG that stands for an encoding before the last; None: of none

    @classmethod
    def draw(cls, rng: np.random.Generator, *, frames: int) -> "Shot":
        """Draw everything but the portrait."""
        unrest = rng.choice([0.1, 1.0, 2.0])
        low, high = np.log(FACE_PX)
        return cls(
            face_px=float(np.exp(rng.uniform(low, high))),
            turn=np.deg2rad(rng.normal(0, 4)) + np.cumsum(rng.normal(0, 0.004 * unrest, frames)),
            zoom=np.exp(np.cumsum(rng.normal(0, 0.003 * unrest, frames))),
            shift=np.cumsum(rng.normal(0, 0.006 * unrest, (frames, 2)), axis=0),
            gain=np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.05, 3)),
            gamma=float(np.exp(rng.normal(0, 0.15))),
            blur=float(rng.choice([0.0, 0.0, 0.5, 0.8])),
            noise=float(rng.choice([0.0, 1.0, 2.0, 3.5])),
            seed=int(rng.integers(2**31)),
            quality=int(rng.integers(55, 96)) if rng.random() < 0.5 else None,
        )

    def film(self, portrait: Portrait) -> list[ShotFrame]:
        """The frames, square and of even size, with the face in their middle."""
        size = min(self.face_px, _MOST_STRETCH * portrait.face.size)
        side = round(_FRAMED * size / 2) * 2
        noise, is_grey = np.random.default_rng(self.seed), portrait.is_grey
        frames = []
        for turn, zoom, shift in zip(self.turn, self.zoom, self.shift, strict=True):
            moved = _movement(portrait.face, size * zoom, turn, side / 2 + shift * size)
            scene = self._lit(resampled(portrait.image, _inverse(moved), (side, side)))
            grain = noise.normal(0, self.noise, scene.shape) if self.noise else 0.0
            image = np.clip(scene + grain, 0, 255).astype(np.float32)
            if self.quality is not None:
                image = _through_jpeg(image, self.quality)
            if is_grey:
                scene, image = without_colour(scene), without_colour(image)
            frames.append(ShotFrame(scene, image, carried(portrait.face, moved), is_grey))
        return frames

    def _lit(self, scene: Map) -> Map:
        lit = 255 * (np.clip(scene * self.gain, 0, 255) / 255) ** self.gamma
        return np.asarray(
            cv2.GaussianBlur(lit, (0, 0), self.blur) if self.blur else lit, np.float32
        )


def _through_jpeg(image: Map, quality: int) -> Map:
    return through_jpeg((image + 0.5).astype(np.uint8), quality=quality).astype(np.float32)


def without_colour(picture: Map) -> Map:
    """The mean of the channels, in all of them."""
    return np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)


def _inverse(moved: Matrix) -> Matrix:
    return np.asarray(np.linalg.inv(moved), np.float64)


def carried(face: Face, moved: Matrix) -> Face:
    """The face after a similarity `(3, 3)` of its picture, whose pixels count from their centres.

    Boxes stay upright, as a detector gives them.
    """
    scale = float(np.sqrt(abs(np.linalg.det(moved[:2, :2]))))
    x1, y1, x2, y2 = face.box_xyxy
    points = np.array([((x1 + x2) / 2, (y1 + y2) / 2), *face.landmarks]) - 0.5
    (x, y), *landmarks = points @ moved[:2, :2].T + moved[:2, 2] + 0.5
    width, height = (x2 - x1) * scale / 2, (y2 - y1) * scale / 2
    return replace(
        face,
        box_xyxy=(float(x - width), float(y - height), float(x + width), float(y + height)),
        landmarks=tuple((float(a), float(b)) for a, b in landmarks),
    )


def _movement(face: Face, size: float, turn: float, to_xy: NDArray[np.float64]) -> Matrix:
    """Turn and scale about the centre of the box, which goes to `to_xy`: `(3, 3)`."""
    x1, y1, x2, y2 = face.box_xyxy
    scale = size / face.size
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    rotation = np.array([[cos, -sin], [sin, cos]])
    at = to_xy - 0.5 - rotation @ (np.array([(x1 + x2) / 2, (y1 + y2) / 2]) - 0.5)
    return np.vstack([np.column_stack([rotation, at]), [0, 0, 1]])
