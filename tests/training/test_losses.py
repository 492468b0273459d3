"""Metric losses against plain loops in float64 and against pytorch-metric-learning."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import SupConLoss, TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner
from pytorch_metric_learning.reducers import AvgNonZeroReducer, MeanReducer
from torch.utils._python_dispatch import TorchDispatchMode

from deeptell.errors import ConfigError
from deeptell.training import losses
from deeptell.training.losses import LOSSES, POWERS, metric_loss
from deeptell.training.mining import MINING

CLASSES = {
    "one": [3] * 16,
    "two": [0, 1] * 8,
    "two, unlike in size": [1] * 3 + [0] * 13,
    "three": [-5, 0, 7, 7] * 4,
    "lone ones": [0, 1, 2, 2, 2, 5, 5, 9, 10, 11, 2, 2, 5, 5, 2, 12],
    "all alone": list(range(16)),
}

every_mining = pytest.mark.parametrize("mining", MINING)
every_distance = pytest.mark.parametrize("distance", POWERS)
every_batch = pytest.mark.parametrize("labels", CLASSES.values(), ids=list(CLASSES))


def build(name="triplet", *, mining="semi_hard", margin=0.5, distance="euclidean"):
    return metric_loss(name, mining=mining, margin=margin, distance=distance)


def batch(count, *, width=32, spread=0.3, seed=0):
    """Two classes that overlap, on the sphere."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 2, (count,), generator=rng)
    points = torch.randn(count, width, generator=rng) + spread * labels[:, None]
    return F.normalize(points), labels


def value_and_gradient(loss, embeddings, labels):
    leaf = embeddings.detach().clone().requires_grad_()
    value = loss(leaf, labels)
    value.backward()
    return value.detach(), leaf.grad


def distances_of(embeddings, distance):
    squared = (embeddings[:, None] - embeddings).square().sum(-1)
    if distance == "squared":
        return squared
    apart = squared > 0  # the slope of the root at zero is taken as zero
    return torch.where(apart, torch.where(apart, squared, 1).sqrt(), 0)


def naive(mining, margin, distance):
    """The triplet losses by their definition, one triplet at a time."""

    def differences(near, far):
        if mining == "batch_hard":
            return [max(near) - min(far)]
        if mining == "batch_all":
            return [p - n for p in near for n in far]
        if mining == "hard":
            return [p - min(far) for p in near]
        return [p - min([n for n in far if n > p], default=max(far)) for p in near]

    def loss(embeddings, labels):
        found, labels = [], labels.tolist()
        for a, row in enumerate(distances_of(embeddings, distance)):
            near = [d for p, d in enumerate(row) if p != a and labels[p] == labels[a]]
            far = [d for n, d in enumerate(row) if labels[n] != labels[a]]
            if near and far:
                found += [(one + margin).relu() for one in differences(near, far)]
        if mining == "batch_all":
            found = [hinge for hinge in found if hinge > 0]
        return torch.stack(found).mean() if found else embeddings.sum() * 0

    return loss


@every_mining
@every_distance
@every_batch
def test_triplets_equal_plain_loops(mining, distance, labels):
    labels = torch.tensor(labels)
    points = torch.from_numpy(np.random.default_rng(labels.sum().item()).random((16, 3)))
    loss = build(mining=mining, distance=distance)
    value, gradient = value_and_gradient(loss, points, labels)
    expected, slope = value_and_gradient(naive(mining, 0.5, distance), points, labels)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, slope)
    value, gradient = value_and_gradient(loss, points.float() + 100, labels)
    torch.testing.assert_close(value, expected.float(), rtol=1e-4, atol=1e-4)
    assert gradient.dtype == torch.float32


@every_mining
@every_distance
@pytest.mark.parametrize("seed", range(5))
def test_ties_and_identical_points_are_exact_on_a_grid(mining, distance, seed):
    """On a grid every distance is exact, so that ties are ties; any of them may be taken."""
    rng = np.random.default_rng(seed)
    points = torch.from_numpy(rng.integers(0, 3, (16, 3)).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, 1 + seed, 16))
    value, gradient = value_and_gradient(build(mining=mining, distance=distance), points, labels)
    expected = naive(mining, 0.5, distance)(points.double(), labels)
    torch.testing.assert_close(value, expected.float())
    assert gradient.isfinite().all()
    torch.testing.assert_close(gradient.sum(0), torch.zeros(3), rtol=0, atol=1e-5)


@every_mining
@every_distance
def test_doubled_points_share_one_gradient(mining, distance):
    labels = torch.tensor(CLASSES["three"]).repeat(2)
    points = torch.from_numpy(np.random.default_rng(0).random((16, 3))).repeat(2, 1)
    loss = build(mining=mining, distance=distance)
    _, gradient = value_and_gradient(loss, points, labels)
    _, expected = value_and_gradient(naive(mining, 0.5, distance), points, labels)
    torch.testing.assert_close(
        gradient.view(2, 16, 3).sum(0), expected.view(2, 16, 3).sum(0), rtol=1e-5, atol=1e-6
    )


@every_distance
def test_batch_hard_and_batch_all_equal_pytorch_metric_learning(distance):
    points, labels = batch(96)
    measure = LpDistance(normalize_embeddings=False, power=POWERS[distance])
    miner = BatchHardMiner(distance=measure)
    of_hardest = TripletMarginLoss(margin=0.2, distance=measure, reducer=MeanReducer())
    of_all = TripletMarginLoss(margin=0.2, distance=measure, reducer=AvgNonZeroReducer())
    oracles = {
        "batch_hard": lambda x, y: of_hardest(x, y, miner(x, y)),
        "batch_all": of_all,
    }
    for mining, oracle in oracles.items():
        ours = value_and_gradient(
            build(mining=mining, margin=0.2, distance=distance), points, labels
        )
        theirs = value_and_gradient(oracle, points, labels)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


@every_distance
def test_semi_hard_takes_the_nearest_of_pytorch_metric_learnings(distance):
    points, labels = batch(64)
    measure = LpDistance(normalize_embeddings=False, power=POWERS[distance])
    miner = TripletMarginMiner(margin=1e6, type_of_triplets="semihard", distance=measure)
    table = measure(points)
    nearest = {}
    for a, p, n in zip(*(rows.tolist() for rows in miner(points, labels)), strict=True):
        nearest[a, p] = min(nearest.get((a, p), torch.inf), table[a, n].item())
    hinges = []
    for a, p in ((a, p) for a in range(64) for p in range(64)):
        if a != p and labels[a] == labels[p]:
            negative = nearest.get((a, p), table[a][labels != labels[a]].max().item())
            hinges.append(max(0.0, table[a, p].item() - negative + 0.2))
    found = build(margin=0.2, distance=distance)(points, labels)
    assert len(nearest) > len(hinges) / 2
    assert found.item() == pytest.approx(np.mean(hinges), rel=1e-4)


@every_mining
def test_neither_the_block_nor_the_order_changes_the_result_nor_a_repeat_a_bit(mining, monkeypatch):
    points, labels = batch(200)
    loss = build(mining=mining)
    first = value_and_gradient(loss, points, labels)
    again = value_and_gradient(loss, points, labels)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    value, gradient = value_and_gradient(loss, points[order], labels[order])
    torch.testing.assert_close((value, gradient), (first[0], first[1][order]), rtol=1e-4, atol=1e-6)
    for size in (1, 200 * 7, 200 * 200):
        monkeypatch.setattr(losses, "BLOCK", size)
        torch.testing.assert_close(
            value_and_gradient(loss, points, labels), first, rtol=1e-4, atol=1e-6
        )


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that any operation makes."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, list | tuple) else [made]:
            if isinstance(one, torch.Tensor):
                self.elements = max(self.elements, one.numel())
        return made


@every_mining
def test_no_table_of_all_distances_is_made(mining):
    points, labels = batch(2048, width=16)
    points.requires_grad_()
    with Largest() as largest:
        build(mining=mining)(points, labels).backward()
    assert 2048 * 16 < largest.elements <= losses.BLOCK < 2048**2


@pytest.mark.parametrize("name", LOSSES)
@every_mining
def test_autocast_changes_nothing_and_values_stay_finite(name, mining):
    loss = build(name, mining=mining)
    under_autocast = torch.autocast("cpu", torch.bfloat16)(loss)
    for count in (16, 64, 512):
        points, labels = batch(count)
        points[1], labels[:2] = points[0], 1  # identical, in one class
        labels[2] = 0
        expected = value_and_gradient(loss, points, labels)
        assert all(one.isfinite().all() for one in expected)
        assert expected[1].any()
        found = value_and_gradient(under_autocast, points, labels)
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
        value, gradient = value_and_gradient(under_autocast, points.bfloat16(), labels)
        torch.testing.assert_close(value, expected[0], rtol=0.1, atol=0.01)
        assert gradient.dtype == torch.bfloat16
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("count", [0, 1, 2, 16])
def test_a_batch_without_negatives_is_finite_and_attached(name, count):
    points, labels = batch(count)[0], torch.ones(count, dtype=torch.int64)
    value, gradient = value_and_gradient(build(name), points, labels)
    assert value.isfinite()
    assert gradient.isfinite().all()
    if name == "triplet":
        assert value == 0
        assert not gradient.any()


@every_mining
@every_distance
def test_a_collapsed_batch_costs_the_margin_and_stays_finite(mining, distance):
    points, labels = torch.full((64, 8), 0.3), torch.arange(64) % 2
    value, gradient = value_and_gradient(build(mining=mining, distance=distance), points, labels)
    assert value.item() == pytest.approx(0.5, abs=1e-3)
    assert gradient.isfinite().all()


@every_mining
def test_a_nan_shows_in_the_loss(mining):
    points, labels = batch(32)
    points[5, 0] = torch.nan
    assert build(mining=mining)(points, labels).isnan()


@every_mining
def test_a_loss_is_had_without_a_gradient(mining):
    points, labels = batch(64)
    expected, _ = value_and_gradient(build(mining=mining), points, labels)
    with torch.inference_mode():
        assert build(mining=mining)(points, labels) == expected
    with torch.no_grad():
        assert not build(mining=mining)(points.requires_grad_(), labels).requires_grad


def test_a_second_derivative_is_refused():
    points, labels = batch(16)
    points.requires_grad_()
    weight = torch.ones((), requires_grad=True)
    value = weight * build()(points, labels)
    (gradient,) = torch.autograd.grad(value, points, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@every_distance
def test_contrastive_equals_plain_loops(distance):
    points, labels = batch(24)
    table = distances_of(points.double(), distance)
    pairs = [(a, b) for a in range(24) for b in range(24) if a != b]
    near = [table[a, b] for a, b in pairs if labels[a] == labels[b]]
    far = [(1.2 - table[a, b]).relu() for a, b in pairs if labels[a] != labels[b]]
    expected = np.mean(near) + np.mean([one for one in far if one > 0])
    found = build("contrastive", margin=1.2, distance=distance)(points, labels)
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_supcon_is_pytorch_metric_learnings_at_its_own_temperature():
    points, labels = batch(24)
    torch.testing.assert_close(
        build("supcon")(points, labels), SupConLoss(temperature=0.1)(points, labels)
    )


def test_alignment_and_uniformity_equal_the_papers_formulae():
    points, labels = batch(24)
    pairs = [(a, b) for a in range(24) for b in range(a)]
    squared = [float((points[a] - points[b]).square().sum()) for a, b in pairs]
    same = [d for d, (a, b) in zip(squared, pairs, strict=True) if labels[a] == labels[b]]
    expected = np.mean(same) + np.log(np.mean(np.exp(-2 * np.array(squared))))
    found = build("align_uniform")(3 * points, labels)  # the length of an embedding is no matter
    assert found.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"name": "triplets"}, "no loss named 'triplets'. Did you mean 'triplet'"),
        ({"mining": "semihard"}, "no mining named 'semihard'. Did you mean 'semi_hard'"),
        ({"name": "supcon", "distance": "euclid"}, "Did you mean 'euclidean'"),
    ],
)
def test_a_wrong_name_is_refused(wrong, hint):
    with pytest.raises(ConfigError, match=hint):
        build(**wrong)
