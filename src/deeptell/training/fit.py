"""One network, one objective, one run folder: Lightning does the rest."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import nn
from torch.utils.data import DataLoader

from deeptell.config import TrainConfig
from deeptell.data.samplers import EpochSampler
from deeptell.data.sampling import Item
from deeptell.models.contract import Head, Model
from deeptell.progress import Progress
from deeptell.training.batches import Loaders
from deeptell.training.epochs import EpochTable, name_chosen
from deeptell.training.tasks import Objective, Task


def fit(
    network: Model | Head,
    loaders: Loaders,
    run: Path,
    *,
    objective: Objective,
    config: TrainConfig,
    still: nn.Module | None,
    progress: Progress | None,
) -> None:
    """Train until the validation loss has not fallen for `patience` epochs; keep the best weights.

    `run` gets checkpoints, the curves for TensorBoard, and a table of the epochs that names the
    one whose weights were kept; no test video is near: the loaders hold none.

    A run that was cut off goes on from its last epoch.
    """
    checkpoint = ModelCheckpoint(
        run / "checkpoints", filename="best", monitor="val_loss", save_last=True
    )
    stop = EarlyStopping("val_loss", patience=config.patience)
    callbacks: list[Callback] = [EpochTable(run), checkpoint, stop]
    if progress:
        callbacks.append(_Reporter(progress))
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    trainer = L.Trainer(
        accelerator="auto",
        devices=1,
        precision=precision_of(config.precision, network),
        max_epochs=config.epochs,
        callbacks=callbacks,
        logger=TensorBoardLogger(run, name="curves", version=""),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
        gradient_clip_val=1.0,
    )
    last = run / "checkpoints" / "last.ckpt"
    sampler = loaders[0].sampler
    if last.is_file() and isinstance(sampler, EpochSampler):
        # Lightning draws the first batches of a resumed run before it tells the sampler the epoch.
        sampler.set_epoch(torch.load(last, weights_only=True)["epoch"] + 1)
    task = Task(network, objective=objective, config=config, still=still)
    with _threads_for(loaders[0]), warnings.catch_warnings():
        # Lightning advises one worker for every core, on two cores too, and lags behind torch.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
        # A run that is taken up again has checkpoints: that is the point.
        warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
        trainer.fit(task, *loaders, ckpt_path=last if last.is_file() else None, weights_only=True)
    name_chosen(run, Path(checkpoint.best_model_path))
    state = torch.load(checkpoint.best_model_path, weights_only=True)["state_dict"]
    network.load_state_dict({k.removeprefix("network."): tensor for k, tensor in state.items()})
    network.eval()


@contextmanager
def _threads_for(loader: DataLoader[Item]) -> Iterator[None]:
    """Compute on the cores that the readers of faces leave; without readers, on one.

    Threads that wait for each other in every layer must not share a core with anything: one more
    busy process than cores made an epoch take six to nine times as long. Heads on features in
    memory are so small that a second thread gains nothing even where it is alone.
    """
    before = torch.get_num_threads()
    left = (os.cpu_count() or 1) - loader.num_workers if loader.num_workers else 1
    torch.set_num_threads(max(1, min(before, left)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Reporter(Callback):
    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        self._progress(trainer.global_step, int(trainer.estimated_stepping_batches))


def precision_of(name: str, network: nn.Module) -> Literal["32-true", "bf16-mixed"]:
    """Lightning's name; "auto" is bf16 on hardware that computes in it, else fp32.

    On CPUs, 3-D convolutions stay in fp32: in bf16 some runs, and not their repetitions, met NaN.
    """
    if name == "auto":
        on_gpu = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        volumes = any(isinstance(part, nn.Conv3d) for part in network.modules())
        on_cpu = torch.cpu._is_avx512_bf16_supported() and not volumes
        name = "bf16" if on_gpu or on_cpu else "fp32"
    return "bf16-mixed" if name == "bf16" else "32-true"
