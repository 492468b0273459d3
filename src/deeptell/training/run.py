"""From a store and a configuration to a bundle.

Nothing here can see a test set: only the videos of the splits "train" and "val" are read, and the
epoch, the thresholds and the error rates in the bundle come from the validation people.
"""

import json
import logging
import os
import platform
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import lightning as L
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from torch.utils.data import DataLoader

from deeptell.config import TrainConfig
from deeptell.data.augment import AUGMENTS
from deeptell.data.sampling import FaceDataset, PairedSampler, spread_rows
from deeptell.data.scores import score_videos
from deeptell.data.splits import check_leaks, side
from deeptell.errors import ConfigError, DataError
from deeptell.evaluation.metrics import operating_points, sigmoid
from deeptell.faces.store import FaceStore
from deeptell.files import replacing
from deeptell.models.bundle import Bundle, save_bundle, update_card
from deeptell.models.contract import Model
from deeptell.models.families import build
from deeptell.models.scoring import score_crops
from deeptell.records import BundleCard
from deeptell.training.tasks import CrossEntropyTask

Item = tuple[Tensor, Tensor]
Loaders = tuple[DataLoader[Item], DataLoader[Item]]
Progress = Callable[[int, int], None]


def train(
    store: FaceStore, run: Path, *, config: TrainConfig, progress: Progress | None = None
) -> Bundle:
    """Train one model; write `run/bundle`, `run/run.json` and the training curves.

    A run that was cut off goes on from its last epoch when it is started again.

    Args:
        store: faces whose videos carry label, split, group and the ids of their people.
        run: the folder of this run.
        progress: called with the steps done, and how many there are at most.

    Raises:
        DataError: a class is missing from "train" or "val".
        LeakError: a person or a group stands on two sides.
        ConfigError: a name is unknown, or `run` holds a run with other settings or faces.
    """
    videos = usable(store)
    check_leaks(videos)
    trained, validated = side(videos, "train"), side(videos, "val")
    L.seed_everything(config.seed, workers=True, verbose=False)
    model = build(
        config.model,
        {"backbone": config.backbone, "size": config.size, "margin": config.margin},
    )
    loaders = _loaders(store, trained, validated, model, config)
    _claim(run, config, store)
    model.load_state_dict(_fit(model, loaders, run, config, progress))
    bundle = save_bundle(run / "bundle", _untested_bundle(model, store, config, trained))
    return _with_operating_points(run / "bundle", bundle, store, validated)


def _claim(run: Path, config: TrainConfig, store: FaceStore) -> None:
    """Note in `run/run.json` what this run is, or check that it is the one begun there."""
    ours = {"store": store.fingerprint, **config.model_dump()}
    path = run / "run.json"
    if not path.is_file():
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(ours, indent=2) + "\n", encoding="utf-8")
        return
    try:
        theirs = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{path} is damaged ({error}): give the run another folder.") from None
    changed = [key for key in ours if theirs.get(key) != ours[key]]
    if changed:
        raise ConfigError(
            f"{run} holds a run with another {' and '.join(changed)}: give this one another folder."
        )


def usable(store: FaceStore) -> pd.DataFrame:
    """The videos of a store that have at least one stored face."""
    videos = store.videos
    missing = {"label", "split", "group", "target_id", "source_id"} - set(videos.columns)
    if missing:
        raise DataError(
            f"The store {store.path} does not say the {min(missing)} of its videos; "
            "extract it from a manifest made by 'deeptell index'."
        )
    return videos.loc[videos["video_key"].isin(store.index["video_key"])]


def _loaders(
    store: FaceStore,
    trained: pd.DataFrame,
    validated: pd.DataFrame,
    model: Model,
    config: TrainConfig,
) -> Loaders:
    label_of = pd.concat([trained, validated]).set_index("video_key")["label"]
    labels = store.index["video_key"].map(label_of).fillna(-1).to_numpy(np.int64)
    sampler = PairedSampler(
        store.index, trained, per_video=config.frames_per_video, seed=config.seed
    )
    workers = _workers()
    changed = FaceDataset(store, labels, spec=model.spec, augment=AUGMENTS["gentle"])
    fixed = FaceDataset(store, labels, spec=model.spec, augment=AUGMENTS["none"])
    rows = validation_rows(store, validated, per_video=config.frames_per_video)
    return (
        DataLoader(
            changed,
            config.batch_size,
            sampler=sampler,
            drop_last=True,
            num_workers=workers,
            persistent_workers=True,
        ),
        DataLoader(fixed, 2 * config.batch_size, sampler=rows.tolist(), num_workers=workers),
    )


def validation_rows(
    store: FaceStore, videos: pd.DataFrame, *, per_video: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions in the store's index of `per_video` faces of each of the videos."""
    mine = np.flatnonzero(store.index["video_key"].isin(videos["video_key"]))
    rows = mine[spread_rows(store.index.iloc[mine], per_video=per_video)]
    return np.asarray(rows, np.int64)


def _fit(
    model: Model, loaders: Loaders, run: Path, config: TrainConfig, progress: Progress | None
) -> dict[str, Tensor]:
    """Train until the validation loss has not fallen for `patience` epochs; the best weights."""
    checkpoint = ModelCheckpoint(
        run / "checkpoints", filename="best", monitor="val_loss", save_last=True
    )
    callbacks: list[Callback] = [checkpoint, EarlyStopping("val_loss", patience=config.patience)]
    if progress:
        callbacks.append(_Reporter(progress))
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    task = CrossEntropyTask(
        model,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        seed=config.seed,
    )
    trainer = L.Trainer(
        accelerator="auto",
        devices=1,
        precision=_precision(config.precision),
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
    if last.is_file() and isinstance(sampler, PairedSampler):
        # Lightning draws the first batches of a resumed run before it tells the sampler the epoch.
        sampler.set_epoch(torch.load(last, weights_only=True)["epoch"] + 1)
    with _threads_beside(_workers()), warnings.catch_warnings():
        # Lightning advises one worker for every core, on two cores too, and lags behind torch.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
        # A run that is taken up again has checkpoints: that is the point.
        warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
        trainer.fit(task, *loaders, ckpt_path=last if last.is_file() else None, weights_only=True)
    state = torch.load(checkpoint.best_model_path, weights_only=True)["state_dict"]
    return {name.removeprefix("model."): tensor for name, tensor in state.items()}


def _workers() -> int:
    """Processes that read faces: one for every four cores."""
    return max(1, (os.cpu_count() or 1) // 4)


@contextmanager
def _threads_beside(workers: int) -> Iterator[None]:
    """Compute on the cores that the workers leave.

    Threads that wait for each other in every layer must not share a core with anything: one more
    busy process than cores made an epoch take six to nine times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, (os.cpu_count() or 1) - workers)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Reporter(Callback):
    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        self._progress(trainer.global_step, int(trainer.estimated_stepping_batches))


def _precision(name: str) -> Literal["32-true", "bf16-mixed"]:
    """Lightning's name; "auto" is bf16 on hardware that computes in it, else fp32."""
    if name == "auto":
        on_gpu = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
        name = "bf16" if on_gpu or torch.cpu._is_avx512_bf16_supported() else "fp32"
    return "bf16-mixed" if name == "bf16" else "32-true"


def _untested_bundle(
    model: Model, store: FaceStore, config: TrainConfig, trained: pd.DataFrame
) -> Bundle:
    counts = trained["label"].value_counts()
    statement = config.statement or (
        f"Trained on {counts[0]} real and {counts[1]} manipulated videos of "
        f"{', '.join(sorted(trained['dataset'].unique()))}."
    )
    card = BundleCard(
        name=f"{config.model}-{config.backbone}",
        sha256="",
        architecture=f"{config.backbone} at {config.size} px, one face at a time",
        statement=statement,
        operating_points=(),
        measurements=(),
    )
    training = {
        "config": config.model_dump(),
        "store": store.fingerprint,
        "real_videos": int(counts[0]),
        "fake_videos": int(counts[1]),
        "python": platform.python_version(),
    }
    return Bundle(model, card, training)


def _with_operating_points(
    folder: Path, bundle: Bundle, store: FaceStore, validated: pd.DataFrame
) -> Bundle:
    """Measure the thresholds with the weights as they were saved, on every stored face."""
    frames = score_videos(store, validated, lambda crops: score_crops(bundle.model, crops))
    scored = frames.pooled()
    points = operating_points(scored.labels, sigmoid(scored.logits))
    measured = replace(bundle, card=replace(bundle.card, operating_points=points))
    update_card(folder, measured)
    return measured
