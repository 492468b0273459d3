"""Risk and coverage against loops over every number of cases kept."""

import itertools

import numpy as np
import pytest

from deeptell.errors import DataError
from deeptell.evaluation.risk import risk_coverage


def cases(n, *, seed=0, decimals=6):
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=n)
    scores = np.clip(0.5 + 0.2 * (labels - 0.5) + 0.3 * rng.normal(size=n), 0, 1).round(decimals)
    return labels, scores, np.abs(scores - 0.5).round(decimals)


def naive(wrong, sure):
    """The risk when the k surest are kept, for each k."""
    order = sorted(range(len(sure)), key=lambda i: -sure[i])
    return [np.mean([wrong[i] for i in order[:k]]) for k in range(1, len(order) + 1)]


def test_without_ties_it_is_a_loop_over_how_many_are_kept():
    labels, scores, sure = cases(60)
    sure = sure + np.random.default_rng(1).uniform(0, 1e-9, 60)
    found = risk_coverage(labels, scores, sure)
    risks = naive((scores >= 0.5) != labels, sure)
    np.testing.assert_allclose(found.coverage, np.arange(1, 61) / 60, atol=1e-12)
    np.testing.assert_allclose(found.risk, risks, atol=1e-12)
    assert found.area == pytest.approx(np.mean(risks), abs=1e-12)


def test_ties_are_the_mean_over_all_orders():
    labels = np.array([1, 0, 1, 0, 1, 0])
    scores = np.array([0.9, 0.9, 0.7, 0.3, 0.3, 0.7])
    sure = np.array([3.0, 3.0, 1.0, 1.0, 1.0, 1.0])
    areas = [
        np.mean(naive([((scores >= 0.5) != labels)[i] for i in order], [sure[i] for i in order]))
        for order in itertools.permutations(range(6))
    ]
    found = risk_coverage(labels, scores, sure)
    assert found.area == pytest.approx(np.mean(areas), abs=1e-12)
    np.testing.assert_allclose(found.coverage, [2 / 6, 1])
    np.testing.assert_allclose(found.risk, [1 / 2, 3 / 6])


def test_a_confidence_that_knows_its_errors_has_a_smaller_area():
    labels, scores, sure = cases(400)
    right = ((scores >= 0.5) == labels).astype(float)
    best, usual, worst = (risk_coverage(labels, scores, c).area for c in (right, sure, -right))
    assert best < usual < worst


@pytest.mark.parametrize("bad", [[0.1], [0.1, np.nan, 0.2]])
def test_bad_confidence(bad):
    with pytest.raises(DataError, match="Confidence must be 3 numbers without NaN"):
        risk_coverage([0, 1, 1], [0.2, 0.6, 0.7], bad)
