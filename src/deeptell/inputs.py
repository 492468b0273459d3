"""InputSpec and prepare(): stored crops become model-ready arrays, here and nowhere else.

Training, evaluation and scan all pass through `cut` and `normalise`, so that a model meets at
test time exactly what it met in training (FACTS B: the reference system did not).
"""

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.records import DECODE_AT, Face, Image, StoredCrop

Alignment = Literal["none", "eyes", "template"]

# Where models of identity expect the five landmarks in a square of 112 pixels, counted from the
# centre of the first: those of ArcFace (Deng et al., CVPR 2019) and its many followers.
_TEMPLATE = np.array([38.2946, 73.5318, 56.0252, 41.5493, 70.7299]) + 1j * np.array(
    [51.6963, 51.5014, 71.7366, 92.3655, 92.2041]
)
_TEMPLATE_SIDE = 112


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What one model takes. It travels with the weights.

    A sample is `frames` faces of one track: of `consecutive` frames at the rate they were filmed,
    or else of stored ones in order, and then a short track makes a shorter sample. Each face is a
    square of `size` pixels, cut `margin` times the longer side of the face's box around its centre
    ("none": upright as filmed; "eyes": turned until the eyes are level; "template": turned, moved
    and scaled until the five landmarks lie as models of identity expect them, whatever `margin`
    says), scaled to [0, 1], and normalised with `mean` and `std` per channel in `channel_order`.
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


def cut(crop: StoredCrop, spec: InputSpec) -> Image:
    """Cut the model's square out of a stored crop: `(size, size, 3)` uint8 RGB.

    Where the square reaches past the crop, its border pixels are repeated. The crop is decoded at
    the smallest of its sizes that is no smaller than the input's; what is left of the shrinking
    blurs first, so that no aliasing is added that a detector could learn.

    Raises:
        StoreError: the crop's bytes are no JPEG.
    """
    face = crop.face_in_crop
    centre, shrink, angle = _placed(face, spec)
    decoded = max(step for step in DECODE_AT if step <= max(1.0, shrink))
    image, left = crop.bgr(shrink=decoded), shrink / decoded
    x, y = centre.real / decoded, centre.imag / decoded
    cos, sin = math.cos(angle), math.sin(angle)
    # Only what the square needs is worked on, with room for the filters.
    reach = (abs(cos) + abs(sin)) * left * spec.size / 2 + 2 * left + 2
    left_edge, right_edge = _within(x, reach, image.shape[1])
    top, bottom = _within(y, reach, image.shape[0])
    image = cv2.cvtColor(image[top:bottom, left_edge:right_edge], cv2.COLOR_BGR2RGBA)
    # OpenCV counts from the centre of the first pixel, our boxes from its corner: half a pixel.
    x, y = x - left_edge - 0.5, y - top - 0.5
    a, b, middle = cos / left, sin / left, (spec.size - 1) / 2
    square = cv2.warpAffine(
        _blurred(image, left),  # of four channels: with three it takes more than twice as long
        np.array([[a, b, middle - a * x - b * y], [-b, a, middle + b * x - a * y]]),
        (spec.size, spec.size),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(cv2.cvtColor(square, cv2.COLOR_RGBA2RGB), np.uint8)


def _placed(face: Face, spec: InputSpec) -> tuple[complex, float, float]:
    """The square's centre in the crop, pixels of the crop for one of the input, and its turn."""
    if spec.alignment == "template":
        # The similarity q = turn * p + shift that brings the landmarks nearest to the template.
        points = np.array([complex(x, y) for x, y in face.landmarks]) - (0.5 + 0.5j)
        wanted = (_TEMPLATE + (0.5 + 0.5j)) * spec.size / _TEMPLATE_SIDE - (0.5 + 0.5j)
        off, to = points - points.mean(), wanted - wanted.mean()
        spread = max(float(np.sum(np.abs(off) ** 2)), 1e-9)
        turn = complex(np.sum(np.conj(off) * to) / spread) or 1e-9 + 0j
        middle = (spec.size - 1) / 2 * (1 + 1j)
        centre = (middle - wanted.mean()) / turn + points.mean() + (0.5 + 0.5j)
        return complex(centre), 1 / abs(turn), -cmath.phase(turn)
    x1, y1, x2, y2 = face.box_xyxy
    (lx, ly), (rx, ry) = face.landmarks[:2]
    angle = math.atan2(ry - ly, rx - lx) if spec.alignment == "eyes" else 0.0
    return complex((x1 + x2) / 2, (y1 + y2) / 2), spec.margin * face.size / spec.size, angle


def _within(centre: float, reach: float, size: int) -> tuple[int, int]:
    """First and past-the-last pixel within `reach` of a point; at least one inside the image."""
    low = min(max(math.floor(centre - reach), 0), size - 1)
    return low, min(max(math.ceil(centre + reach), low + 1), size)


def _blurred(image: Image, shrink: float) -> Image:
    """Blur an image that linear interpolation will then shrink so many times.

    Both together are as wide as a triangle that reaches from each new pixel to the next, as in
    Pillow; its variance is `shrink` squared over 6, of which interpolation brings a sixth itself.
    Where the kernel's sides would vanish in rounding, below a shrinking by 1.2, that is enough.
    """
    sigma = math.sqrt(max(0.0, shrink**2 - 1) / 6)
    if sigma < 0.27:
        return image
    kernel = cv2.getGaussianKernel(2 * max(1, round(2 * sigma)) + 1, sigma)
    blurred = cv2.sepFilter2D(image, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.uint8)


def normalise(images: Sequence[Image], spec: InputSpec) -> NDArray[np.float32]:
    """Cut faces become a batch.

    Args:
        images: N * `spec.frames` squares as `cut` gives them; those of one sample follow each
            other.

    Returns:
        `(N, 3, size, size)` float32, or `(N, 3, frames, size, size)` where `spec.frames` > 1.
    """
    if len(images) % spec.frames:
        raise ValueError(f"{len(images)} faces cannot be shared into samples of {spec.frames}")
    scale = np.float32(1 / 255) / np.array(spec.std, np.float32)
    offset = np.array(spec.mean, np.float32) / np.array(spec.std, np.float32)
    samples = len(images) // spec.frames
    batch = np.empty((samples, 3, spec.frames, spec.size, spec.size), np.float32)
    for number, image in enumerate(images):
        sample, frame = divmod(number, spec.frames)
        planes = cv2.split(image)
        # Plane by plane, each while it lies in the processor's cache: ten times as fast as in one
        # go over the batch.
        for channel, plane in enumerate(planes if spec.channel_order == "RGB" else planes[::-1]):
            target = batch[sample, channel, frame]
            target[:] = plane
            target *= scale[channel]
            target -= offset[channel]
    return batch[:, :, 0] if spec.frames == 1 else batch


def prepare(crops: Sequence[StoredCrop], spec: InputSpec) -> NDArray[np.float32]:
    """Stored crops become a batch: each is `cut`, and all of them `normalise`d."""
    return normalise([cut(crop, spec) for crop in crops], spec)


def windows(
    frame_index: NDArray[np.integer], spec: InputSpec, *, tracks: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Cut tracks into samples that do not overlap.

    Args:
        frame_index: `(n,)` frames in which the faces lie, track after track, ascending in each.
        tracks: `(k,)` where in it each track begins.

    Returns:
        `(M, 2)`, ascending: the position of each sample's first face, and that after its last.
        Where `spec.consecutive`, each holds exactly `spec.frames` frames that follow each other,
        and a run that is too short gives none; else the faces of a track are shared evenly into
        samples of at most `spec.frames`.
    """
    starts = tracks
    if spec.consecutive:
        gaps = np.flatnonzero(np.diff(frame_index) != 1) + 1
        starts = np.union1d(tracks, gaps)
    faces = np.diff(starts, append=len(frame_index))
    counts = faces // spec.frames if spec.consecutive else -(-faces // spec.frames)
    of = np.repeat(np.arange(len(starts)), counts)  # the run that each sample is of
    number = np.arange(len(of)) - (np.cumsum(counts) - counts)[of]  # of the sample in its run
    if spec.consecutive:
        first, length = number * spec.frames, np.full(len(of), spec.frames)
    else:
        least, longer = np.divmod(faces[of], counts[of])  # the first samples hold one face more
        first, length = number * least + np.minimum(number, longer), least + (number < longer)
    first = starts[of] + first
    return np.column_stack([first, first + length]).astype(np.int64)


def sample_rows(
    spans: NDArray[np.int64], *, frames: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Spell out `windows`: `(M, frames)` positions, and `(M,)` how many of each are its own.

    A short sample repeats its last position; models that take such samples are told its length.
    """
    starts, stops = spans.T
    rows = np.minimum(starts[:, None] + np.arange(frames), stops[:, None] - 1)
    return rows, stops - starts
