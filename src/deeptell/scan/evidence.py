"""What a score rests on: the most telling faces, and where in them the model looked."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from deeptell.answers import Evidence, FrameScore
from deeptell.explain.heat import heat_map, methods_for
from deeptell.faces.crop import encode_crop
from deeptell.inputs import InputSpec, cut, prepare
from deeptell.models.contract import Model
from deeptell.records import Image, StoredCrop

MOST_EVIDENCE = 4
EVIDENCE_PX = 224


def telling(
    model: Model,
    samples: Sequence[Sequence[StoredCrop]],
    lengths: NDArray[np.int64],
    scores: Sequence[FrameScore],
) -> tuple[Evidence, ...]:
    """The samples with the highest scores in each stretch of the video, in order of time.

    The heat map is the quickest that the model can be asked for: Grad-CAM, or occlusion where
    there is no layer that a gradient map is taken from, as with classic classifiers.

    Args:
        samples: the faces that the model was asked about.
        lengths: `(M,)` how many of each are its own.
        scores: what it said of each; they name the frame that is shown.
    """
    parts = np.array_split(np.arange(len(samples)), min(MOST_EVIDENCE, len(samples)))
    chosen = [int(max(part, key=lambda i: scores[i].fake_probability)) for part in parts]
    batch = torch.from_numpy(prepare([crop for i in chosen for crop in samples[i]], model.spec))
    own = torch.from_numpy(lengths[chosen])
    maps = heat_map(model, batch, method=methods_for(model)[0], lengths=own).numpy()
    return tuple(
        _one(samples[i], scores[i], heat, model.spec) for i, heat in zip(chosen, maps, strict=True)
    )


def _one(
    sample: Sequence[StoredCrop], said: FrameScore, heat: NDArray[np.float32], spec: InputSpec
) -> Evidence:
    """The face of a sample that its score names, and its heat map."""
    place = next(i for i, c in enumerate(sample) if c.frame_index == said.frame_index)
    face = _enlarged(cut(sample[place], spec))
    return Evidence(
        seconds=said.seconds,
        fake_probability=said.fake_probability,
        face_jpeg=encode_crop(face),
        heat_jpeg=encode_crop(_overlay(face, heat if heat.ndim == 2 else heat[place])),
    )


def _overlay(face: Image, heat: NDArray[np.float32]) -> Image:
    """The heat map over the face it was taken from; faint heat leaves the face visible."""
    level = np.clip(_enlarged(heat), 0, 1)
    colours = cv2.applyColorMap((level * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    share = 0.65 * level[..., None]
    mixed = (1 - share) * face + share * colours[..., ::-1].astype(np.float32)
    return np.asarray(np.clip(mixed, 0, 255), np.uint8)


def _enlarged(picture: NDArray[Any]) -> NDArray[Any]:
    size = (EVIDENCE_PX, EVIDENCE_PX)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC))
