"""The faces in which a model was most wrong."""

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.data.samples import keys_of, samples_of
from deeptell.evaluation.scores import ScoreTable
from deeptell.faces.crop import encode_crop
from deeptell.inputs import cut
from deeptell.records import FAKE
from deeptell.report.results.records import HardFace
from deeptell.results.sources import Source

MOST = 8  # of each kind
FACE_PX = 160

Faces = tuple[HardFace, ...]


def worst_faces(frames: ScoreTable, source: Source) -> tuple[Faces, Faces]:
    """The real videos with the highest scores, and the manipulated ones with the lowest.

    Args:
        frames: the scores of every sample of the side that was measured.
    """
    videos = frames.pooled()
    order = np.argsort(videos.logits, kind="stable")
    fake = videos.labels[order] == FAKE
    rows = _middles(frames, source)

    def faces(chosen: NDArray[np.intp]) -> Faces:
        return tuple(_face(frames, source, rows, video) for video in videos.videos[chosen])

    return faces(order[~fake][::-1][:MOST]), faces(order[fake][:MOST])


def _middles(frames: ScoreTable, source: Source) -> NDArray[np.int64]:
    """The row of the store in the middle of each scored sample: both are in the store's order."""
    index = source.store.index
    middle = samples_of(index, source.bundle.model.spec).middle
    return middle[keys_of(index, middle).isin(set(frames.videos))]


def _face(frames: ScoreTable, source: Source, rows: NDArray[np.int64], video: str) -> HardFace:
    """The sample of a video in which the model is most wrong; the score is the video's."""
    here = np.flatnonzero(frames.videos == video)
    label = int(frames.labels[here[0]])
    wrong = -frames.logits[here] if label == FAKE else frames.logits[here]
    place = here[int(np.argmax(wrong))]
    image = cut(source.store.read([int(rows[place])])[0], source.bundle.model.spec)
    shown = cv2.resize(image, (FACE_PX, FACE_PX), interpolation=cv2.INTER_CUBIC)
    about = [frames.methods[place] if label == FAKE else "", frames.compressions[place]]
    return HardFace(
        jpeg=encode_crop(np.asarray(shown, np.uint8)),
        video=str(video),
        label=label,
        fake_probability=float(frames.rows(here).pooled().fake_probability[0]),
        note=", ".join(str(part) for part in about if part),
    )
