"""DeLong's covariance against a published example and a loop over all pairs."""

import numpy as np
import pytest

from deeptell.errors import DataError
from deeptell.evaluation.delong import delong, delong_test
from deeptell.evaluation.metrics import measure

# Albumin, total protein, K-G score and outcome of the 43 patients of DeLong et al. 1988, as printed
# in the SAS/STAT manual, example "Comparing Receiver Operating Characteristic Curves".
PATIENTS = """
3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0
1.6 5.6  5 1  3.8 5.7 5 1  3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1
4.3 7.0  4 1  3.6 6.7 4 0  2.3 4.4 6 1  4.2 7.6 4 0  4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1
3.0 4.7  8 0  4.5 7.4 5 1  3.7 7.4 5 1  3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1
3.2 5.1  5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0  3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1
3.5 6.2  5 1  2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1  3.3 5.7 6 1  3.7 6.9 5 1
3.6 6.6  5 1
"""


def test_the_published_example() -> None:
    albumin, protein, score, well = np.array(PATIENTS.split(), float).reshape(-1, 4).T
    labels, alone = (well == 0).astype(int), np.arange(len(well))
    tests = np.stack([1 - albumin / 10, 1 - protein / 10, score / 10])
    aucs, covariance = delong(labels, tests, alone)
    np.testing.assert_allclose(aucs, [0.7366, 0.6478, 0.7258], atol=5e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), [0.0927, 0.1000, 0.1028], atol=5e-5)
    contrast = np.array([[1, 0, -1], [0, 1, -1]])
    off = contrast @ aucs
    statistic = off @ np.linalg.solve(contrast @ covariance @ contrast.T, off)
    assert statistic == pytest.approx(2.5340, abs=5e-5)
    found = delong_test(labels, tests[0], tests[2], alone)
    np.testing.assert_allclose(found[:4], [0.0108, -0.1761, 0.1976, 0.9102], atol=5e-5)
    found = delong_test(labels, tests[1], tests[2], alone)
    np.testing.assert_allclose(found[:4], [-0.0780, -0.2830, 0.1271, 0.4561], atol=5e-5)


def world(seed, *, count=60, each=1, decimals=None):
    """Groups of `each` videos at random, three models that agree in part."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    labels[:4] = 0, 0, 1, 1
    groups = rng.permutation(np.arange(count) // each)
    shared = rng.normal(size=count) + rng.normal(size=count)[groups]
    scores = 1 / (1 + np.exp(-shared - rng.normal(size=(3, count)) - labels))
    return labels, scores if decimals is None else scores.round(decimals), groups


def naive(labels, scores, groups):
    """Obuchowski's formulas over every pair of a fake and a real, sum by sum."""
    fakes, reals = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    won = np.empty((len(scores), len(fakes), len(reals)))
    for model, row in enumerate(scores):
        for i, fake in enumerate(fakes):
            for j, real in enumerate(reals):
                won[model, i, j] = (row[fake] > row[real]) + 0.5 * (row[fake] == row[real])
    aucs = won.mean(axis=(1, 2))
    covariance = np.zeros((len(scores), len(scores)))
    names = set(groups.tolist())
    with_fakes, with_reals = (len(set(groups[of].tolist())) for of in (fakes, reals))
    for a in range(len(scores)):
        for b in range(len(scores)):
            s10 = s01 = s11 = s11_turned = 0.0
            for group in names:
                f, r = groups[fakes] == group, groups[reals] == group
                over = [(won[m].mean(axis=1)[f] - aucs[m]).sum() for m in (a, b)]
                under = [(won[m].mean(axis=0)[r] - aucs[m]).sum() for m in (a, b)]
                s10 += over[0] * over[1]
                s01 += under[0] * under[1]
                s11 += over[0] * under[1]
                s11_turned += over[1] * under[0]
            m, n, total = len(fakes), len(reals), len(names)
            covariance[a, b] = (
                with_fakes / (with_fakes - 1) * s10 / m**2
                + with_reals / (with_reals - 1) * s01 / n**2
                + total / (total - 1) * (s11 + s11_turned) / (m * n)
            )
    return aucs, covariance


@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("each", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_it_equals_a_loop_over_all_pairs(seed, each, decimals) -> None:
    labels, scores, groups = world(seed, each=each, decimals=decimals)
    found, expected = delong(labels, scores, groups), naive(labels, scores, groups)
    np.testing.assert_allclose(found[0], expected[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=1e-12)
    assert found[0][0] == pytest.approx(measure(labels, scores[0]).auc, abs=1e-12)


def test_copies_of_videos_change_nothing_where_groups_are_told() -> None:
    labels, scores, groups = world(0, each=3)
    once = delong(labels, scores, groups)[1]
    copied = (np.tile(labels, 5), np.tile(scores, 5), np.tile(groups, 5))
    np.testing.assert_allclose(delong(*copied)[1], once, atol=1e-12)


def test_under_no_difference_p_values_are_uniform() -> None:
    """Two models, equally good, on groups of a real and four fakes that share much."""
    rng = np.random.default_rng(0)
    labels, groups = np.tile([0, 1, 1, 1, 1], 50), np.repeat(np.arange(50), 5)
    found = []
    for _ in range(400):
        own = rng.normal(size=(2, 50))[:, groups] + rng.normal(size=(2, 250))
        scores = 1 / (1 + np.exp(-own - rng.normal(size=50)[groups] - labels))
        found.append(delong_test(labels, *scores, groups).p_value)
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def test_what_cannot_be_tested_is_nan() -> None:
    labels, score = [0, 0, 1, 1], np.array([0.1, 0.2, 0.8, 0.9])
    assert delong_test(labels, score, score, range(4)).p_value == 1
    assert np.isnan(delong_test(labels, score, [0.5] * 4, range(4)).p_value)
    one_group = delong_test(labels, score, score[::-1], ["a"] * 4)
    assert one_group.value == 1
    assert np.isnan(one_group[1:4]).all()
    aucs, covariance = delong([1, 1], [[0.1, 0.2]], [0, 1])
    assert np.isnan(aucs).all()
    assert np.isnan(covariance).all()
    with pytest.raises(DataError, match="4, groups"):
        delong(labels, [score], [0])
