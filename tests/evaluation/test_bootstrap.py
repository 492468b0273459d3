"""Intervals against a loop that really builds each resample, and against their definition."""

import time

import numpy as np
import pytest
from scipy import stats

from deeptell.errors import DataError
from deeptell.evaluation import bootstrap as module
from deeptell.evaluation.bootstrap import Grouped, bootstrap, interval
from deeptell.evaluation.metrics import FIGURES, logit, measure, sigmoid


def grouped(n_groups, *, seed=0, each=6, decimals=None):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), each)
    labels = np.tile(np.arange(each) % 2, n_groups)
    scores = sigmoid(rng.normal(size=n_groups)[groups] + rng.normal(size=len(groups)) + labels)
    return labels, scores if decimals is None else scores.round(decimals), groups


@pytest.mark.parametrize("at_once", [1, 100, 1 << 18])
@pytest.mark.parametrize("decimals", [None, 1])
def test_every_resample_equals_measuring_the_rows_it_drew(monkeypatch, decimals, at_once):
    """However many are measured at once."""
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    y, p, groups = grouped(7, decimals=decimals)
    drawn = Grouped.of(y, p, groups, threshold=0.5).resampled(20, seed=5)
    rng = np.random.default_rng(5)
    for row in drawn:
        picked = rng.integers(7, size=7)
        rows = np.concatenate([np.flatnonzero(groups == group) for group in picked])
        found = measure(y[rows], p[rows])
        np.testing.assert_allclose(row, [getattr(found, name) for name in FIGURES], atol=1e-12)


def test_an_interval_is_its_definition():
    drawn, value, groups = np.array([0.7, 0.8, 0.85, 0.9]), 0.82, 10
    for figure, scale, undo in (("auc", logit, sigmoid), ("log_loss", np.log, np.exp)):
        z = scale(drawn)
        middle = 2 * scale(value) - z.mean()
        half = stats.t.ppf(0.975, groups - 1) * z.std() * np.sqrt(groups / (groups - 1))
        found = interval(value, drawn, figure=figure, groups=groups)
        np.testing.assert_allclose(found, (undo(middle - half), undo(middle + half)), atol=1e-12)


def test_resamples_without_error_leave_an_interval_of_use():
    """Half of them perfect: 1 counts as halfway from the best that is not."""
    drawn = np.array([0.98, 0.99, 1.0, 1.0] * 50)
    found = interval(0.992, drawn, figure="auc", groups=40)
    expected = interval(0.992, np.where(drawn == 1, 1 - 0.008 / 2, drawn), figure="auc", groups=40)
    assert found == pytest.approx(expected)
    assert 0.95 < found[0] < 0.992 < found[1] < 1
    assert interval(1.0, np.ones(9), figure="auc", groups=40) == (1, 1)
    low, high = interval(0.5, np.array([0.0, 1.0] * 9), figure="accuracy", groups=40)
    assert low < 0.5 < high


def test_the_interval_holds_the_figure_and_is_the_same_every_time():
    y, p, groups = grouped(40)
    one, again = (bootstrap(y, p, groups, resamples=300) for _ in range(2))
    assert one == again
    assert one != bootstrap(y, p, groups, resamples=300, seed=1)
    found = measure(y, p)
    for name in FIGURES[:15]:
        assert one.low[name] < getattr(found, name) < one.high[name]
    assert (one.groups, one.left_out) == (40, 0)


def test_names_of_groups_do_not_matter():
    y, p, groups = grouped(12)
    named = np.char.add("group ", np.char.zfill(groups.astype(str), 3))
    assert bootstrap(y, p, groups, resamples=50) == bootstrap(y, p, named, resamples=50)


def test_frames_of_one_video_do_not_narrow_the_interval():
    y, p, groups = grouped(30)
    once = bootstrap(y, p, groups, resamples=200)
    tenfold = bootstrap(np.repeat(y, 10), np.repeat(p, 10), np.repeat(groups, 10), resamples=200)
    assert tenfold.low["auc"] == pytest.approx(once.low["auc"])
    assert tenfold.high["auc"] == pytest.approx(once.high["auc"])


def test_resamples_of_one_class_are_left_out_and_counted():
    y, p = [0, 1, 1], [0.1, 0.4, 0.9]
    found = bootstrap(y, p, [0, 1, 2], resamples=400)
    all_real, all_fake = (1 / 3) ** 3, (2 / 3) ** 3
    assert found.left_out / 400 == pytest.approx(all_real + all_fake, abs=0.08)
    assert found.low["auc"] == found.high["auc"] == 1  # it was never wrong


def test_one_class_only_has_no_interval_and_no_warning():
    found = bootstrap([1, 1], [0.1, 0.2], [0, 1], resamples=10)
    assert found.left_out == 10
    assert np.isnan(list(found.low.values())).all()


def test_groups_of_another_length_are_refused():
    with pytest.raises(DataError, match="2 scores"):
        bootstrap([0, 1], [0.1, 0.2], [0])


def test_one_group_gives_no_interval() -> None:
    found = bootstrap([0, 1, 0, 1], [0.1, 0.9, 0.4, 0.3], ["a"] * 4, resamples=20)
    assert all(np.isnan(value) for value in (*found.low.values(), *found.high.values()))


@pytest.mark.slow
def test_a_million_scores_with_a_thousand_resamples_in_a_minute_of_processor_time():
    rng = np.random.default_rng(0)
    groups, labels = rng.integers(0, 1000, 1_000_000), rng.integers(0, 2, 1_000_000)
    scores = sigmoid(rng.normal(size=1_000_000) + labels)
    start = time.process_time()
    bootstrap(labels, scores, groups)
    assert time.process_time() - start < 60
