"""Models against each other: the pairs, the tests and their correction."""

import numpy as np
import pytest

from deeptell.errors import ConfigError, DataError
from deeptell.evaluation.bootstrap import bootstrap
from deeptell.evaluation.compare import compare, holm, paired
from deeptell.evaluation.delong import delong_test
from deeptell.evaluation.metrics import measure, sigmoid
from deeptell.evaluation.scores import Scored, ScoreTable
from deeptell.records import Calibration


def world(n_groups, *, each=6):
    return np.tile(np.arange(each) % 2, n_groups), np.repeat(np.arange(n_groups), each)


def scored(logits, labels, groups, *, skip=(), threshold=0.5, calibration=None):
    names = np.array([f"v{i}" for i in range(len(labels))])
    kept = ~np.isin(names, skip)
    table = ScoreTable(
        videos=names[kept],
        tracks=np.zeros(kept.sum(), np.int64),
        groups=groups.astype(str)[kept],
        methods=np.where(labels == 1, "x", "real")[kept],
        labels=labels[kept],
        logits=np.asarray(logits, float)[kept],
        calibration=calibration or Calibration(),
    )
    return Scored(table, threshold)


class TestPaired:
    @pytest.mark.parametrize("figure", ["auc", "balanced_accuracy"])
    def test_it_equals_measuring_both_on_every_draw(self, figure) -> None:
        labels, groups = world(8)
        rng = np.random.default_rng(1)
        one, other = (rng.normal(size=len(labels)) + labels for _ in range(2))
        both = scored(one, labels, groups), scored(other, labels, groups)
        value, low, high, p_value, n = paired(*both, figure=figure, resamples=50)
        assert n == 8
        values = [getattr(measure(labels, sigmoid(z)), figure) for z in (one, other)]
        assert value == pytest.approx(values[0] - values[1])
        rng, differences = np.random.default_rng(0), []
        for _ in range(50):
            picked = rng.integers(8, size=8)
            rows = np.concatenate([np.flatnonzero(groups == g) for g in picked])
            drawn = [getattr(measure(labels[rows], sigmoid(z[rows])), figure) for z in (one, other)]
            differences.append(drawn[0] - drawn[1])
        np.testing.assert_allclose((low, high), np.percentile(differences, (2.5, 97.5)))
        sides = [np.mean(np.array(differences) <= 0), np.mean(np.array(differences) >= 0)]
        assert p_value == pytest.approx(max(2 * min(sides), 1 / 50))

    def test_what_is_hard_for_both_cancels_out(self) -> None:
        labels, groups = world(20)
        z = np.random.default_rng(0).normal(size=len(labels)) + labels
        alone = bootstrap(labels, sigmoid(z), groups)
        better = z + 0.05 * labels
        found = paired(scored(better, labels, groups), scored(z, labels, groups), figure="auc")
        assert 0 <= found.low < found.high < 0.5 * (alone.high["auc"] - alone.low["auc"])

    def test_each_model_has_its_own_calibration_and_threshold(self) -> None:
        labels, groups = world(5)
        z = np.random.default_rng(0).normal(size=len(labels)) + labels
        shifted = Calibration("platt", scale=1.0, shift=2.0)
        one = scored(z, labels, groups, threshold=0.5)
        same = scored(z, labels, groups, threshold=float(sigmoid(2.0)), calibration=shifted)
        found = paired(one, same, figure="accuracy")
        assert found[:4] == (0, 0, 0, 1)

    def test_only_videos_that_both_scored_count(self) -> None:
        labels, groups = world(5)
        z = np.random.default_rng(0).normal(size=len(labels))
        one = scored(z, labels, groups, skip=["v0"])
        assert paired(one, scored(z, labels, groups), figure="accuracy")[:4] == (0, 0, 0, 1)
        with pytest.raises(DataError, match="no video in common"):
            paired(one, scored(z[:1], labels[:1], groups[:1]), figure="auc")

    @pytest.mark.parametrize("column", ["labels", "groups"])
    def test_models_that_disagree_about_a_video_are_refused(self, column) -> None:
        labels, groups = world(5)
        z = np.zeros(len(labels))
        other = {"labels": labels, "groups": groups} | {column: 1 - labels}
        with pytest.raises(DataError, match=f"disagree about the {column} of 'v"):
            paired(scored(z, labels, groups), scored(z, **other), figure="auc")

    def test_one_group_has_no_interval(self) -> None:
        labels, groups = world(1)
        both = [scored(np.arange(6) * sign, labels, groups) for sign in (1, -1)]
        found = paired(*both, figure="auc")
        assert found.groups == 1
        assert np.isnan(found[1:4]).all()


class TestCompare:
    def test_every_pair_of_every_figure_the_better_one_first(self) -> None:
        labels, groups = world(30)
        rng = np.random.default_rng(0)
        z = {
            name: rng.normal(size=len(labels)) + good * labels
            for name, good in (("poor", 0.2), ("good", 3.0), ("fair", 1.0))
        }
        models = {name: scored(values, labels, groups) for name, values in z.items()}
        found = compare(models, data="made up", figures=["auc", "brier"], resamples=200)
        assert [one.metric for one in found] == ["auc"] * 3 + ["brier"] * 3
        assert [(one.better, one.worse) for one in found[:3]] == [
            ("good", "poor"),
            ("fair", "poor"),
            ("good", "fair"),
        ]
        assert all(one.value >= 0 and one.low <= one.value <= one.high for one in found)
        assert {(one.section, one.data, one.groups) for one in found} == {
            ("comparison", "made up", 30)
        }
        expected = delong_test(labels, sigmoid(z["good"]), sigmoid(z["poor"]), groups)
        assert found[0].p_value == pytest.approx(expected.p_value)
        assert (found[0].low, found[0].high) == pytest.approx(expected[1:3])
        for part in (found[:3], found[3:]):
            corrected = holm([one.p_value for one in part])
            assert [one.p_holm for one in part] == pytest.approx(corrected)
        assert min(one.p_value for one in found[3:]) == pytest.approx(1 / 200)

    def test_one_model_has_no_pair_and_an_unknown_figure_a_suggestion(self) -> None:
        labels, groups = world(3)
        models = {"only": scored(np.zeros(18), labels, groups)}
        assert compare(models, data="") == []
        with pytest.raises(ConfigError, match="Did you mean 'auc'"):
            compare(models, data="", figures=["auk"])


def test_holm_on_a_published_example() -> None:
    """That of the encyclopedia's article "Holm-Bonferroni method": 0.01, 0.04, 0.03, 0.005."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.7, np.nan, 0.6]), [1, np.nan, 1])
    assert len(holm([])) == 0
