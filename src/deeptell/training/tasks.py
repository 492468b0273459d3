"""The training glue around a network, as Lightning wants it; the networks know nothing of it."""

from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor

from deeptell.models.contract import Model


class CrossEntropyTask(L.LightningModule):
    """Binary cross-entropy on the logit, AdamW, one cycle of the learning rate."""

    def __init__(
        self, model: Model, *, learning_rate: float, weight_decay: float, seed: int
    ) -> None:
        super().__init__()
        self.model, self.seed = model, seed
        self.learning_rate, self.weight_decay = learning_rate, weight_decay

    def on_train_epoch_start(self) -> None:
        """Seed each epoch by its number: a run taken up again then draws the same dropout."""
        torch.manual_seed((self.seed << 16) + self.current_epoch)

    def training_step(self, batch: tuple[Tensor, Tensor], _index: int) -> Tensor:
        """One batch `(faces, labels)` -> its mean loss."""
        loss = self._loss(batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _index: int) -> None:
        """Log the loss with both classes weighing the same: validation is not balanced."""
        faces, labels = batch
        losses = F.binary_cross_entropy_with_logits(
            self.model(faces).float(), labels, reduction="none"
        )
        for name, chosen in (("real", labels == 0), ("fake", labels == 1)):
            if chosen.any():
                self.log(f"val_loss_{name}", losses[chosen].mean(), batch_size=int(chosen.sum()))

    def on_validation_epoch_end(self) -> None:
        """The figure that early stopping and the checkpoint follow."""
        metrics = self.trainer.callback_metrics
        loss = (metrics["val_loss_real"] + metrics["val_loss_fake"]) / 2
        self.log("val_loss", loss, prog_bar=True)

    def configure_optimizers(self) -> Any:
        """AdamW; no weight decay on biases and norms."""
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        plain = [p for p in self.model.parameters() if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": self.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=self.learning_rate)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=self.learning_rate, total_steps=steps, pct_start=0.2
        )
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _loss(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        faces, labels = batch
        return F.binary_cross_entropy_with_logits(self.model(faces).float(), labels)
