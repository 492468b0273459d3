"""Each rule over one block of distances against plain loops, with and without ties."""

import numpy as np
import pytest
import torch

from deeptell.training.mining import MINING, nearest_beyond

MARGIN = 0.25  # as the rounded distances, exact in binary: ties at the hinge are ties


def block(seed, *, steps, anchors=6, positives=9, negatives=11):
    """Distances of a block; with `steps`, rounded to so many, so that they tie."""
    rng = np.random.default_rng(seed)
    near = rng.random((anchors, positives))
    far = rng.random((anchors, negatives)) + rng.random((anchors, 1)) / 2
    if steps:
        near, far = np.round(near * steps) / steps, np.round(far * steps) / steps
    near[np.arange(anchors), np.arange(anchors) + 2] = -np.inf
    return near, far


def beyond(positive, negatives):
    farther = [n for n in negatives if n > positive]
    return min(farther) if farther else max(negatives)


def triplets(name, near, far):
    """The distances (positive, negative) that a rule takes in one row."""
    known = [p for p in near if p > -np.inf]
    match name:
        case "semi_hard":
            return [(p, beyond(p, far)) for p in known]
        case "hard":
            return [(p, min(far)) for p in known]
        case "batch_hard":
            return [(max(known), min(far))] if known else []
        case "batch_all":
            return [(p, n) for p in known for n in far if p - n + MARGIN > 0]


def by_value(distances, slope):
    """Slopes summed over distances that tie: which of them is taken is left open."""
    sums = {}
    for distance, one in zip(distances, slope, strict=True):
        sums[distance] = sums.get(distance, 0) + one
    return {distance: total for distance, total in sums.items() if total}


@pytest.mark.parametrize("name", MINING)
@pytest.mark.parametrize("steps", [0, 8, 2])
@pytest.mark.parametrize("seed", range(5))
def test_a_rule_equals_plain_loops(name, steps, seed):
    near, far = block(seed, steps=steps)
    mined = MINING[name](torch.from_numpy(near), torch.from_numpy(far), MARGIN)
    total = terms = 0
    for row, (p_row, n_row) in enumerate(zip(near, far, strict=True)):
        chosen = triplets(name, p_row, n_row)
        opened = [(p, n) for p, n in chosen if p - n + MARGIN > 0]
        total += sum(p - n + MARGIN for p, n in opened)
        terms += len(chosen)
        pulls = by_value([p for p, _ in opened], np.ones(len(opened)))
        pushes = by_value([n for _, n in opened], -np.ones(len(opened)))
        slope = mined.slope[row].numpy()
        assert by_value(p_row, slope[: len(p_row)]) == pulls
        assert by_value(n_row, slope[len(p_row) :]) == pushes
    assert mined.total.item() == pytest.approx(total)
    assert mined.terms.item() == terms
    assert mined.terms.dtype == torch.int64


@pytest.mark.parametrize("name", MINING)
def test_an_anchor_alone_in_its_class_adds_nothing(name):
    mined = MINING[name](torch.full((1, 1), -torch.inf), torch.rand(1, 5), MARGIN)
    assert (mined.total.item(), mined.terms.item()) == (0, 0)
    assert not mined.slope.any()


def test_the_nearest_negative_beyond_is_strictly_farther_or_else_the_farthest():
    positives = torch.tensor([[0.5, 0.7, 0.1, 2.0, -torch.inf]])
    negatives = torch.tensor([[1.0, 0.5, 0.7, 0.2]])
    assert nearest_beyond(positives, negatives).tolist() == [[2, 0, 3, 0, 3]]
