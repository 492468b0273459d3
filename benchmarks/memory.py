"""How much memory do an index of ten million crops, and training on it, take?

    python benchmarks/memory.py [--sizes 10000 1000000 10000000]

For a store of each size, in a process of its own: the seconds and the highest resident memory that
opening it, cutting its index into samples and making a training sampler add; then what drawing
20,000 keys of an epoch, and what reading 4,000 of their faces as a reader of a training run does,
add to that. The stores hold 100 crops of each video, and their tables are those that `extract`
writes. It fails where the first step adds 600 MB or takes 5 s, where it imports torch, or where
reading adds more than 100 MB.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa

from deeptell.config import ExtractConfig
from deeptell.data.samplers import PairedSampler
from deeptell.data.samples import samples_of
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.faces.shard import INDEX_SCHEMA, OK, Outcome, part_path, read_part, write_shard
from deeptell.faces.store import FaceStore, claim
from deeptell.faces.tables import write_index
from deeptell.inputs import InputSpec
from deeptell.records import Face, Frame

SIZES = (10_000, 1_000_000, 10_000_000)
CROPS, AT_ONCE = 100, 1000  # crops of a video; videos written at once
MOST_MB, MOST_SECONDS, MOST_READING_MB = 600, 5, 100
KEYS, READ = 20_000, 4_000
SPEC = InputSpec(size=224)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="crops")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure)))
        return
    kept = [of_an_index(size) for size in asked.sizes]  # every row is shown
    if not all(kept):
        sys.exit("A limit is passed.")


def of_an_index(size: int) -> bool:
    """Measure a store of so many crops and print a row; whether the limits are kept."""
    with TemporaryDirectory() as folder:
        write(Path(folder), videos=size // CROPS)
        command = [sys.executable, __file__, "--measure", folder]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(ran.stdout)
    print(
        f"{size:12,} crops: opened and sampled in {found['seconds']:.1f} s with "
        f"{found['open']:.0f} MB (then {found['held']:.0f} MB); {KEYS:,} keys "
        f"{found['keys']:.0f} MB, {READ:,} faces read {found['read']:.0f} MB",
        flush=True,
    )
    kept = found["seconds"] < MOST_SECONDS and found["open"] < MOST_MB
    return kept and found["read"] < MOST_READING_MB and not found["torch"]


def measure(path: Path) -> dict[str, Any]:
    """What a training run does with a store, and what each step adds to this process, in MB."""
    began, start = time.perf_counter(), resident()
    (store, samples, sampler), opened = highest(lambda: opening(path))
    seconds, held, torch = time.perf_counter() - began, resident() - start, "torch" in sys.modules
    keys, drawn = highest(lambda: list(islice(iter(sampler), KEYS)))
    data = dataset(store, samples)  # imports torch, which is not counted
    give_tars(path, store, samples.rows[[sample for sample, _ in keys[:READ]], 0])
    data.__getitems__(keys[:32])
    _, read = highest(lambda: read_all(data, keys[:READ]))
    found = {"seconds": seconds, "open": opened, "held": held, "keys": drawn, "read": read}
    return found | {"torch": torch}


def opening(path: Path) -> tuple[FaceStore, Any, PairedSampler]:
    """A store, its samples, and the sampler of a training run."""
    store = FaceStore(path)
    samples = samples_of(store.index, SPEC)
    return store, samples, PairedSampler(samples, store.index, store.videos, per_video=25, seed=0)


def dataset(store: FaceStore, samples: Any) -> Any:
    """As the readers of a training run have it."""
    from deeptell.data.augment import gentle
    from deeptell.data.sampling import FaceDataset

    labels = np.zeros(len(samples), np.int64)
    return FaceDataset(store, samples, labels, spec=SPEC, augment=gentle)


def read_all(data: Any, keys: Sequence[tuple[int, int]]) -> None:
    """Batch after batch."""
    for start in range(0, len(keys), 32):
        data.__getitems__(keys[start : start + 32])


def resident() -> float:
    """Resident memory of this process, MB."""
    return float(psutil.Process().memory_info().rss / 1e6)


def highest(step: Callable[[], Any]) -> tuple[Any, float]:
    """What a step gives, and the most that it adds to the resident memory while it runs, MB."""
    before, most, done = resident(), [resident()], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            most.append(max(most.pop(), resident()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = step()
    done.set()
    watcher.join()
    return result, max(*most, resident()) - before


def write(folder: Path, *, videos: int) -> None:
    """A store's tables, written part by part as `extract` does; no crop can be read yet."""
    number = np.arange(videos)
    table = pd.DataFrame(
        {
            "video_key": [f"dataset/method_{i % 5}/c23/{i:08d}.mp4" for i in number],
            "path": [f"manipulated/method_{i % 5}/c23/videos/{i:08d}.mp4" for i in number],
            "dataset": "generated",
            "method": [f"method_{i % 5}" for i in number],
            "compression": "c23",
            "label": (number % 5 > 0).astype(int),
            "split": np.where(number % 10 < 8, "train", "val"),
            "target_id": [f"{i // 5:06d}" for i in number],
            "source_id": [f"{(i * 7) % videos:06d}" for i in number],
            "group": [f"g{i // 50}" for i in number],
        }
    ).sort_values("video_key")
    claim(folder, ExtractConfig(frames=CROPS))
    keys = table["video_key"].tolist()
    offsets = one_shard(folder)
    write_index(folder, parts(keys, offsets), video_keys=keys)
    table.to_parquet(folder / "videos.parquet")


def parts(keys: Sequence[str], offsets: Any) -> Iterator[pa.Table]:
    """Rows of the index, in which every video has the crops of the same shard."""
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        of = np.repeat(np.arange(len(some)), CROPS)
        shard = offsets.take(np.tile(np.arange(CROPS), len(some)))
        tars = [part_path(key).with_suffix(".tar").as_posix() for key in some]
        shard = shard.set_column(0, "video_key", pa.array(some).take(of))
        place = shard.schema.get_field_index("tar")
        yield shard.set_column(place, "tar", pa.array(tars).take(of)).cast(INDEX_SCHEMA)


def one_shard(folder: Path) -> pa.Table:
    """Write the crops of one video, 220 px, and give its part of the index."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (24, 32, 3), np.uint8)
    image = np.ascontiguousarray(small.repeat(20, 0).repeat(20, 1))
    face = Face((200.0, 150.0, 310.0, 260.0), ((230.0, 190.0),) * 5, 0.99)
    crops = [store_crop(cut_crop(Frame(image, i, i / 25), face, 0)) for i in range(CROPS)]
    write_shard(folder, "shard", Outcome(OK, "", tracks=1, crops=CROPS), crops)
    part = read_part(folder, "shard")
    assert part is not None
    return part[0]


def give_tars(folder: Path, store: FaceStore, rows: Any) -> None:
    """Put the one tar in the place of those that some rows are read from."""
    whole = folder / part_path("shard").with_suffix(".tar")
    for key in store.index["video_key"].iloc[np.unique(rows)].unique():
        tar = folder / part_path(key).with_suffix(".tar")
        tar.parent.mkdir(parents=True, exist_ok=True)
        os.link(whole, tar)


if __name__ == "__main__":
    main()
