"""Shortcut audits: can a forgery be told without looking at it?

A benchmark is only worth something if a detector must see the manipulation itself. Logistic
regression gets (a) what is known of the file and the scene, (b) global statistics of the face
crop. What it reaches on people it was not fitted on is what a shortcut would reach.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from deeptell.records import Box, Image

Features = NDArray[np.float64]
Flags = NDArray[np.bool_]

BANDS = 8
CROP_SIZE = 128  # crops are brought to this size before they are measured
MARGIN = 1.3  # side of the square around a face box, as FaceForensics++ cuts it


@dataclass(frozen=True, slots=True)
class VideoFeatures:
    """What the two audits see of one video."""

    scene: Features  # (9,)
    face: Features  # (19,)


def cut_square(image: Image, box: Box, *, margin: float = MARGIN) -> Image:
    """Cut the square of `margin` times the box's longer side; the border is repeated outside."""
    x1, y1, x2, y2 = box
    half = margin * max(x2 - x1, y2 - y1) / 2
    centre = ((x1 + x2) / 2 - 0.5, (y1 + y2) / 2 - 0.5)
    side = max(8, round(2 * half))
    # getRectSubPix repeats the border, as the crops of `inputs.cut` do.
    square = cv2.getRectSubPix(image, (side, side), centre)
    way = cv2.INTER_AREA if side > CROP_SIZE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (CROP_SIZE, CROP_SIZE), interpolation=way))


def measure(
    frames: Iterable[tuple[Image, Box | None]], *, file_bytes: int, seconds: float
) -> VideoFeatures | None:
    """Measure a video from some of its frames with the box of the face in each.

    Args:
        file_bytes: size of the file.
        seconds: its length.

    Returns:
        None where no frame has a face.
    """
    scenes, faces = [], []
    for image, box in frames:
        if box is not None:
            scenes.append(_scene_features(image, box))
            faces.append(face_features(cut_square(image, box)))
    if not faces:
        return None
    file = [np.log(file_bytes), np.log(file_bytes * 8 / seconds)]
    return VideoFeatures(np.concatenate([file, np.mean(scenes, 0)]), np.mean(faces, 0))


def _scene_features(image: Image, box: Box) -> Features:
    """Mean and variance of the colours, and the sharpness outside the square around the face."""
    pixels = image.reshape(-1, 3).astype(np.float64)
    edges = cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_64F)
    x1, y1, x2, y2 = box
    half = MARGIN * max(x2 - x1, y2 - y1) / 2
    left, right = (max(0, round((x1 + x2) / 2 + s * half)) for s in (-1, 1))
    top, bottom = (max(0, round((y1 + y2) / 2 + s * half)) for s in (-1, 1))
    outside = np.ones(edges.shape, bool)
    outside[top:bottom, left:right] = False
    sharpness = np.log(edges[outside].var() + 1) if outside.any() else 0.0
    return np.concatenate([pixels.mean(0), pixels.var(0), [sharpness]])


def face_features(crop: Image) -> Features:
    """Global statistics of one face crop `(H, W, 3)`, `(19,)`.

    Mean, spread and skewness per channel; Laplacian variance; energy in eight spectral bands;
    spread of what a median filter removes.
    """
    pixels = crop.reshape(-1, 3).astype(np.float64)
    mean, spread = pixels.mean(0), pixels.std(0) + 1e-6
    skew = (((pixels - mean) / spread) ** 3).mean(0)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    edges = np.log(cv2.Laplacian(grey, cv2.CV_64F).var() + 1)
    residual = np.log((grey.astype(np.float64) - cv2.medianBlur(grey, 3)).std() + 0.1)
    return np.concatenate([mean, spread, skew, [edges], _bands(grey), [residual]])


def _bands(grey: NDArray[np.uint8]) -> Features:
    """Logarithm of the mean power in rings of equal width, from slow to fast."""
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    rows, columns = (np.fft.fftfreq(n) for n in grey.shape)
    ring = (np.hypot(rows[:, None], columns) * 2 * BANDS).astype(int)
    return np.array([np.log(power[ring == band].mean() + 1e-6) for band in range(BANDS)])


def held_out_auc(features: Features, fake: Flags, held_out: Flags) -> float:
    """Fit on the videos that are not held out, score those that are.

    Args:
        features: `(N, D)`, a row per video.
        fake: `(N,)`.
        held_out: `(N,)`; no person may stand on both sides.
    """
    audit = _audit().fit(features[~held_out], fake[~held_out])
    return float(roc_auc_score(fake[held_out], audit.decision_function(features[held_out])))


def grouped_auc(features: Features, fake: Flags, groups: Sequence[str], *, folds: int = 5) -> float:
    """Cross-validate: every video is scored by a fit that saw nothing of its group."""
    scores = np.zeros(len(fake))
    for train, test in GroupKFold(folds).split(features, fake, groups):
        scores[test] = _audit().fit(features[train], fake[train]).decision_function(features[test])
    return float(roc_auc_score(fake, scores))


def _audit() -> Pipeline:
    return make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=5000)
    )
