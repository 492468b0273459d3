"""`metrics.csv` of a run: a row for each epoch, and which epoch's weights were kept."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from deeptell.files import replacing

TABLE = "metrics.csv"
# Epochs count from 1; the learning rate is that of the epoch's last step.
COLUMNS = ("epoch", "train_loss", "val_loss", "learning_rate", "chosen")


class EpochTable(Callback):
    """Writes the row of each epoch before its checkpoint: a run cut off between the two goes on
    from the checkpoint before, and writes that row once more."""

    def __init__(self, run: Path) -> None:
        self._path = run / TABLE
        self._lost, self._seen = 0.0, 0  # sum of losses over the epoch's samples, and their number

    def on_train_epoch_start(self, trainer: L.Trainer, *_: object) -> None:
        """Begin the sums anew, and drop rows of epochs that are run again."""
        self._lost, self._seen = 0.0, 0
        _write(self._path, read_epochs(self._path.parent)[: trainer.current_epoch])

    def on_train_batch_end(
        self, trainer: L.Trainer, task: L.LightningModule, outputs: Any, batch: Any, *_: object
    ) -> None:
        """Count a batch as the curves for TensorBoard count it: by its samples."""
        self._lost += float(outputs["loss"]) * len(batch[2])
        self._seen += len(batch[2])

    def on_validation_end(self, trainer: L.Trainer, *_: object) -> None:
        """Add the row; Lightning calls what keeps checkpoints last."""
        row = {
            "epoch": str(trainer.current_epoch + 1),
            "train_loss": repr(self._lost / max(1, self._seen)),
            "val_loss": repr(float(trainer.callback_metrics["val_loss"])),
            "learning_rate": repr(float(trainer.optimizers[0].param_groups[0]["lr"])),
            "chosen": "",
        }
        _write(self._path, [*read_epochs(self._path.parent), row])


def name_chosen(run: Path, checkpoint: Path) -> None:
    """Mark the epoch whose weights a checkpoint holds as the chosen one."""
    number = torch.load(checkpoint, weights_only=True)["epoch"] + 1
    rows = [
        {**row, "chosen": "yes" if row["epoch"] == str(number) else ""} for row in read_epochs(run)
    ]
    _write(run / TABLE, rows)


def read_epochs(run: Path) -> list[dict[str, str]]:
    """The rows of a run's table, in order; none where nothing was trained by gradient."""
    path = run / TABLE
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [dict(row) for row in csv.DictReader(file)]


def chosen_epochs(run: Path) -> list[dict[str, int]]:
    """Which epoch was kept of how many: of the run, or of each of its chunks; may be empty."""
    tables = [read_epochs(folder) for folder in (run, *sorted(run.glob("chunk-*")))]
    return [
        {"chosen": int(row["epoch"]), "of": len(rows)}
        for rows in tables
        for row in rows
        if row["chosen"]
    ]


def _write(path: Path, rows: list[Mapping[str, str]] | list[dict[str, str]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
