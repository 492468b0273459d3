"""The curves of a results page against scikit-learn and naive loops."""

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.calibration import calibration_curve

from deeptell.errors import DataError
from deeptell.report.results import curves as curves
from deeptell.report.results.records import VideoScores


def scores(*, n=200, seed=0, steps=40):
    """Scores with many ties."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    p = np.clip(np.round(steps * (0.35 * labels + 0.65 * rng.random(n))) / steps, 0, 1)
    return VideoScores(
        keys=tuple(f"v{i}" for i in range(n)),
        labels=tuple(labels.tolist()),
        groups=tuple(str(i // 4) for i in range(n)),
        fake_probability=tuple(p.tolist()),
    )


def test_roc_and_its_mirror_equal_scikit_learn():
    given = scores()
    alarms, found, _ = oracle.roc_curve(
        given.labels, given.fake_probability, drop_intermediate=False
    )
    np.testing.assert_allclose(curves.roc(given), np.column_stack([alarms, found]), atol=1e-12)


def test_the_steps_of_precision_enclose_the_average_precision():
    given = scores(seed=1)
    x, y = np.array(curves.precision_recall(given)).T
    area = float(np.sum(np.diff(x) * y[1:]))
    expected = oracle.average_precision_score(given.labels, given.fake_probability)
    assert area == pytest.approx(expected, abs=1e-12)


def test_reliability_bins_equal_scikit_learn():
    given = scores(seed=2, steps=997)
    bins = curves.reliability(given)
    fakes, means = calibration_curve(given.labels, given.fake_probability, n_bins=curves.BINS)
    np.testing.assert_allclose([one.fakes for one in bins], fakes, atol=1e-12)
    np.testing.assert_allclose([one.mean for one in bins], means, atol=1e-12)
    assert sum(one.videos for one in bins) == len(given.keys)


def test_risk_is_what_counting_gives():
    given, threshold = scores(seed=3), 0.4
    p, y = np.array(given.fake_probability), np.array(given.labels)
    with np.errstate(divide="ignore"):
        odds = np.log(p) - np.log1p(-p)
    sure = np.abs(np.clip(odds, -36, 36) - np.log(0.4 / 0.6))
    course = curves.risk(given, threshold=threshold)
    for coverage, risk in zip(course.coverage, course.risk, strict=True):
        limit = np.sort(sure)[::-1][round(coverage * len(y)) - 1]
        kept = sure >= limit - 1e-9
        assert risk == pytest.approx(np.mean((p[kept] >= threshold) != y[kept]))
        assert coverage == pytest.approx(kept.mean())
    assert curves.risk_at(course, 1.0) == pytest.approx(np.mean((p >= threshold) != y))


def test_rates_at_a_threshold_are_what_counting_gives():
    given = scores(seed=4)
    p, y = np.array(given.fake_probability), np.array(given.labels)
    called = p >= 0.5
    assert curves.errors_at(given, 0.5) == (
        pytest.approx(called[y == 0].mean()),
        pytest.approx(called[y == 1].mean()),
    )
    assert curves.precision_at(given, 0.5) == pytest.approx(y[called].mean())
    assert curves.precision_at(given, 2.0) is None


@pytest.mark.parametrize("draw", [curves.roc, curves.precision_recall])
def test_a_thinned_curve_keeps_its_shape(draw):
    points = draw(scores(n=50_000, steps=10**9))
    thin = curves.thinned(points)
    assert len(thin) < 5 * curves.GRID < len(points)
    corners = np.array(thin)
    assert (np.diff(corners[:, 0]) >= 0).all()
    steps = np.linspace(0, 1, 100)[:, None, None]
    x, y = (corners[:-1] + steps * np.diff(corners, axis=0)).reshape(-1, 2).T
    # Wherever the full curve passes, the thinned one passes within a step of the grid.
    for at, height in points[::500]:
        away = np.maximum(np.abs(x - at), np.abs(y - height))
        assert away.min() <= 1.5 / curves.GRID


def test_a_level_stretch_is_two_points():
    level = [(i / 1000, 0.5) for i in range(1001)]
    assert curves.thinned(level) == [(0, 0.5), (1, 0.5)]
    assert curves.thinned([(0, 0), (0, 1), (1, 1)]) == [(0, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"keys": ("a",)}, "equally long"),
        ({"fake_probability": (0.1, float("nan"))}, "lie in"),
        ({"labels": (0, 2)}, "0 .real. or 1"),
        ({"distance_rank": (0.5, 1.5)}, "distance rank"),
        ({"distance_rank": (0.5,)}, "equally long"),
    ],
)
def test_what_is_no_table_of_scores_is_refused(changed, words):
    usual = {"keys": ("a", "b"), "labels": (0, 1), "groups": ("g", "g"),
             "fake_probability": (0.1, 0.9)}  # fmt: skip
    with pytest.raises(DataError, match=words):
        VideoScores(**usual | changed)
