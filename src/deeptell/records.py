"""The frozen records that travel between rooms; they check themselves when born.

Boxes and landmarks are in pixels of the upright decoded frame, x to the right and y down, with
(0, 0) the upper left corner of the upper left pixel. Images are RGB `(H, W, 3)` uint8.
FAKE = 1 everywhere: a `fake_probability` of 1 means manipulated.
"""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.errors import StoreError
from deeptell.figures import Measurement

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]
Landmarks = tuple[tuple[float, float], ...]

REAL, FAKE = 0, 1
CLIP, PICTURE = "clip", "picture"  # kinds of media, whose error rates are measured apart
FLAG, CLEAR = "flag", "clear"  # the operating points that a verdict rests on

# What the JPEG library can divide a picture's size by while it decodes, in its transform.
DECODE_AT = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


def _check_image(image: Image, *, what: str) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(
            f"{what} must be (H, W, 3) uint8 RGB with H, W >= 1, got {image.shape} {image.dtype}"
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture, upright."""

    image: Image = field(repr=False)
    frame_index: int  # counted from 0 over the frames that were decoded
    pts_seconds: float  # seconds since the first frame

    def __post_init__(self) -> None:
        _check_image(self.image, what="a frame")


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a file says about itself, and what decoding it gave."""

    path: str
    container: str
    codec: str
    width: int  # upright, after rotation
    height: int
    pixel_format: str
    frame_rate: float  # average, frames per second; 0 for a picture
    duration_seconds: float
    declared_frames: int  # as the container or its packets say; 0 where unknown
    decoded_frames: int
    bad_packets: int
    rotation_degrees: int  # clockwise turn that was applied: 0, 90, 180 or 270
    color_transfer: str  # "sdr", "pq" or "hlg"; the last two were tone-mapped to SDR
    is_picture: bool = False
    quantiser: float | None = None  # mean of intra pictures of H.264, 0 to 51; else None


@dataclass(frozen=True, slots=True)
class Face:
    """One face in one frame.

    `landmarks` are five points: the eye, then the eye, on the left and on the right of the
    picture, the tip of the nose, and the corners of the mouth, left and right of the picture.
    """

    box_xyxy: Box
    landmarks: Landmarks
    score: float  # the detector's own confidence in [0, 1]

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = self.box_xyxy
        if not (x2 > x1 and y2 > y1):
            raise ValueError(f"a box must have x2 > x1 and y2 > y1, got {self.box_xyxy}")
        if len(self.landmarks) != 5:
            raise ValueError(f"a face has five landmarks, got {len(self.landmarks)}")

    @property
    def size(self) -> float:
        """The longer side of the box, in pixels."""
        x1, y1, x2, y2 = self.box_xyxy
        return max(x2 - x1, y2 - y1)

    def moved(self, offset_xy: tuple[float, float], scale: float) -> "Face":
        """The same face after subtracting `offset_xy` and multiplying with `scale`."""
        (ox, oy), (x1, y1, x2, y2) = offset_xy, self.box_xyxy
        box = ((x1 - ox) * scale, (y1 - oy) * scale, (x2 - ox) * scale, (y2 - oy) * scale)
        landmarks = tuple(((x - ox) * scale, (y - oy) * scale) for x, y in self.landmarks)
        return replace(self, box_xyxy=box, landmarks=landmarks)


@dataclass(frozen=True, slots=True)
class Crop:
    """The stored picture of one face, with what is needed to find it in the video again.

    `image` shows a region of the frame around the face (see `faces.crop`), shrunk by `scale`
    where its long side passed the store's limit: a point p of the frame lies at
    `(p - origin_xy) * scale` in the image.
    """

    image: Image = field(repr=False)
    face: Face  # in pixels of the frame
    track: int
    frame_index: int
    pts_seconds: float
    origin_xy: tuple[float, float]
    scale: float

    def __post_init__(self) -> None:
        _check_image(self.image, what="a crop")
        if not self.scale > 0:
            raise ValueError(f"the scale of a crop must be positive, got {self.scale}")

    @property
    def face_in_crop(self) -> Face:
        """The face in pixels of the crop's own image."""
        return self.face.moved(self.origin_xy, self.scale)


@dataclass(frozen=True, slots=True)
class StoredCrop:
    """A crop as it is stored, and as it travels until a model's input is cut: still a JPEG.

    So it is decoded once, no larger than that input needs; see `inputs.cut`.
    """

    jpeg: bytes = field(repr=False)
    face: Face  # in pixels of the frame
    track: int
    frame_index: int
    pts_seconds: float
    origin_xy: tuple[float, float]
    scale: float

    @property
    def face_in_crop(self) -> Face:
        """The face in pixels of the crop's own image, decoded in full."""
        return self.face.moved(self.origin_xy, self.scale)

    @property
    def image(self) -> Image:
        """The picture in full, decoded each time anew: `(H, W, 3)` uint8 RGB."""
        return np.asarray(cv2.cvtColor(self.bgr(), cv2.COLOR_BGR2RGB), np.uint8)

    def bgr(self, *, shrink: int = 1) -> Image:
        """Decode to 1/1, 1/2, 1/4 or 1/8 of the picture's size, rounded up; blue comes first.

        Raises:
            StoreError: the bytes are no JPEG.
        """
        data = np.frombuffer(self.jpeg, np.uint8)
        image = cv2.imdecode(data, DECODE_AT[shrink]) if len(data) else None
        if image is None:
            raise StoreError(
                f"The stored face of track {self.track} in frame {self.frame_index} is damaged: "
                f"its {len(data)} bytes are not a JPEG picture; run 'deeptell verify'."
            )
        return np.asarray(image, np.uint8)


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """A face of a track in one frame; `detected` is False where it was interpolated."""

    frame_index: int
    pts_seconds: float
    face: Face
    detected: bool


@dataclass(frozen=True, slots=True)
class Track:
    """One face followed through one shot of one video."""

    track: int
    shot: int
    faces: tuple[TrackedFace, ...]

    def __post_init__(self) -> None:
        if not self.faces:
            raise ValueError(f"track {self.track} holds no face")


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold on fake_probability, with the error rates measured there on validation data."""

    name: str
    threshold: float
    false_positive_rate: float  # share of real videos at or above the threshold
    true_positive_rate: float  # share of manipulated videos at or above the threshold
    real_videos: int
    fake_videos: int
    media: str = CLIP  # or PICTURE
    real_groups: int = 0  # genuine source groups; 0: not counted, as in older bundles
    alarmed_groups: int = 0  # of which a real video stands at or above the threshold
    stretches: bool = False  # whether stretches counted, see `evaluation.stretches`
    false_alarms: float | None = None  # the rate that it was chosen to keep, see `false_alarms`
    audited: str = ""  # the footage it was measured on in an audit; "": on validation videos


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a pooled logit becomes `fake_probability`, as fitted on validation videos.

    `evaluation.metrics.calibrated` applies it. "temperature" and "platt" give
    `sigmoid(scale * logit + shift)`; "isotonic" joins the knots by straight lines and is level
    beyond them; "none" is the sigmoid itself.
    """

    method: str = "none"
    scale: float = 1.0
    shift: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()  # logit, probability; both never falling


@dataclass(frozen=True, slots=True)
class BundleCard:
    """What a reader of a result should know about the model behind it."""

    name: str
    sha256: str  # of the weights
    architecture: str
    statement: str  # one sentence on what it was trained on
    operating_points: tuple[OperatingPoint, ...]
    measurements: tuple[Measurement, ...]
    calibration: Calibration = Calibration()
    reference_videos: int = 0  # validation videos that a `distance_rank` ranks among; 0: no ranks
