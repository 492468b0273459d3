"""MTCNN on one picture: proposals, refinement, output (Zhang et al., 2016, arXiv 1604.02878).

The weights of the three networks come from facenet-pytorch; the cascade around them is ours, since
that of 2.5.3 fails on NumPy 2. Deviations: coordinates count from the corner of the first
pixel (the original mixes three conventions, half a pixel to a pixel apart), pictures are shrunk
by OpenCV's area averaging, and reduced first where only larger faces are asked for. A face once
found is followed by the third network alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from deeptell.faces.mtcnn_networks import load_network
from deeptell.records import Face, Image

Boxes = NDArray[np.float32]  # (N, 4): x1, y1, x2, y2

MIN_FACE = 20.0  # pixels of the picture that the networks see
PYRAMID_FACTOR = 0.709  # each level holds half the pixels of the one before
THRESHOLDS = (0.6, 0.7, 0.7)  # the authors', one per stage

_FAR = 1 / 8  # of its size: a face that moved so far is looked at again where it went

_CELL, _STRIDE = 12, 2  # the proposal network sees 12 x 12 pixels every 2 pixels


class Mtcnn:
    """A `Detector`; see `detect.DETECTORS` for its licence."""

    def __init__(self) -> None:
        self._propose_net = load_network("pnet")
        self._refine_net = load_network("rnet")
        self._output_net = load_network("onet")

    def detect(self, images: Sequence[Image], *, min_face: float) -> list[list[Face]]:
        """Find the faces of each picture, highest score first."""
        with _one_thread(), torch.inference_mode():
            return [self._detect(image, min_face) for image in images]

    def _detect(self, image: Image, min_face: float) -> list[Face]:
        scale = min(1.0, MIN_FACE / min_face)
        small = image
        if scale < 1.0:
            width, height = (max(1, round(side * scale)) for side in image.shape[1::-1])
            small = np.asarray(
                cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8
            )
        to_image = np.array(image.shape[1::-1]) / small.shape[1::-1]
        found = self._output(small, self._refined(small, self._proposals(small)))
        passed = np.flatnonzero(found.scores > THRESHOLDS[2])
        apart = _kept(found.boxes[passed], found.scores[passed], 0.7, of_smaller=True)
        faces = [found.face(i, to_image) for i in passed[apart]]
        return [face for face in faces if face is not None]

    def follow(self, image: Image, faces: Sequence[Face]) -> list[Face | None]:
        """Ask the third network where each face went, around its box, and again if it moved far.

        A face that moved by a third of its size is found again.
        """
        boxes = np.array([face.box_xyxy for face in faces], np.float32).reshape(-1, 4)
        followed: list[Face | None] = [None] * len(faces)
        rows = np.arange(len(faces))
        with _one_thread(), torch.inference_mode():
            for _ in range(2):
                found = self._output(image, _squared(boxes))
                for i, row in enumerate(rows[found.row]):
                    sure = found.scores[i] > THRESHOLDS[2]
                    followed[row] = found.face(i, np.ones(2)) if sure else None
                before = boxes[found.row]
                moved = np.abs(found.boxes - before).max(axis=1)
                far = moved > _FAR * (before[:, 2:] - before[:, :2]).max(axis=1)
                rows, boxes = rows[found.row][far], found.boxes[far]
        return followed

    def _proposals(self, image: Image) -> Boxes:
        """First stage: a fully convolutional network over an image pyramid."""
        found = [self._proposals_at(level, scale) for level, scale in _pyramid(image)]
        boxes = np.concatenate([level[0] for level in found] or [np.empty((0, 4), np.float32)])
        scores = np.concatenate([level[1] for level in found] or [np.empty(0, np.float32)])
        return _squared(boxes[_kept(boxes, scores, 0.7)])

    def _proposals_at(self, level: Image, scale: float) -> tuple[Boxes, NDArray[np.float32]]:
        logits, shift = self._propose_net(_tensor(level[None]))
        against, for_it = logits[0].numpy()
        # Over a whole picture: what passes shows in the difference, before any exponential.
        y, x = np.nonzero(for_it - against >= np.log(THRESHOLDS[0] / (1 - THRESHOLDS[0])))
        scores = _probability(against[y, x], for_it[y, x])
        corner = np.stack([x, y, x, y], axis=1).astype(np.float32) * _STRIDE
        boxes = (corner + np.array([0, 0, _CELL, _CELL], np.float32)) / np.float32(scale)
        kept = _kept(boxes, scores, 0.5)
        moved = _moved(boxes[kept], shift[0].numpy()[:, y[kept], x[kept]].T)
        return moved, scores[kept]

    def _refined(self, image: Image, boxes: Boxes) -> Boxes:
        """Second stage: most proposals are thrown out."""
        row, patches = _patches(image, boxes, side=24)
        boxes = boxes[row]
        if not len(row):
            return boxes
        logits, shift = (out.numpy() for out in self._refine_net(_tensor(patches)))
        scores = _probability(*logits.T)
        passed = scores > THRESHOLDS[1]
        boxes, shift, scores = boxes[passed], shift[passed], scores[passed]
        kept = _kept(boxes, scores, 0.7)
        return _squared(_moved(boxes[kept], shift[kept]))

    def _output(self, image: Image, boxes: Boxes) -> "_Output":
        """Third stage: the final box, its score, and five landmarks."""
        row, patches = _patches(image, boxes, side=48)
        boxes = boxes[row]
        if not len(row):
            return _Output(row, boxes, np.empty((0, 5, 2), np.float32), np.empty(0, np.float32))
        logits, shift, points = (out.numpy() for out in self._output_net(_tensor(patches)))
        places = np.stack([points[:, :5], points[:, 5:]], axis=2)
        marks = boxes[:, None, :2] + places * (boxes[:, None, 2:] - boxes[:, None, :2])
        return _Output(row, _moved(boxes, shift), marks, _probability(*logits.T))


@dataclass(frozen=True, slots=True)
class _Output:
    """What the third network says of N boxes."""

    row: NDArray[np.int64]  # (N,) which of the boxes asked for
    boxes: Boxes
    marks: NDArray[np.float32]  # (N, 5, 2)
    scores: NDArray[np.float32]  # (N,)

    def face(self, i: int, to_image: NDArray[np.float64]) -> Face | None:
        """One of them in pixels of the picture; None where the box is turned inside out."""
        x1, y1, x2, y2 = (self.boxes[i].reshape(2, 2) * to_image).ravel().tolist()
        if x2 <= x1 or y2 <= y1:
            return None
        landmarks = tuple(map(tuple, (self.marks[i] * to_image).tolist()))
        return Face((x1, y1, x2, y2), landmarks, min(1.0, float(self.scores[i])))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Networks this small lose more by waiting for other threads than they gain by them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _probability(against: NDArray[np.float32], for_it: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax of two logits, of the second."""
    return np.asarray(1 / (1 + np.exp(against - for_it)), np.float32)


def _tensor(images: NDArray[np.uint8]) -> torch.Tensor:
    """`(N, H, W, 3)` uint8 becomes `(N, 3, H, W)` float32 in [-1, 1], channels last in memory."""
    scaled = (images.astype(np.float32) - np.float32(127.5)) * np.float32(1 / 128)
    return torch.from_numpy(scaled).permute(0, 3, 1, 2)


def _pyramid(image: Image) -> Iterator[tuple[Image, float]]:
    """The picture at each scale, and the scale; shrunk from halves of it, which costs less."""
    scale, halved = _CELL / MIN_FACE, image
    while min(image.shape[:2]) * scale >= _CELL:
        width, height = (int(side * scale + 1) for side in image.shape[1::-1])
        while halved.shape[1] >= 2 * width and halved.shape[0] >= 2 * height:
            half = (halved.shape[1] // 2, halved.shape[0] // 2)
            halved = np.asarray(cv2.resize(halved, half, interpolation=cv2.INTER_AREA), np.uint8)
        level = cv2.resize(halved, (width, height), interpolation=cv2.INTER_AREA)
        yield np.asarray(level, np.uint8), scale
        scale *= PYRAMID_FACTOR


def _kept(
    boxes: Boxes, scores: NDArray[np.float32], most: float, *, of_smaller: bool = False
) -> NDArray[np.int64]:
    """Non-maximum suppression by intersection over union, the highest score first.

    Args:
        most: a box that overlaps a better one by more is dropped.
        of_smaller: intersection over the smaller box instead, which a box inside another one does
            not pass.
    """
    left = np.argsort(-scores, kind="stable")
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        low = np.maximum(boxes[left, :2], boxes[best, :2])
        high = np.minimum(boxes[left, 2:], boxes[best, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        whole = areas[left] + areas[best] - shared
        if of_smaller:
            whole = np.minimum(areas[left], areas[best])
        left = left[shared <= most * whole]
    return np.array(kept, np.int64)


def _moved(boxes: Boxes, shift: NDArray[np.float32]) -> Boxes:
    """Move each corner by its predicted share of the box's own width and height."""
    size = boxes[:, 2:] - boxes[:, :2]
    return np.asarray(boxes + shift * np.concatenate([size, size], axis=1), np.float32)


def _squared(boxes: Boxes) -> Boxes:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _patches(
    image: Image, boxes: Boxes, *, side: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Which boxes touch the picture, and their pixels, each stretched to `(side, side, 3)`."""
    height, width = image.shape[:2]
    limits = np.array([width, height, width, height])
    corners = np.clip(np.round(boxes).astype(int), 0, limits)
    inside = np.flatnonzero((corners[:, 2:] > corners[:, :2]).all(axis=1))
    patches = [
        cv2.resize(image[y1:y2, x1:x2], (side, side), interpolation=cv2.INTER_AREA)
        for x1, y1, x2, y2 in corners[inside]
    ]
    stacked = np.array(patches, np.uint8).reshape(-1, side, side, 3)
    return inside, stacked
