"""Metric losses: embeddings `(B, D)` and int64 labels `(B,)` of any number of classes -> a scalar.

Triplets are ours and streamed: a batch is worked off in blocks of anchors, and neither a table
of all distances nor a list of triplets is ever held. The others are pytorch-metric-learning's,
except for alignment and uniformity, which it does not have.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from deeptell.catalog import lookup
from deeptell.training.mining import MINING, Mined, Mining

BLOCK = 1 << 18  # distances at a time: 1 MiB in float32, about what a core's cache holds

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Settings:
    """What a loss may be built from; each takes what it needs.

    Attributes:
        margin: triplet: by how much a negative must be farther than a positive; contrastive: the
            distance beyond which a negative is left alone.
        power: 1 for Euclidean distances, 2 for squared ones.
    """

    mining: Mining
    margin: float
    power: int


def metric_loss(name: str, *, mining: str, margin: float, distance: str) -> Loss:
    """Build the loss `name`; it computes in float32 under autocast too.

    "triplet" takes all settings and "contrastive" margin and distance; both see the embeddings as
    they are. "supcon" and "align_uniform" take none and normalise them.

    A batch without a positive pair, or of one class, has no triplets: that loss is then 0, with a
    gradient of zeros. It can be differentiated once, not twice.

    Raises:
        ConfigError: an unknown `name`, `mining` ("semi_hard", "hard", "batch_hard", "batch_all")
            or `distance` ("euclidean", "squared").
    """
    build = lookup(LOSSES, name, kind="loss")
    rule = lookup(MINING, mining, kind="mining")
    loss = build(Settings(rule, margin, lookup(POWERS, distance, kind="distance")))

    def in_full_precision(embeddings: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(embeddings.device.type, enabled=False):
            dtype = torch.promote_types(embeddings.dtype, torch.float32)
            return loss(embeddings.to(dtype), labels)

    return in_full_precision


def _triplet(settings: Settings) -> Loss:
    def loss(embeddings: Tensor, labels: Tensor) -> Tensor:
        return torch.as_tensor(_Triplets.apply(embeddings, labels, settings))

    return loss


def _contrastive(settings: Settings) -> Loss:
    """Hadsell et al., CVPR 2006, with hinges that are not squared."""
    from pytorch_metric_learning.distances import LpDistance  # slow to import
    from pytorch_metric_learning.losses import ContrastiveLoss

    distance = LpDistance(normalize_embeddings=False, power=settings.power)
    loss: Loss = ContrastiveLoss(neg_margin=settings.margin, distance=distance)
    return loss


def _supcon(_: Settings) -> Loss:
    """Khosla et al., Supervised Contrastive Learning, NeurIPS 2020, at temperature 0.1."""
    from pytorch_metric_learning.losses import SupConLoss  # slow to import

    loss: Loss = SupConLoss()
    return loss


def align_uniform(embeddings: Tensor, labels: Tensor) -> Tensor:
    """Pairs of one class draw near, all pairs spread over the sphere.

    Wang and Isola, Understanding Contrastive Representation Learning through Alignment and
    Uniformity, ICML 2020, with their alpha = 2, t = 2 and equal weights; positive pairs are those
    of one class, as there are no two views of an image.
    """
    points = F.normalize(embeddings)
    one, other = torch.triu_indices(len(points), len(points), 1, device=points.device)
    squared = (2 - 2 * points @ points.T)[one, other]
    of_one_class = squared[labels[one] == labels[other]]
    loss = embeddings.sum() * 0
    if len(of_one_class):
        loss = loss + of_one_class.mean()
    if len(squared):
        loss = loss + squared.mul(-2).exp().mean().log()
    return loss


LOSSES: dict[str, Callable[[Settings], Loss]] = {
    "triplet": _triplet,
    "contrastive": _contrastive,
    "supcon": _supcon,
    "align_uniform": lambda _: align_uniform,
}
POWERS = {"euclidean": 1, "squared": 2}


class _Triplets(torch.autograd.Function):
    """Finds the gradient together with the loss, block by block, and keeps nothing else."""

    @staticmethod
    def forward(ctx: Any, embeddings: Tensor, labels: Tensor, settings: Settings) -> Tensor:
        # Distances do not feel a shift, and near the origin they lose the fewest digits. A NaN
        # in one embedding is then in all, and so in the loss.
        centred = embeddings - embeddings.mean(dim=0)
        gradient = torch.zeros_like(centred) if ctx.needs_input_grad[0] else None
        total = embeddings.new_zeros(())
        terms = labels.new_zeros(())
        for rows, members in _classes(labels):
            points = centred[rows]
            moves = torch.zeros_like(points)
            for anchors in _blocks(members, len(points)):
                distances = _distances(points, anchors, power=settings.power)
                mined = _mine(distances, anchors, members, settings)
                total += mined.total
                terms += mined.terms
                if gradient is not None:
                    weights = _weights(distances, mined.slope, power=settings.power)
                    _move(moves, points, anchors, weights)
            if gradient is not None:
                gradient[rows] += moves
        terms.clamp_(min=1)
        ctx.save_for_backward(None if gradient is None else gradient / terms)
        return total / terms

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return upstream * gradient, None, None


def _classes(labels: Tensor) -> Iterator[tuple[Tensor, int]]:
    """For each class with a pair and a negative: all rows, its own first, and how many those are.

    int64 `(B,)`.
    """
    order = labels.argsort(stable=True)
    counts = torch.unique_consecutive(labels[order], return_counts=True)[1].tolist()
    start = 0
    for members in counts:
        if 1 < members < len(order):
            yield order.roll(-start), members
        start += members


def _blocks(members: int, count: int) -> Iterator[slice]:
    """Parts of the first `members` rows whose distances to `count` points are one block."""
    rows = max(1, BLOCK // count)
    for start in range(0, members, rows):
        yield slice(start, min(start + rows, members))


def _distances(points: Tensor, anchors: slice, *, power: int) -> Tensor:
    """From some points to all: `(b, B)`."""
    squares = points.square().sum(dim=1)
    distances = torch.addmm(squares, points[anchors], points.T, alpha=-2)
    distances.add_(squares[anchors, None]).clamp_(min=0)
    return distances if power == 2 else distances.sqrt_()


def _mine(distances: Tensor, anchors: slice, members: int, settings: Settings) -> Mined:
    """Mine a block after taking each anchor's distance to itself out of it, in place."""
    distances.diagonal(anchors.start).fill_(-torch.inf)
    return settings.mining(distances[:, :members], distances[:, members:], settings.margin)


def _weights(distances: Tensor, slope: Tensor, *, power: int) -> Tensor:
    """How strongly each pair pulls along its difference; pairs at no distance do not pull."""
    if power == 2:
        return slope.mul_(2)
    return slope.div_(distances).masked_fill_(distances <= 0, 0)


def _move(moves: Tensor, points: Tensor, anchors: slice, weights: Tensor) -> None:
    """Add to `moves` `(B, D)` the gradient of the pairs between a block's anchors and all points.

    The pair (i, j) gives `weights[i, j] * (points[i] - points[j])` to i, and its negative to j.
    """
    moves.addcmul_(weights.sum(dim=0)[:, None], points)
    moves.addmm_(weights.T, points[anchors], alpha=-1)
    moves[anchors].addcmul_(weights.sum(dim=1)[:, None], points[anchors])
    moves[anchors].addmm_(weights, points, alpha=-1)
