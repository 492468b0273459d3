"""The figures against scikit-learn and plain loops; the thresholds against their definition."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from deeptell.errors import DataError
from deeptell.evaluation.curve import Curve
from deeptell.evaluation.metrics import (
    logit,
    measure,
    operating_points,
    pool,
    sigmoid,
)


def world(seed, n=200, *, decimals=None):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    labels[:2] = 0, 1
    scores = sigmoid(rng.normal(size=n) + labels)
    if decimals is not None:
        scores = scores.round(decimals)
    return labels, scores, rng.random(n) * rng.integers(0, 2, n) + 0.01


@pytest.mark.parametrize("decimals", [None, 2, 1, 0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_every_figure_equals_scikit_learn(seed, weighted, decimals):
    y, p, w = world(seed, decimals=decimals)
    w = w if weighted else np.ones(len(y))
    found = measure(y, p, threshold=0.6, weights=w)
    called = (p >= 0.6).astype(int)
    confusion = oracle.confusion_matrix(y, called, sample_weight=w)
    expected = {
        "auc": oracle.roc_auc_score(y, p, sample_weight=w),
        "partial_auc": oracle.roc_auc_score(y, p, sample_weight=w, max_fpr=0.1),
        "average_precision": oracle.average_precision_score(y, p, sample_weight=w),
        "accuracy": oracle.accuracy_score(y, called, sample_weight=w),
        "balanced_accuracy": oracle.balanced_accuracy_score(y, called, sample_weight=w),
        "log_loss": oracle.log_loss(y, p, sample_weight=w),
        "brier": oracle.brier_score_loss(y, p, sample_weight=w),
        "true_real": confusion[0, 0],
        "false_fake": confusion[0, 1],
        "false_real": confusion[1, 0],
        "true_fake": confusion[1, 1],
    }
    for name, label in (("real", 0), ("fake", 1)):
        three = oracle.precision_recall_fscore_support(
            y, called, sample_weight=w, labels=[label], zero_division=np.nan
        )
        for kind, value in zip(("precision", "recall", "f1"), three, strict=False):
            expected[f"{kind}_{name}"] = value[0]
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-9, nan_ok=True), name


@pytest.mark.parametrize("decimals", [None, 2, 1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n", [20, 200, 1000])
def test_true_positive_rates_are_the_best_that_the_curve_allows(n, weighted, decimals):
    y, p, w = world(n, n, decimals=decimals)
    w = w if weighted else np.ones(n)
    fpr, tpr, _ = oracle.roc_curve(y, p, sample_weight=w, drop_intermediate=False)
    found = measure(y, p, weights=w)
    for limit, value in (
        (0.01, found.tpr_at_fpr_1),
        (0.05, found.tpr_at_fpr_5),
        (0.1, found.tpr_at_fpr_10),
    ):
        assert value == pytest.approx(tpr[fpr <= limit].max(), abs=1e-9)


def test_a_rate_that_is_just_allowed_is_taken():
    """30 reals, 3 of them above all fakes: that is one tenth, which 0.1 allows."""
    scores = [*np.linspace(0.9, 0.99, 3), *np.linspace(0.1, 0.2, 27), 0.5, 0.6]
    found = measure([0] * 30 + [1] * 2, scores)
    assert (found.tpr_at_fpr_5, found.tpr_at_fpr_10) == (0, 1)


@pytest.mark.parametrize("decimals", [None, 2, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_calibration_error_equals_a_loop_over_bins(weighted, decimals):
    y, p, w = world(0, 500, decimals=decimals)
    p[:2] = 0, 1
    w = w if weighted else np.ones(len(y))
    expected = 0.0
    for number in range(15):
        low, high = number / 15, (number + 1) / 15
        held = (p > low) & (p <= high) if number else p <= high
        if held.any():
            off = np.average(p[held], weights=w[held]) - np.average(y[held], weights=w[held])
            expected += abs(off) * w[held].sum() / w.sum()
    assert measure(y, p, weights=w).calibration_error == pytest.approx(expected, abs=1e-9)


def test_calibration_error_agrees_with_scikit_learn():
    y, p, _ = world(1, 2000)
    shares, means = calibration_curve(y, p, n_bins=15)
    held = np.histogram(p, np.linspace(0, 1, 16))[0]
    expected = np.abs(shares - means) @ held[held > 0] / len(y)
    assert measure(y, p).calibration_error == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("decimals", [None, 1])
@pytest.mark.parametrize("seed", range(5))
def test_eer_is_where_the_interpolated_curve_crosses(seed, decimals):
    y, p, w = world(seed, decimals=decimals)
    fpr, tpr, _ = oracle.roc_curve(y, p, sample_weight=w, drop_intermediate=False)
    crossing = brentq(lambda x: 1 - x - interp1d(fpr, tpr)(x), 0, 1, xtol=1e-12)
    assert measure(y, p, weights=w).eer == pytest.approx(crossing, abs=1e-9)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3)), min_size=1))
def test_auc_counts_pairs(rows):
    y, p, w = (np.array(column) for column in zip(*rows, strict=True))
    y, p, w = y.astype(int), p / 4, w.astype(float)
    won = total = 0.0
    for i in np.flatnonzero(y == 1):
        for j in np.flatnonzero(y == 0):
            won += w[i] * w[j] * ((p[i] > p[j]) + 0.5 * (p[i] == p[j]))
            total += w[i] * w[j]
    auc = Curve.through(y, p).figures(w)[0]
    assert auc == pytest.approx(won / total if total else np.nan, abs=1e-12, nan_ok=True)


def test_known_answers():
    perfect = measure([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert (perfect.auc, perfect.average_precision, perfect.eer) == (1, 1, 0)
    assert (perfect.partial_auc, perfect.tpr_at_fpr_1) == (1, 1)
    assert perfect.calibration_error == pytest.approx(0.15)
    flipped = measure([1, 1, 0, 0], [0.1, 0.2, 0.8, 0.9])
    assert (flipped.auc, flipped.eer, flipped.accuracy) == (0, 1, 0)
    flat = measure([0, 1, 0, 1], [0.5] * 4)
    assert (flat.auc, flat.average_precision, flat.eer) == (0.5, 0.5, 0.5)
    assert (flat.partial_auc, flat.tpr_at_fpr_10) == (0.5, 0)
    assert flat.recall_fake == 1, "a score on the threshold is called fake"


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_gives_nan_for_what_is_undefined_and_no_warning(label):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure([label] * 3, [0.0, 0.7, 1.0])
    absent, there = ("fake", "real") if label == 0 else ("real", "fake")
    undefined = ["auc", "partial_auc", "average_precision", "eer", "balanced_accuracy"]
    undefined += ["tpr_at_fpr_1", "tpr_at_fpr_5", "tpr_at_fpr_10"]
    for name in [*undefined, f"recall_{absent}", f"f1_{absent}"]:
        assert np.isnan(getattr(found, name)), name
    for name in [
        "accuracy",
        "log_loss",
        "brier",
        "calibration_error",
        f"recall_{there}",
        f"f1_{there}",
    ]:
        assert np.isfinite(getattr(found, name)), name


@pytest.mark.parametrize(
    ("labels", "scores", "words"),
    [
        ([], [], "empty"),
        ([0, 1], [0.5], "one length"),
        ([0, 1], [0.5, np.nan], "row 1 is nan"),
        ([0, 1], [0.5, 1.1], "row 1 is 1.1"),
        ([0, 2], [0.5, 0.5], "got 2"),
        ([0.0, np.nan], [0.5, 0.5], "got nan"),
    ],
)
def test_bad_input_is_one_clear_sentence(labels, scores, words):
    with pytest.raises(DataError, match=words):
        measure(labels, scores)


@pytest.mark.parametrize("weights", [[1], [1, -1], [1, np.inf], [0, 0]])
def test_bad_weights(weights):
    with pytest.raises(DataError, match="Weights"):
        measure([0, 1], [0.1, 0.9], weights=weights)


def test_sigmoid_and_logit_are_stable_and_undo_each_other():
    z = np.array([-1e4, -800.0, -30.0, -1.0, 0.0, 1.0, 30.0, 800.0, 1e4])
    with np.errstate(all="raise", under="ignore"):
        p = sigmoid(z)
    assert p[0] == 0
    assert p[4] == 0.5
    assert p[-1] == 1
    np.testing.assert_allclose(logit(p[2:7]), z[2:7], rtol=1e-3)
    assert np.isfinite(logit([0.0, 1.0])).all()


def test_pool_is_the_mean_and_refuses_what_is_no_score():
    assert pool([1.0, 2.0, 6.0]) == 3
    for bad in ([], [np.nan], [1.0, np.inf]):
        with pytest.raises(DataError):
            pool(bad)


scores_of_a_class = st.lists(st.integers(0, 20).map(lambda i: i / 20), min_size=1, max_size=60)


@settings(deadline=None)
@given(scores_of_a_class, scores_of_a_class)
def test_operating_points_keep_their_promise(real, fake):
    labels = [0] * len(real) + [1] * len(fake)
    flag, clear = operating_points(labels, real + fake)
    assert (flag.name, clear.name) == ("flag", "clear")
    assert flag.threshold >= clear.threshold
    assert flag.false_positive_rate == np.mean(np.array(real) >= flag.threshold) <= 0.05
    assert 1 - clear.true_positive_rate == pytest.approx(np.mean(np.array(fake) < clear.threshold))
    between = np.mean((np.array(real) >= clear.threshold) & (np.array(real) < flag.threshold))
    assert between <= 0.10 + 1e-12
    assert flag.threshold not in real
    assert (flag.real_videos, flag.fake_videos) == (len(real), len(fake))


def test_operating_points_are_the_lowest_and_the_highest_that_keep_it():
    rng = np.random.default_rng(3)
    real, fake = rng.random(100), np.clip(rng.random(100) + 0.1, 0, 1)
    flag, clear = operating_points([0] * 100 + [1] * 100, np.concatenate((real, fake)))
    tried = np.unique(np.concatenate((real, fake)))
    assert not [t for t in tried if t < flag.threshold - 0.02 and np.mean(real >= t) <= 0.05]
    assert flag.threshold not in tried
    assert clear.threshold not in tried
    # Nine in ten of these would lie between, had no more fakes than 5 % to be below "clear".
    above_clear = np.mean((real >= clear.threshold) & (real < flag.threshold))
    assert above_clear == pytest.approx(0.10)
    assert np.mean(fake < clear.threshold) > 0.5


def test_few_fakes_are_missed_where_that_leaves_little_undecided():
    rng = np.random.default_rng(4)
    real, fake = rng.normal(0, 1, 200), rng.normal(3, 1, 200)
    scores = 1 / (1 + np.exp(-np.concatenate((real, fake))))
    flag, clear = operating_points([0] * 200 + [1] * 200, scores)
    tried = np.unique(scores)
    assert 1 - clear.true_positive_rate <= 0.05 + 1e-12
    missed = [np.mean(scores[200:] < t) for t in tried if t > clear.threshold + 0.02]
    assert flag.threshold == clear.threshold or min(missed) > 0.05


def test_separated_classes_leave_the_middle_of_the_gap_undecided():
    flag, clear = operating_points([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert (clear.threshold, flag.threshold) == pytest.approx((0.35, 0.65))
    assert (flag.false_positive_rate, flag.true_positive_rate) == (0, 1)


def test_nothing_can_be_flagged_where_a_real_video_scores_one():
    flag, _ = operating_points([0, 1], [1.0, 1.0])
    assert flag.threshold > 1
    assert flag.true_positive_rate == 0


def test_operating_points_need_both_classes():
    with pytest.raises(DataError, match="0 manipulated"):
        operating_points([0, 0], [0.1, 0.2])
