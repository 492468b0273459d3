"""Face detectors: frames in, faces out, each with its licence and the origin of its weights."""

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

    def detect(self, images: Sequence[Image]) -> list[list[Face]]:
        """Find the faces of each RGB image `(H, W, 3)` uint8, highest score first.

        The answer for one image does not depend on the others. Boxes and landmarks may reach past
        the border of the image.
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


class YuNet:
    """YuNet through OpenCV (Wu et al., Machine Intelligence Research 2023)."""

    # Below this OpenCV drops a detection; what is kept is decided by `ExtractConfig.min_score`.
    MIN_SCORE = 0.6

    def __init__(self, weights: Path) -> None:
        self._net = cv2.FaceDetectorYN.create(str(weights), "", (320, 320), self.MIN_SCORE)

    def detect(self, images: Sequence[Image]) -> list[list[Face]]:
        """Find the faces of each picture, highest score first."""
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> list[Face]:
        self._net.setInputSize(image.shape[1::-1])
        rows = self._net.detect(np.ascontiguousarray(image[..., ::-1]))[1]
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
