"""How long training a head on 20,000 cached embeddings takes.

    python benchmarks/heads.py

Every head and classic classifier is trained by `deeptell.training.run.train` with its recipe in
`recipes/iwbf2020/corrected`, on generated embeddings of 512 values: 800 videos of 25 faces, one
in five real, 40 groups, so noisy that validation does not end training early. The seconds are
those of the whole run: training, fitting and calibrating the classifier, choosing thresholds on
validation videos, and writing the bundle. It fails where one takes more than a minute.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from deeptell.config import ExtractConfig
from deeptell.data.embeddings import Embeddings, Origin, begin, finish, write_part
from deeptell.data.samples import samples_of
from deeptell.faces.shard import INDEX_SCHEMA
from deeptell.faces.store import FaceStore, claim
from deeptell.faces.tables import write_index
from deeptell.inputs import InputSpec
from deeptell.models.bundle import save_encoder
from deeptell.models.contract import Encoder
from deeptell.models.families import make
from deeptell.models.names import CLASSIFIERS
from deeptell.reproduce.plan import CELLS, LOSSES, MININGS, recipe
from deeptell.training.run import train

VIDEOS, FACES, WIDTH, GROUPS = 800, 25, 512, 40
MOST_SECONDS = 60


def main() -> None:
    slow = []
    with TemporaryDirectory() as folder:
        store, cache = world(Path(folder))
        print(f"{'head':44}{'seconds':>8}")
        for number, (name, place, settings) in enumerate(heads()):
            config = recipe(f"corrected/{place}", **settings)
            began = time.perf_counter()
            train(store, Path(folder) / str(number), config=config, embeddings=cache)
            took = time.perf_counter() - began
            print(f"{name:44}{took:8.1f}", flush=True)
            slow += [name] if took > MOST_SECONDS else []
    if slow:
        sys.exit(f"More than {MOST_SECONDS} s: {', '.join(slow)}")


def heads() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, recipe and settings of each head."""
    linear = {"classifier": "linear"}
    yield "cross-entropy", "metric", {"loss": "cross_entropy", **linear}
    for mining in ("semi_hard", *MININGS):
        yield f"triplets, {mining}", "metric", {"mining": mining, **linear}
    for loss, settings in LOSSES.items():
        yield loss, "metric", {"loss": loss, **settings, **linear}
    for cell in CELLS:
        yield cell, "recurrent", {"model": cell}
    for name in CLASSIFIERS:
        yield f"{name}, on the 512 values", "metric", {"model": name, "loss": "cross_entropy"}
        yield f"{name}, on triplets' 64", "metric", {"classifier": name}


def world(folder: Path) -> tuple[FaceStore, Embeddings]:
    """The tables of a store without pictures, and embeddings of its faces."""
    number = np.arange(VIDEOS)
    label = (number % 5 > 0).astype(int)
    videos = pd.DataFrame(
        {
            "video_key": [f"v{i:04d}" for i in number],
            "path": "",
            "dataset": "generated",
            "method": np.where(label == 1, "fake", "real"),
            "compression": "raw",
            "label": label,
            "split": np.where(number < VIDEOS * 3 // 4, "train", "val"),
            "target_id": [f"p{i // 5}" for i in number],
            "source_id": "",
            "group": [f"g{i * GROUPS // VIDEOS}" for i in number],
            "status": "ok",
            "reason": "",
        }
    )
    rows = pd.DataFrame(0, index=range(VIDEOS * FACES), columns=INDEX_SCHEMA.names)
    rows = rows.assign(
        video_key=np.repeat(videos["video_key"].to_numpy(), FACES),
        frame_index=np.tile(np.arange(FACES), VIDEOS),
        tar="",
    )
    claim(folder / "store", ExtractConfig(frames=FACES))
    videos.to_parquet(folder / "store" / "videos.parquet")
    parts = [pa.Table.from_pandas(rows, INDEX_SCHEMA)]
    write_index(folder / "store", parts, video_keys=videos["video_key"].tolist())
    store = FaceStore(folder / "store")
    rng = np.random.default_rng(0)
    values = rng.normal(size=(VIDEOS * FACES, WIDTH)).astype(np.float32)
    values[:, :16] += 0.3 * np.repeat(label, FACES)[:, None]
    packed = save_encoder(folder / "cache" / "encoder", encoder())
    begin(folder / "cache", Origin(packed.sha256, store.fingerprint))
    write_part(folder / "cache", 0, values)
    finish(folder / "cache", samples_of(store.index, InputSpec(size=64)), 1)
    return store, Embeddings(folder / "cache")


def encoder() -> Encoder:
    """Any that gives 512 values: it is kept with the cache, and not asked."""
    torch.manual_seed(0)
    return make("backbone", {"backbone": "resnet18", "size": 64})


if __name__ == "__main__":
    main()
