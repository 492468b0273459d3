"""How many stored faces does one core make ready for a model, and is that the brake of training?

    python benchmarks/loader.py
    python benchmarks/loader.py demo/faces [--model efficientnet_b4] [--batch 32]

Without a store: batches of 32 crops in random order, read, decoded, cut and normalised as the
readers of a training run do, in crops per second of processor time. The crops are generated, as
large in bytes as those of real video; beside them stands what decoding each in full, and nothing
else, would reach. It fails below 1,500 crops of 100 or 200 px for an input of 224 px; those of
384 px cost the decoder alone that much, and must reach 0.6 of what it does.

With a store: a model is trained on it as `deeptell train` does (bf16 on a GPU), once with batches
from the loader and once with one batch of noise that is there already, both in this process. It
prints samples and faces per second of each, and their ratio: where there is a GPU, it fails below
0.9.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pandas as pd
import torch

from deeptell.config import ExtractConfig, TrainConfig
from deeptell.data.augment import AUGMENTS
from deeptell.data.samples import samples_of
from deeptell.data.sampling import FaceDataset
from deeptell.data.splits import side
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.faces.shard import OK, Outcome, write_shard
from deeptell.faces.store import FaceStore, claim
from deeptell.faces.tables import compact
from deeptell.inputs import InputSpec
from deeptell.models.contract import Model
from deeptell.records import Face, Frame, Image
from deeptell.training.batches import Loaders, Material
from deeptell.training.networks import network_of
from deeptell.training.run import usable
from deeptell.training.tasks import Batch, Objective

LEAST_PER_SECOND, LEAST_OF_DECODER = 1500, 0.6
SMOOTHNESS = {100: 1.8, 200: 1.5, 384: 1.75}  # of each size, for 0.45, 0.45 and 0.28 bytes a pixel
VIDEOS, CROPS, BATCH, TRIES = 8, 16, 32, 5
LEAST = 0.9
WARM_UP = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", nargs="?", type=Path)
    parser.add_argument("--model", default="test_resnet")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=40)
    asked = parser.parse_args()
    if asked.faces is None:
        one_core()
    else:
        beside_training(asked)


def one_core() -> None:
    """Print crops per second by their size and that of the input."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    print(
        f"{'stored':>8}{'bytes':>8}{'decoder':>9}{'112 px':>8}{'224 px':>8}{'224 px, gentle':>16}"
    )
    slow = []
    for stored in SMOOTHNESS:
        with TemporaryDirectory() as folder:
            store = of_size(Path(folder) / "store", stored)
            crops = store.read(range(VIDEOS * CROPS))
            alone = fastest(lambda: [crop.bgr() for crop in crops], len(crops))  # noqa: B023
            rates = [
                ready(store, size, augment)
                for size, augment in ((112, "none"), (224, "none"), (224, "gentle"))
            ]
        size = sum(len(crop.jpeg) for crop in crops) // len(crops)
        print(f"{stored:5} px{size:8}{alone:9.0f}{rates[0]:8.0f}{rates[1]:8.0f}{rates[2]:16.0f}")
        least = LEAST_PER_SECOND if stored < 384 else LEAST_OF_DECODER * alone
        slow += [str(stored)] if rates[1] < least else []
    if slow:
        sys.exit(f"Too slow at 224 px: crops of {', '.join(slow)} px.")


def of_size(path: Path, stored: int) -> FaceStore:
    """A store of crops that are so many pixels wide."""
    claim(path, ExtractConfig(frames=CROPS))
    half = stored / 4
    box = (stored / 2 - half, stored / 2 - half, stored / 2 + half, stored / 2 + half)
    face = Face(box, tuple((stored / 2 + x, stored / 2 + x) for x in range(-2, 3)), 0.99)
    for video in range(VIDEOS):
        frames = [Frame(picture(stored, seed=video * CROPS + i), i, i / 25) for i in range(CROPS)]
        crops = [store_crop(cut_crop(frame, face, 0)) for frame in frames]
        write_shard(path, f"v{video}", Outcome(OK, "", tracks=1, crops=CROPS), crops)
    compact(path, pd.DataFrame({"video_key": [f"v{video}" for video in range(VIDEOS)]}))
    return FaceStore(path)


def picture(side: int, *, seed: int) -> Image:
    """Noise whose strength falls with frequency as in photographs, nearly alike in each colour."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    frequency[0, 0] = 1
    noise = np.fft.fft2(rng.normal(size=(4, side, side))) / frequency ** SMOOTHNESS[side]
    grey, *colours = np.fft.ifft2(noise).real
    image = np.dstack([0.9 * grey + 0.1 * colour for colour in colours])
    image = 128 + 40 * (image - image.mean()) / image.std()
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def ready(store: FaceStore, size: int, augment: str) -> float:
    """Crops per second of processor time that become batches."""
    spec = InputSpec(size=size)
    samples = samples_of(store.index, spec)
    labels = np.zeros(len(samples), np.int64)
    data = FaceDataset(store, samples, labels, spec=spec, augment=AUGMENTS[augment])
    order = np.random.default_rng(0).permutation(len(samples)).reshape(-1, BATCH)
    keys = [[(int(i), int(i)) for i in batch] for batch in order]
    return fastest(lambda: [len(data.__getitems__(batch)) for batch in keys], len(samples))


def fastest(work: Callable[[], object], crops: int) -> float:
    """Crops per second of processor time, in the best of some tries: others share the machine."""
    rates = []
    for _ in range(TRIES):
        began = time.process_time()
        work()
        rates.append(crops / (time.process_time() - began))
    return max(rates)


def beside_training(asked: argparse.Namespace) -> None:
    """Print the speed of training with and without reading."""
    config = TrainConfig(model=asked.model, batch_size=asked.batch, frames_per_video=25)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = network_of(config, encoder=None)[0].to(device).train()
    loaders = of(FaceStore(asked.faces), model, config)
    read = rate(model, forever(loaders), device, steps=asked.steps)
    noise = next(iter(loaders[0]))
    held = (torch.randn_like(noise[0]).to(device), noise[1].to(device), noise[2].to(device))
    there = rate(model, itertools.repeat(held), device, steps=asked.steps)
    print(f"{asked.model} on {device}, batches of {asked.batch}, {loaders[0].num_workers} readers")
    for name, found in (("read from the store", read), ("already there", there)):
        samples = found * asked.batch
        print(f"{name:22}{samples:9.1f} samples/s{samples * model.spec.frames:9.1f} faces/s")
    print(f"share: {read / there:.3f}")
    if device.type == "cuda" and read / there < LEAST:
        sys.exit(f"Reading is the brake: less than {LEAST} of the speed without it.")


def of(store: FaceStore, model: Model, config: TrainConfig) -> Loaders:
    """The loaders of a training run."""
    videos = usable(store)
    material = Material(store, videos, model.spec)
    sides = [material.without_short(side(videos, name)) for name in ("train", "val")]
    return material.loaders(*sides, config)


def forever(loaders: Loaders) -> Iterator[Batch]:
    """Epoch after epoch."""
    while True:
        yield from loaders[0]


def rate(model: Model, batches: Iterator[Batch], device: torch.device, *, steps: int) -> float:
    """Steps per second, after some to warm up."""
    objective = Objective(None, 1.0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4)
    on_gpu = device.type == "cuda"
    for step, (faces, lengths, labels) in enumerate(itertools.islice(batches, WARM_UP + steps)):
        if step == WARM_UP:
            if on_gpu:
                torch.cuda.synchronize()
            began = time.perf_counter()
        batch = tuple(part.to(device, non_blocking=True) for part in (faces, lengths, labels))
        with torch.autocast(device.type, torch.bfloat16, enabled=on_gpu):
            loss = objective.loss(model, batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    if on_gpu:
        torch.cuda.synchronize()
    return steps / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
