"""The faces that are shown with a score, and where the model is said to have looked in them."""

import cv2
import numpy as np
import pytest
from torch import Tensor

from deeptell.answers import FrameScore
from deeptell.faces.crop import encode_crop
from deeptell.inputs import InputSpec, sample_rows
from deeptell.models.contract import Model
from deeptell.records import Face, StoredCrop
from deeptell.scan.evidence import EVIDENCE_PX, MOST_EVIDENCE, telling

SIDE = 96
LANDMARKS = ((40.0, 40.0), (56.0, 40.0), (48.0, 50.0), (42.0, 58.0), (54.0, 58.0))


class LowerLeft(Model):
    """Says how bright the lower left of each sample is; there is no layer to take a map from."""

    def __init__(self, *, frames: int) -> None:
        super().__init__()
        self.spec = InputSpec(size=32, frames=frames, consecutive=False)
        self.asked: set[int] = set()

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        self.asked |= set() if lengths is None else set(lengths.tolist())
        return batch[..., 16:, :16].flatten(1).mean(dim=1)[:, None]

    def classify(self, embedding: Tensor) -> Tensor:
        return embedding[:, 0]


def crop(frame: int) -> StoredCrop:
    """A grey picture with a face in its middle, lighter in its lower left."""
    picture = np.full((SIDE, SIDE, 3), 90, np.uint8)
    picture[48:, :48] = 220
    face = Face((32.0, 32.0, 64.0, 64.0), LANDMARKS, 1.0)
    return StoredCrop(encode_crop(picture), face, 0, frame, frame / 10, (0.0, 0.0), 1.0)


def weights(found) -> np.ndarray:
    """How much was laid over each place of a face, `(EVIDENCE_PX, EVIDENCE_PX)`."""
    face, heat = (
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(float)
        for data in (found.face_jpeg, found.heat_jpeg)
    )
    return np.abs(heat - face).sum(axis=2)


@pytest.mark.parametrize("frames", [1, 4])
def test_a_model_without_a_layer_shows_the_place_that_answers(frames):
    model = LowerLeft(frames=frames)
    spans = np.array([[start, start + frames] for start in range(0, 8, frames)])
    spans[-1, 1] -= frames > 1  # the last sample is a short one
    rows, lengths = sample_rows(spans, frames=frames)
    samples = [[crop(int(i)) for i in row] for row in rows]
    middles = [faces[(n - 1) // 2] for faces, n in zip(samples, lengths, strict=True)]
    said = [
        FrameScore(one.frame_index, one.pts_seconds, i / 10, one.face.box_xyxy)
        for i, one in enumerate(middles)
    ]
    found = telling(model, samples, lengths, said)
    assert len(found) == min(MOST_EVIDENCE, len(samples))
    assert model.asked == set(lengths.tolist())
    seconds = [one.seconds for one in found]
    assert seconds == sorted(seconds)
    assert seconds[-1] == middles[-1].pts_seconds  # the highest of the last stretch
    half = EVIDENCE_PX // 2
    for one in found:
        laid = weights(one)
        assert laid.shape == (EVIDENCE_PX, EVIDENCE_PX)
        assert laid[half:, :half].mean() > 5 * laid[:half, half:].mean()
