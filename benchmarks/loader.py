"""Is reading faces the brake of training?

    python benchmarks/loader.py [demo/faces] [--model efficientnet_b4] [--batch 32]

Trains a model on a FaceStore as `deeptell train` does (bf16 on a GPU), once with batches from the
loader and once with one batch of noise that is there already, both in this process. It prints
samples and faces per second of each, and their ratio: where there is a GPU, it fails below 0.9.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from deeptell.config import TrainConfig
from deeptell.data.splits import side
from deeptell.faces.store import FaceStore
from deeptell.models.contract import Model
from deeptell.training.batches import Loaders, Material
from deeptell.training.networks import network_of
from deeptell.training.run import usable
from deeptell.training.tasks import Batch, Objective

LEAST = 0.9
WARM_UP = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", nargs="?", type=Path, default=Path("demo/faces"))
    parser.add_argument("--model", default="test_resnet")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=40)
    asked = parser.parse_args()
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
