"""Which triplets of a batch count: the mining rules, over one block of anchors at a time.

All anchors of a block are of one class, so the rules see two tables of distances and no labels:
`positives` `(b, P)` to the embeddings of that class and `negatives` `(b, N)`, N >= 1, to all
others. An anchor is no positive of itself: its own column holds minus infinity, at which no hinge
opens. A hinge is `relu(d_ap - d_an + margin)`. Where distances tie, any of them may be taken.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Mined:
    """What a block adds to the loss.

    Attributes:
        total: the sum of its hinges, a scalar.
        terms: how many hinges the mean is over, an int64 scalar.
        slope: `(b, P + N)`, the derivative of `total` by each distance, positives first: a whole
            number, so that no order of summation changes it.
    """

    total: Tensor
    terms: Tensor
    slope: Tensor


Mining = Callable[[Tensor, Tensor, float], Mined]


def semi_hard(positives: Tensor, negatives: Tensor, margin: float) -> Mined:
    """Every anchor-positive pair with `nearest_beyond`; the mean is over the pairs.

    The rule of TensorFlow's `triplet_semihard_loss`, which the reference system trains with.
    After Schroff et al., FaceNet, CVPR 2015.
    """
    return _paired(positives, negatives, nearest_beyond(positives, negatives), margin)


def hard(positives: Tensor, negatives: Tensor, margin: float) -> Mined:
    """Every anchor-positive pair with the anchor's nearest negative; the mean is over the pairs."""
    nearest = negatives.argmin(dim=1, keepdim=True)
    return _paired(positives, negatives, nearest.expand_as(positives), margin)


def batch_hard(positives: Tensor, negatives: Tensor, margin: float) -> Mined:
    """Each anchor's farthest positive with its nearest negative; the mean is over the anchors.

    Hermans et al., In Defense of the Triplet Loss, 2017, equation 5. Anchors without a positive
    do not count.
    """
    farthest = positives.argmax(dim=1, keepdim=True)
    only = torch.full_like(positives, -torch.inf)
    only.scatter_(1, farthest, positives.gather(1, farthest))
    return hard(only, negatives, margin)


def batch_all(positives: Tensor, negatives: Tensor, margin: float) -> Mined:
    """Every triplet; the mean is over the hinges that are above zero.

    Hermans et al. 2017, equation 6 with their mean over the non-zero. In sorted order each
    positive opens the hinges of the first `opened` negatives, so none is visited by itself.
    """
    near, near_order = _sorted(positives)
    far, far_order = _sorted(negatives)
    reach = (near + margin).relu_()  # zero, and not minus infinity, for the anchor itself
    opened = torch.searchsorted(far, reach)
    columns = torch.arange(far.shape[1], device=far.device).expand_as(far).contiguous()
    opening = near.shape[1] - torch.searchsorted(opened, columns, right=True)
    pulls = torch.zeros_like(near).scatter_(1, near_order, opened.to(near.dtype))
    pushes = torch.zeros_like(far).scatter_(1, far_order, opening.to(far.dtype))
    total = (opened * reach).sum() - (opening * far).sum()
    return Mined(total, opened.sum(), torch.cat([pulls, -pushes], dim=1))


MINING: dict[str, Mining] = {
    "semi_hard": semi_hard,
    "hard": hard,
    "batch_hard": batch_hard,
    "batch_all": batch_all,
}


def nearest_beyond(positives: Tensor, negatives: Tensor) -> Tensor:
    """For each positive `(b, P)` the column of the nearest negative that is farther than it.

    Where no negative is farther, the farthest of all. int64.
    """
    near, near_order = _sorted(positives)  # searching for values in order is five times faster
    far, far_order = _sorted(negatives)
    places = torch.searchsorted(far, near, right=True).clamp_(max=far.shape[1] - 1)
    return torch.empty_like(near_order).scatter_(1, near_order, far_order.gather(1, places))


def _paired(positives: Tensor, negatives: Tensor, chosen: Tensor, margin: float) -> Mined:
    """Each positive against one column `chosen` `(b, P)` of the negatives."""
    hinges = (positives - negatives.gather(1, chosen)).add_(margin).relu_()
    pulls = (hinges > 0).to(hinges.dtype)
    pushes = torch.zeros_like(negatives).scatter_add_(1, chosen, pulls)
    pairs = (positives > -torch.inf).sum()
    return Mined(hinges.sum(), pairs, torch.cat([pulls, pushes.neg_()], dim=1))


def _sorted(distances: Tensor) -> tuple[Tensor, Tensor]:
    """Each row in ascending order, and the columns where its values stood."""
    if distances.device.type != "cpu":
        values, order = distances.sort(dim=1)
        return values, order
    # On a CPU, NumPy's sort is vectorised and torch's is not: eight times slower at 256 columns.
    order = torch.from_numpy(np.argsort(distances.numpy(), axis=1))
    return distances.gather(1, order), order
