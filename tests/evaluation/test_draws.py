"""Draws: every figure against scikit-learn on the same draws, also where videos were lost."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score
from video_scores import table

from deeptell.evaluation.bootstrap import bootstrap
from deeptell.evaluation.draws import Draws


@pytest.mark.parametrize("lost", [0, 23])
def test_every_draw_equals_scikit_learn(lost):
    videos = table(lost=lost)
    draws = Draws.of(table().groups, draws=60)
    assert draws.times.shape == (61, 12)
    assert (draws.times[0] == 1).all()
    assert (draws.times.sum(axis=1) == 12).all()
    place = np.searchsorted(draws.groups, videos.groups)
    called = videos.scores >= videos.threshold
    for n, times in enumerate(draws.times):
        w = times[place]
        if len(set(videos.labels[w > 0])) < 2:
            assert np.isnan(draws.auc(videos)[n])
            continue
        for figure, expected in (
            (draws.auc, roc_auc_score(videos.labels, videos.scores, sample_weight=w)),
            (draws.accuracy, accuracy_score(videos.labels, called, sample_weight=w)),
            (
                draws.balanced_accuracy,
                balanced_accuracy_score(videos.labels, called, sample_weight=w),
            ),
        ):
            assert figure(videos)[n] == pytest.approx(expected, abs=1e-12)


def test_intervals_are_those_of_every_other_table():
    videos = table()
    draws = Draws.of(videos.groups)
    expected = bootstrap(videos.labels, videos.scores, videos.groups, threshold=0.55)
    for name in ("auc", "accuracy", "balanced_accuracy"):
        found = draws.measured(name, getattr(draws, name)(videos))
        assert found[1:] == pytest.approx((expected.low[name], expected.high[name]), abs=1e-9)
    figure = np.append(0.2, np.r_[np.linspace(-1, 1, 999), np.nan])
    assert draws.compared(figure) == pytest.approx((0.2, -0.95, 0.95))
    assert np.isnan(Draws.of(["a", "a"]).compared(figure)[1:]).all()
    assert np.isnan(draws.compared(np.full(1001, np.nan))).all()
    real = table().among(table().videos[table().labels == 0])
    assert np.isnan(draws.auc(real)).all()
    assert np.isnan(draws.balanced_accuracy(real)).all()
    assert np.isfinite(draws.accuracy(real)).all()
