"""Calibration against scikit-learn, and on held-out groups of scores that are too sure."""

import re

import numpy as np
import pytest
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from deeptell.errors import ConfigError, DataError
from deeptell.evaluation.calibration import MIN_GROUPS, fit_calibration
from deeptell.evaluation.metrics import calibrated, measure
from deeptell.records import Calibration


def scored(n_groups, *, seed=0, fakes=4, sure=1.0, shift=0.0):
    """One real and some fakes per group, whose true log-odds, at even shares, are the logits made
    `sure` times as large and moved."""
    rng = np.random.default_rng(seed)
    labels = np.tile([0] + [1] * fakes, n_groups)
    groups = np.repeat(np.arange(n_groups), 1 + fakes)
    # Two normal distributions of spread s, d apart, have log-odds d / s^2 * (x - middle).
    apart, spread = 2.0, 1.2
    x = rng.normal(scale=spread, size=len(labels)) + apart * (labels - 0.5)
    return labels, (apart / spread**2 * x) * sure + shift, groups


def smoothed(labels):
    """Each row twice, as real and as fake, with Platt's share of its class's half as weight."""
    n = np.bincount(labels)
    fake = np.where(labels == 1, (n[1] + 1) / (n[1] + 2), 1 / (n[0] + 2))
    weights = 0.5 / n[labels]
    return np.repeat([0, 1], len(labels)), np.concatenate([weights * (1 - fake), weights * fake])


@pytest.mark.parametrize("scale", [1.0, 1e-3, 300.0])
def test_platt_is_logistic_regression_on_smoothed_targets(scale):
    y, z, groups = scored(40, sure=3.0, shift=2.0)
    found = fit_calibration(y, z * scale, groups, method="platt")
    doubled, weights = smoothed(y)
    oracle = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000)
    oracle.fit(np.tile(z, 2)[:, None], doubled, sample_weight=weights * 1000)
    assert found.scale * scale == pytest.approx(oracle.coef_[0, 0], rel=1e-5)
    assert found.shift == pytest.approx(oracle.intercept_[0], rel=1e-4)


def test_platt_on_as_many_reals_as_fakes_is_that_of_scikit_learn():
    """There the classes weigh the same anyway."""
    y, z, groups = scored(40, fakes=1, sure=3.0, shift=2.0)
    identity = LogisticRegression().fit(z[:, None], y)
    identity.coef_[:], identity.intercept_[:] = 1.0, 0.0
    theirs = CalibratedClassifierCV(FrozenEstimator(identity), method="sigmoid", ensemble=False)
    theirs.fit(z[:, None], y)
    found = calibrated(z, fit_calibration(y, z, groups, method="platt"))
    np.testing.assert_allclose(found, theirs.predict_proba(z[:, None])[:, 1], atol=1e-4)


def test_temperature_has_the_smallest_log_loss_of_all_scales():
    y, z, groups = scored(30, sure=4.0)
    found = fit_calibration(y, z, groups, method="temperature")
    doubled, weights = smoothed(y)
    oracle = LogisticRegression(C=np.inf, tol=1e-12, fit_intercept=False)
    oracle.fit(np.tile(z, 2)[:, None], doubled, sample_weight=weights * 1000)
    assert found.scale == pytest.approx(oracle.coef_[0, 0], rel=1e-5)
    assert found.shift == 0
    assert found.scale == pytest.approx(1 / 4, rel=0.3)


def test_isotonic_is_that_of_scikit_learn_with_few_knots():
    y, z, groups = scored(400, sure=2.0)
    z = z.round(1)  # ties
    found = fit_calibration(y, z, groups, method="isotonic")
    n = np.bincount(y)
    targets = np.where(y == 1, (n[1] + 1) / (n[1] + 2), 1 / (n[0] + 2))
    oracle = IsotonicRegression(out_of_bounds="clip").fit(z, targets, sample_weight=0.5 / n[y])
    at = np.linspace(z.min() - 1, z.max() + 1, 500)
    np.testing.assert_allclose(calibrated(at, found), oracle.predict(at), atol=1e-12)
    assert len(found.knots) < 80
    logits, probabilities = np.array(found.knots).T
    assert (np.diff(logits) > 0).all()
    assert (np.diff(probabilities) >= 0).all()


@pytest.mark.parametrize("method", list(MIN_GROUPS))
def test_scores_that_were_too_sure_are_better_on_groups_not_fitted_on(method):
    fitted = fit_calibration(*scored(200, seed=1, sure=4.0, fakes=4), method=method)
    y, z, _ = scored(500, seed=2, sure=4.0, fakes=1)
    before, after = measure(y, expit(z)), measure(y, calibrated(z, fitted))
    assert after.log_loss < 0.6 * before.log_loss
    assert after.calibration_error < 0.4 * before.calibration_error
    assert after.auc == pytest.approx(before.auc, abs=0.01)


def test_shares_of_the_validation_set_do_not_move_the_middle():
    """Nine fakes to one real, or one to one: half a chance stays where the log-odds are zero."""
    for fakes in (1, 9):
        found = fit_calibration(*scored(500, fakes=fakes), method="platt")
        assert -found.shift / found.scale == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize("method", list(MIN_GROUPS))
def test_classes_that_do_not_overlap_stay_finite(method):
    y = np.tile([0, 1], 60)
    z = np.where(y == 1, 30.0, -30.0) + np.random.default_rng(0).normal(size=120)
    found = fit_calibration(y, z, np.arange(120) // 2, method=method)
    assert np.isfinite([found.scale, found.shift]).all()
    p = calibrated(z, found)
    assert 0 < p.min() < 0.05
    assert 0.95 < p.max() < 1


def test_none_is_the_sigmoid():
    assert fit_calibration([0, 1], [0.0, 1.0], ["a", "b"], method="none") == Calibration()


@pytest.mark.parametrize("method", list(MIN_GROUPS))
def test_too_few_groups_are_refused_with_how_many_there_are(method):
    needed = MIN_GROUPS[method]
    y, z, groups = scored(needed)
    assert fit_calibration(y, z, groups, method=method).method == method
    fewer = groups < needed - 1
    message = f"needs {needed} source groups .* there are {needed - 1} and {needed - 1}"
    with pytest.raises(DataError, match=message):
        fit_calibration(y[fewer], z[fewer], groups[fewer], method=method)
    # Many videos of few people are few cases, and so are many groups without a real one.
    lost = (groups < needed - 1) | (y == 0)
    with pytest.raises(DataError, match=rf"there are {needed} and {needed - 1}"):
        fit_calibration(y[lost], z[lost], groups[lost], method=method)


def test_the_way_out_is_what_the_set_is_large_enough_for():
    for n, instead in ((25, "platt"), (15, "temperature"), (3, "none")):
        y, z, groups = scored(n)
        with pytest.raises(DataError, match=re.escape(f"or take '{instead}'.")):
            fit_calibration(y, z, groups, method="isotonic")


@pytest.mark.parametrize("method", list(MIN_GROUPS))
@pytest.mark.parametrize("turned", [-1.0, 0.0])
def test_scores_that_speak_for_the_other_class_are_not_turned_round(method, turned):
    y, z, groups = scored(100)
    with pytest.raises(DataError, match="no higher scores"):
        fit_calibration(y, turned * z, groups, method=method)


def test_bad_input():
    y, z, groups = scored(20)
    with pytest.raises(ConfigError, match="Did you mean 'temperature'"):
        fit_calibration(y, z, groups, method="temprature")
    for bad in (np.nan, np.inf):
        broken = z.copy()
        broken[3] = bad
        with pytest.raises(DataError, match="row 3"):
            fit_calibration(y, broken, groups, method="platt")
    with pytest.raises(DataError, match="Every video needs its group"):
        fit_calibration(y, z, groups[1:], method="platt")
    reals = y == 0
    with pytest.raises(DataError, match="there are 20 and 0"):
        fit_calibration(y[reals], z[reals], groups[reals], method="temperature")
