"""Face detectors: frames in, faces out, each with its licence and the origin of its weights."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from deeptell.catalog import lookup
from deeptell.errors import ConfigError
from deeptell.records import Face, Image


class Detector(Protocol):
    """What every detector does."""

    def detect(self, images: Sequence[Image], *, min_face: float) -> list[list[Face]]:
        """Find the faces of each RGB image `(H, W, 3)` uint8, highest score first.

        The answer for one image does not depend on the others. Boxes and landmarks may reach past
        the border of the image.

        Args:
            min_face: smaller faces need not be found, pixels: the larger, the faster.
        """
        ...

    def follow(self, image: Image, faces: Sequence[Face]) -> list[Face | None]:
        """Say where faces found in an earlier picture are in this one; None for one that is lost.

        Far faster than `detect`, which alone sees new faces.
        """
        ...


@dataclass(frozen=True, slots=True)
class DetectorEntry:
    """One row of the table of detectors."""

    create: Callable[[Path | None], Detector]
    licence: str
    weights: str  # where they come from


def create_detector(name: str, *, weights: Path | None = None) -> Detector:
    """Build a detector by name.

    Args:
        weights: the file that "yunet" needs; "mtcnn" brings its own.

    Raises:
        ConfigError: the name is unknown, or the weights are missing, superfluous or unreadable.
    """
    return lookup(DETECTORS, name, kind="face detector").create(weights)


def _mtcnn(weights: Path | None) -> Detector:
    from deeptell.faces.mtcnn import Mtcnn

    if weights is not None:
        raise ConfigError(f"The detector 'mtcnn' brings its own weights: leave out {weights}.")
    return Mtcnn()


def search_near(detector: Detector, image: Image, face: Face) -> list[Face]:
    """Search a square of three times the face's size around where it was."""
    x1, y1, x2, y2 = face.box_xyxy
    height, width = image.shape[:2]
    middle, reach = np.array([x1 + x2, y1 + y2]) / 2, 1.5 * face.size
    left, top = np.clip(np.floor(middle - reach), 0, [width - 1, height - 1]).astype(int).tolist()
    right, bottom = np.ceil(middle + reach).astype(int).tolist()
    patch = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    found = detector.detect([patch], min_face=face.size / 2)[0]
    return [one.moved((-left, -top), 1.0) for one in found]


def nearest(found: Sequence[Face], face: Face) -> Face | None:
    """Of several faces the one whose middle lies nearest to another's."""
    return min(found, key=lambda one: _apart(one, face), default=None)


def _apart(a: Face, b: Face) -> float:
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.box_xyxy, b.box_xyxy
    return math.hypot(ax1 + ax2 - bx1 - bx2, ay1 + ay2 - by1 - by2)


class YuNet:
    """YuNet through OpenCV (Wu et al., Machine Intelligence Research 2023)."""

    # Below this OpenCV drops a detection; what is kept is decided by `ExtractConfig.min_score`.
    MIN_SCORE = 0.6
    MIN_FACE = 12.0  # pixels of the picture that the network sees

    def __init__(self, weights: Path) -> None:
        self._net = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), self.MIN_SCORE)

    def detect(self, images: Sequence[Image], *, min_face: float) -> list[list[Face]]:
        """Find the faces of each picture, highest score first."""
        return [self._detect(image, min_face) for image in images]

    def follow(self, image: Image, faces: Sequence[Face]) -> list[Face | None]:
        """Search around each box, and take what lies nearest to its middle."""
        return [nearest(search_near(self, image, face), face) for face in faces]

    def _detect(self, image: Image, min_face: float) -> list[Face]:
        scale = min(1.0, self.MIN_FACE / min_face)
        size = [max(1, round(side * scale)) for side in image.shape[1::-1]]
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        self._net.setInputSize(size)
        rows = self._net.detect(np.ascontiguousarray(small[..., ::-1]))[1]
        found = np.empty((0, 15)) if rows is None else np.asarray(rows, np.float64)
        faces = [
            Face(
                (x, y, x + width, y + height),
                tuple(zip(marks[::2], marks[1::2], strict=True)),
                min(1.0, score),
            )
            for x, y, width, height, *marks, score in found.tolist()
            if width > 0 and height > 0
        ]
        faces = [face.moved((0.0, 0.0), 1 / scale) for face in faces]
        return sorted(faces, key=lambda face: -face.score)


def _yunet(weights: Path | None) -> Detector:
    if weights is None:
        raise ConfigError(
            "The detector 'yunet' needs its weights: download face_detection_yunet_2023mar.onnx "
            "from the OpenCV model zoo and give its path."
        )
    if not weights.is_file():
        raise ConfigError(f"There is no file {weights} with weights for the detector 'yunet'.")
    try:
        return YuNet(weights)
    except cv2.error as error:
        raise ConfigError(f"{weights} is not a YuNet model that OpenCV can read: {error}") from None


DETECTORS: dict[str, DetectorEntry] = {
    "mtcnn": DetectorEntry(
        _mtcnn,
        licence="MIT",
        weights="inside the package facenet-pytorch 2.5.3 (Tim Esler), converted from the "
        "authors' Caffe models; trained on WIDER FACE and CelebA",
    ),
    "yunet": DetectorEntry(
        _yunet,
        licence="MIT",
        weights="a file given by the user: face_detection_yunet_*.onnx of the OpenCV model zoo; "
        "trained on WIDER FACE",
    ),
}
