"""The training glue around a network, as Lightning wants it; the networks know nothing of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deeptell.config import TrainConfig
from deeptell.models.contract import Head, Model

MOST_COMPARED = 2048  # validation embeddings that a metric loss compares with each other

Batch = tuple[Tensor, Tensor, Tensor]  # inputs, lengths, labels


@dataclass(frozen=True)
class Objective:
    """What is made small: a metric loss on the embedding, cross-entropy on the logit, or both."""

    metric: Callable[[Tensor, Tensor], Tensor] | None
    cross_entropy: float  # its weight
    fake_weight: float = 1.0  # of a fake beside a real one, in cross-entropy

    def loss(self, network: Model | Head, batch: Batch) -> Tensor:
        """The loss of a batch: a scalar."""
        inputs, lengths, labels = batch
        embedding = network.embed(inputs, lengths)
        total = embedding.new_zeros((), dtype=torch.float32)
        if self.metric is not None:
            total = total + self.metric(embedding.float(), labels.long())
        if self.cross_entropy:
            logits = network.classify(embedding).float()
            weight = torch.where(labels == 1, self.fake_weight, 1.0)
            total = total + self.cross_entropy * F.binary_cross_entropy_with_logits(
                logits, labels, weight=weight
            )
        return total


class Task(L.LightningModule):
    """Trains a network, or the head of one, towards an objective."""

    def __init__(
        self,
        network: Model | Head,
        *,
        objective: Objective,
        config: TrainConfig,
        still: nn.Module | None = None,
    ) -> None:
        """`still` is a part that stays in eval mode: its statistics do not change."""
        super().__init__()
        self.network, self.objective, self.config = network, objective, config
        self._still = [still] if still is not None else []  # in a list: not a submodule
        self._seen: list[Batch] = []

    def on_train_epoch_start(self) -> None:
        """Seed each epoch by its number: a run taken up again then draws the same dropout."""
        torch.manual_seed((self.config.seed << 16) + self.current_epoch)
        for part in self._still:
            part.eval()

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """One batch -> its loss."""
        loss = self.objective.loss(self.network, batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[2]))
        return loss

    def validation_step(self, batch: Batch, _index: int) -> None:
        """Keep what `on_validation_epoch_end` measures: embeddings, logits, labels."""
        inputs, lengths, labels = batch
        embedding = self.network.embed(inputs, lengths)
        logits = (
            self.network.classify(embedding).float()
            if self.objective.cross_entropy
            else torch.zeros_like(labels)
        )
        self._seen.append((embedding.float(), logits, labels))

    def on_validation_epoch_end(self) -> None:
        """The figure that early stopping and the checkpoint follow."""
        embeddings, logits, labels = (
            torch.cat([seen[part] for seen in self._seen]) for part in range(3)
        )
        self._seen.clear()
        total = embeddings.new_zeros(())
        if self.objective.metric is not None:
            places = torch.linspace(0, len(labels) - 1, min(len(labels), MOST_COMPARED))
            chosen = places.round().long().to(labels.device)
            total = total + self.objective.metric(embeddings[chosen], labels[chosen].long())
        if self.objective.cross_entropy:
            balanced = balanced_log_loss(logits, labels)
            self.log("val_cross_entropy", balanced)
            total = total + self.objective.cross_entropy * balanced
        self.log("val_loss", total)

    def configure_optimizers(self) -> Any:
        """The configured optimiser; no weight decay on biases and norms."""
        learnt = [p for p in self.network.parameters() if p.requires_grad]
        groups = [
            {
                "params": [p for p in learnt if p.ndim > 1],
                "weight_decay": self.config.weight_decay,
            },
            {"params": [p for p in learnt if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimiser = _optimiser(self.config, groups)
        if self.config.schedule == "constant":
            return optimiser
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            max_lr=self.config.learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
            pct_start=0.2,
            cycle_momentum=False,
        )
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def balanced_log_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy with both classes weighing the same; ln 2 = 0.693 is chance."""
    losses = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    return (losses[labels == 0].mean() + losses[labels == 1].mean()) / 2


def _optimiser(config: TrainConfig, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    rate = config.learning_rate
    match config.optimiser:
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate)
        case "adam":
            return torch.optim.Adam(groups, lr=rate)
        case "nadam":
            return torch.optim.NAdam(groups, lr=rate)
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=0.9, nesterov=True)
