"""InputSpec and prepare(): stored crops become model-ready arrays, here and nowhere else.

Training, evaluation and scan all pass through `cut` and `normalise`, so that a model meets at
test time exactly what it met in training (FACTS B: the reference system did not).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.records import Crop, Image

Alignment = Literal["none", "eyes"]


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What one model takes. It travels with the weights.

    A sample is `frames` faces of one track: of `consecutive` frames at the rate they were filmed,
    or else of stored ones in order, and then a short track makes a shorter sample. Each face is a
    square of `size` pixels, cut `margin` times the longer side of the face's box around its centre
    ("none": upright as filmed; "eyes": turned until the eyes are level), scaled to [0, 1], and
    normalised with `mean` and `std` per channel in `channel_order`.
    """

    size: int
    frames: int = 1
    consecutive: bool = True
    margin: float = 1.3
    alignment: Alignment = "none"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    channel_order: Literal["RGB", "BGR"] = "RGB"

    def __post_init__(self) -> None:
        if self.size < 8 or self.frames < 1:
            raise ValueError(f"size must be >= 8 and frames >= 1, got {self.size}, {self.frames}")
        if not 0.5 <= self.margin <= 2.0:
            raise ValueError(f"margin must lie in [0.5, 2.0], the stored crop, got {self.margin}")
        if min(self.std) <= 0:
            raise ValueError(f"std must be positive, got {self.std}")


def cut(crop: Crop, spec: InputSpec) -> Image:
    """Cut the model's square out of a stored crop: `(size, size, 3)` uint8 RGB.

    Where the square reaches past the crop, its border pixels are repeated. Shrinking averages
    over areas, so that no aliasing is added that a detector could learn.
    """
    face = crop.face_in_crop
    x1, y1, x2, y2 = face.box_xyxy
    side = spec.margin * face.size
    to_input = spec.size / side
    angle = 0.0
    if spec.alignment == "eyes":
        (lx, ly), (rx, ry) = face.landmarks[:2]
        angle = float(np.arctan2(ry - ly, rx - lx))
    image, shrunk = crop.image, np.ones(2)
    if to_input < 1.0:
        before = np.array(image.shape[1::-1])
        after = np.maximum(1, np.round(before * to_input)).astype(int)
        image = cv2.resize(image, after.tolist(), interpolation=cv2.INTER_AREA)
        shrunk = after / before
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turn = turn * to_input / shrunk
    # OpenCV counts from the centre of the first pixel, our boxes from its corner: half a pixel.
    centre = np.array([x1 + x2, y1 + y2]) / 2 * shrunk - 0.5
    shift = (spec.size - 1) / 2 - turn @ centre
    return np.asarray(
        cv2.warpAffine(
            image,
            np.column_stack([turn, shift]),
            (spec.size, spec.size),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        dtype=np.uint8,
    )


def normalise(images: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.float32]:
    """Turn cut faces `(..., size, size, 3)` uint8 into `(..., 3, size, size)` float32."""
    ordered = images if spec.channel_order == "RGB" else images[..., ::-1]
    scale = np.float32(1 / 255) / np.array(spec.std, np.float32)
    offset = np.array(spec.mean, np.float32) / np.array(spec.std, np.float32)
    return np.ascontiguousarray(np.moveaxis(ordered * scale - offset, -1, -3), dtype=np.float32)


def prepare(crops: Sequence[Crop], spec: InputSpec) -> NDArray[np.float32]:
    """Stored crops become a batch.

    Args:
        crops: N * `spec.frames` crops; the frames of one sample follow each other.

    Returns:
        `(N, 3, size, size)` float32, or `(N, 3, frames, size, size)` where `spec.frames` > 1.
    """
    if len(crops) % spec.frames:
        raise ValueError(f"{len(crops)} crops cannot be shared into samples of {spec.frames}")
    faces = normalise(np.stack([cut(crop, spec) for crop in crops]), spec)
    if spec.frames == 1:
        return faces
    clips = faces.reshape(-1, spec.frames, 3, spec.size, spec.size)
    return np.ascontiguousarray(clips.swapaxes(1, 2))


def windows(frame_index: NDArray[np.integer], spec: InputSpec) -> list[tuple[int, int]]:
    """Cut one track into samples that do not overlap.

    Args:
        frame_index: `(n,)` frames in which the track's faces lie, ascending.

    Returns:
        `(start, stop)` positions of each sample. Where `spec.consecutive`, each holds exactly
        `spec.frames` frames that follow each other, and a run that is too short gives none; else
        the faces are shared evenly into samples of at most `spec.frames`.
    """
    if not spec.consecutive:
        parts = np.array_split(np.arange(len(frame_index)), -(-len(frame_index) // spec.frames))
        return [(int(part[0]), int(part[-1]) + 1) for part in parts]
    runs = np.split(np.arange(len(frame_index)), np.flatnonzero(np.diff(frame_index) != 1) + 1)
    return [
        (int(start), int(start) + spec.frames)
        for run in runs
        for start in run[: len(run) // spec.frames * spec.frames : spec.frames]
    ]


def sample_rows(
    spans: Sequence[tuple[int, int]], *, frames: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spell out samples: `(M, frames)` positions, and `(M,)` how many of each are its own.

    A short sample repeats its last position; models that take such samples are told its length.
    """
    starts, stops = np.array(spans, np.int64).reshape(-1, 2).T
    rows = np.minimum(starts[:, None] + np.arange(frames), stops[:, None] - 1)
    return rows, stops - starts
