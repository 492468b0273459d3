"""A small store of faces that are noise: quick to make, and no two alike."""

from pathlib import Path

import numpy as np
import pandas as pd

from deeptell.config import ExtractConfig
from deeptell.faces.crop import encode_crop
from deeptell.faces.shard import OK, Outcome, write_shard
from deeptell.faces.store import FaceStore, claim
from deeptell.faces.tables import compact
from deeptell.records import Face, StoredCrop

FRAMES = 4
METHODS = ("real", "A", "B")
BOX = (24.0, 24.0, 72.0, 72.0)
LANDMARKS = ((40.0, 43.0), (56.0, 43.0), (48.0, 54.0), (41.0, 61.0), (55.0, 61.0))


def noisy(seed: int, *, frame: int = 0) -> StoredCrop:
    """A face of noise, 48 px high."""
    image = np.random.default_rng(seed).integers(0, 256, (96, 96, 3), np.uint8)
    face = Face(BOX, LANDMARKS, 0.99)
    return StoredCrop(encode_crop(image), face, 0, frame, frame / 25, (0.0, 0.0), 1.0)


def noise_store(path: Path) -> FaceStore:
    """Four people, each once real and twice fake, `FRAMES` faces each; the last two validate."""
    claim(path, ExtractConfig(frames=FRAMES))
    rows = [_row(person, method) for person in range(4) for method in METHODS]
    for number, row in enumerate(rows):
        crops = [noisy(number * FRAMES + frame, frame=frame) for frame in range(FRAMES)]
        write_shard(path, row["video_key"], Outcome(OK, "", tracks=1, crops=FRAMES), crops)
    compact(path, pd.DataFrame(rows))
    return FaceStore(path)


def _row(person: int, method: str) -> dict[str, object]:
    return {
        "video_key": f"{method}/{person}",
        "path": f"{method}/{person}.mp4",
        "dataset": "noise",
        "method": method,
        "compression": "c23",
        "label": int(method != "real"),
        "split": "train" if person < 2 else "val",
        "target_id": str(person),
        "source_id": "",
        "group": str(person),
    }
