"""Who is who across cuts: tracks of one human are joined, with a model of identity from outside.

No such model comes with deeptell: the good ones are licensed for research only. Without one each
track stands for itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from deeptell.files import sha256_of
from deeptell.inputs import prepare
from deeptell.models.contract import Encoder
from deeptell.models.onnx import OnnxEncoder
from deeptell.records import StoredCrop

# Cosine from which two tracks are of one person. With a MobileFaceNet trained for identity, people
# of other real clips reached 0.37 at most, and halves of one track 0.64 at least.
SAME = 0.45
ASKED = 8  # faces of a track, spread over it

Crops = Sequence[StoredCrop]


@dataclass(frozen=True)
class Identity:
    """A model of identity, and what it is called in results."""

    encoder: Encoder
    name: str  # of the file, and the beginning of its SHA-256

    @classmethod
    def of(cls, file: Path) -> "Identity":
        """The model in an ONNX file: aligned faces of its size, RGB, (x - 127.5) / 128.

        Raises:
            ConfigError: the file cannot be read, or takes something else.
            MissingExtraError: onnxruntime is not installed.
        """
        encoder = OnnxEncoder.of(file)
        encoder.spec = replace(encoder.spec, alignment="template")
        return cls(encoder.eval(), f"{file.name} ({sha256_of(file)[:12]})")

    def people(self, tracks: Sequence[Crops]) -> list[list[Crops]]:
        """Share tracks among people: each joins the person it is most like, or begins one.

        Two tracks that are seen at the same time are two people, however alike.

        Args:
            tracks: in order of appearance, none empty.
        """
        people: list[list[Crops]] = []
        looks: list[NDArray[np.float32]] = []  # sums of the looks of each person's tracks
        for track in tracks:
            mine = self._look(track)
            likeness = [
                -1.0 if any(_together(track, other) for other in known) else _cosine(mine, look)
                for known, look in zip(people, looks, strict=True)
            ]
            best = int(np.argmax(likeness)) if likeness else 0
            if likeness and likeness[best] >= SAME:
                people[best].append(track)
                looks[best] = looks[best] + mine
            else:
                people.append([track])
                looks.append(mine)
        return people

    def _look(self, track: Crops) -> NDArray[np.float32]:
        """The mean of the embeddings `(D,)`, each of length 1."""
        few = np.unique(np.linspace(0, len(track) - 1, ASKED).round().astype(int))
        faces = torch.from_numpy(prepare([track[i] for i in few], self.encoder.spec))
        with torch.inference_mode():
            embeddings = self.encoder.embed(faces).float().numpy()
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        return np.asarray((embeddings / np.maximum(lengths, 1e-12)).mean(axis=0), np.float32)


def _together(one: Crops, other: Crops) -> bool:
    return (
        one[0].frame_index <= other[-1].frame_index and other[0].frame_index <= one[-1].frame_index
    )


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))
