"""Intervals against a loop that really builds each resample; rows against their definition."""

import time

import numpy as np
import pytest

from deeptell.errors import ConfigError, DataError
from deeptell.evaluation.bootstrap import (
    Scored,
    ScoreTable,
    bootstrap,
    measurements,
    paired,
    resampled,
)
from deeptell.evaluation.metrics import FIGURES, measure, sigmoid


def grouped(n_groups, *, seed=0, each=6, decimals=None):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), each)
    labels = np.tile(np.arange(each) % 2, n_groups)
    scores = sigmoid(rng.normal(size=n_groups)[groups] + rng.normal(size=len(groups)) + labels)
    return labels, scores if decimals is None else scores.round(decimals), groups


@pytest.mark.parametrize("decimals", [None, 1])
def test_every_resample_equals_measuring_the_rows_it_drew(decimals):
    y, p, groups = grouped(7, decimals=decimals)
    drawn = resampled(y, p, groups, threshold=0.5, resamples=20, seed=5)
    rng = np.random.default_rng(5)
    for row in drawn:
        picked = rng.integers(7, size=7)
        rows = np.concatenate([np.flatnonzero(groups == group) for group in picked])
        found = measure(y[rows], p[rows])
        np.testing.assert_allclose(row, [getattr(found, name) for name in FIGURES], atol=1e-12)


def test_the_interval_holds_the_figure_and_is_the_same_every_time():
    y, p, groups = grouped(40)
    one, again = (bootstrap(y, p, groups, resamples=300) for _ in range(2))
    assert one == again
    assert one != bootstrap(y, p, groups, resamples=300, seed=1)
    found = measure(y, p)
    for name in FIGURES[:13]:
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
    assert found.low["auc"] == found.high["auc"] == 1


def test_one_class_only_has_no_interval_and_no_warning():
    found = bootstrap([1, 1], [0.1, 0.2], [0, 1], resamples=10)
    assert found.left_out == 10
    assert np.isnan(list(found.low.values())).all()


def test_groups_of_another_length_are_refused():
    with pytest.raises(DataError, match="2 scores"):
        bootstrap([0, 1], [0.1, 0.2], [0])


def table(**columns):
    """Two pairs: a real and a fake each; the fake of pair b has a second, untouched person."""
    rows = [
        ("r-a", 0, "a", "", 0, -2.0),
        ("r-a", 0, "a", "", 0, -4.0),
        ("f-a", 0, "a", "Deepfakes", 1, 1.0),
        ("f-a", 0, "a", "Deepfakes", 1, 3.0),
        ("r-b", 0, "b", "", 0, -1.0),
        ("f-b", 0, "b", "FaceSwap", 1, -3.0),
        ("f-b", 1, "b", "FaceSwap", 1, 5.0),
        ("f-b", 1, "b", "FaceSwap", 1, 1.0),
    ]
    names = ("videos", "tracks", "groups", "methods", "labels", "logits")
    whole = dict(zip(names, map(np.array, zip(*rows, strict=True)), strict=True))
    return ScoreTable(**whole | columns)


def test_a_video_is_its_highest_track_and_a_track_the_mean_of_its_frames():
    videos = table().pooled()
    assert videos.videos.tolist() == ["f-a", "f-b", "r-a", "r-b"]
    assert videos.logits.tolist() == [2, 3, -3, -1]
    assert videos.tracks.tolist() == [0, 1, 0, 0]
    assert videos.labels.tolist() == [1, 1, 0, 0]


def test_rows_for_all_and_for_each_manipulation_at_both_levels():
    rows = list(measurements(table(), data="two pairs", figures=["auc", "eer"], resamples=50))
    assert [(row.subset, row.level, row.metric) for row in rows] == [
        (subset, level, figure)
        for subset in ("all", "Deepfakes", "FaceSwap")
        for level in ("frame", "video")
        for figure in ("auc", "eer")
    ]
    by_name = {(row.subset, row.level, row.metric): row for row in rows}
    assert by_name["all", "video", "auc"].value == 1
    assert (by_name["all", "video", "auc"].videos, by_name["all", "video", "auc"].groups) == (4, 2)
    swap = by_name["FaceSwap", "frame", "auc"]
    assert swap.value == pytest.approx((3 + 3 + 1) / 9)  # -3 beats only -4, both others all three
    assert (swap.videos, swap.data) == (3, "two pairs")


def test_bad_tables_are_refused():
    with pytest.raises(DataError, match="equally long"):
        table(logits=np.zeros(2))
    mixed = np.array([0, 1, 1, 1, 0, 1, 1, 1])
    with pytest.raises(DataError, match="'r-a' disagree about its labels"):
        table(labels=mixed).pooled()
    with pytest.raises(ConfigError, match="Did you mean 'auc'"):
        list(measurements(table(), data="", figures=["auk"]))


@pytest.mark.slow
def test_a_million_scores_with_a_thousand_resamples_in_a_minute_of_processor_time():
    rng = np.random.default_rng(0)
    groups, labels = rng.integers(0, 1000, 1_000_000), rng.integers(0, 2, 1_000_000)
    scores = sigmoid(rng.normal(size=1_000_000) + labels)
    start = time.process_time()
    bootstrap(labels, scores, groups)
    assert time.process_time() - start < 60


def test_one_group_gives_no_interval() -> None:
    found = bootstrap([0, 1, 0, 1], [0.1, 0.9, 0.4, 0.3], ["a"] * 4, resamples=20)
    assert all(np.isnan(value) for value in (*found.low.values(), *found.high.values()))


def scored(logits, labels, groups, *, skip=()):
    names = np.array([f"v{i}" for i in range(len(labels))])
    kept = ~np.isin(names, skip)
    table = ScoreTable(
        videos=names[kept],
        tracks=np.zeros(kept.sum(), np.int64),
        groups=groups.astype(str)[kept],
        methods=np.where(labels == 1, "x", "real")[kept],
        labels=labels[kept],
        logits=np.asarray(logits, float)[kept],
    )
    return Scored(table, 0.5)


class TestPaired:
    def test_it_equals_measuring_both_on_every_draw(self):
        labels, _, groups = grouped(8)
        rng = np.random.default_rng(1)
        one, other = (rng.normal(size=len(labels)) + labels for _ in range(2))
        value, low, high, n = paired(
            scored(one, labels, groups), scored(other, labels, groups), figure="auc", resamples=50
        )
        assert n == 8
        aucs = [measure(labels, sigmoid(z)).auc for z in (one, other)]
        assert value == pytest.approx(aucs[0] - aucs[1])
        rng, differences = np.random.default_rng(0), []
        for _ in range(50):
            picked = rng.integers(8, size=8)
            rows = np.concatenate([np.flatnonzero(groups == g) for g in picked])
            both = [measure(labels[rows], sigmoid(z[rows])).auc for z in (one, other)]
            differences.append(both[0] - both[1])
        np.testing.assert_allclose((low, high), np.percentile(differences, (2.5, 97.5)))

    def test_what_is_hard_for_both_cancels_out(self):
        labels, _, groups = grouped(20)
        z = np.random.default_rng(0).normal(size=len(labels)) + labels
        alone = bootstrap(labels, sigmoid(z), groups)
        better = z + 0.05 * labels
        _, low, high, _ = paired(
            scored(better, labels, groups), scored(z, labels, groups), figure="auc"
        )
        assert 0 <= low < high < 0.5 * (alone.high["auc"] - alone.low["auc"])

    def test_only_videos_that_both_scored_count(self):
        labels, _, groups = grouped(5)
        z = np.random.default_rng(0).normal(size=len(labels))
        one = scored(z, labels, groups, skip=["v0"])
        value, low, high, _ = paired(one, scored(z, labels, groups), figure="accuracy")
        assert (value, low, high) == (0, 0, 0)
        with pytest.raises(DataError, match="no video in common"):
            paired(one, scored(z[:1], labels[:1], groups[:1]), figure="auc")

    def test_one_group_has_no_interval(self):
        labels, _, groups = grouped(1)
        both = [scored(np.arange(6) * sign, labels, groups) for sign in (1, -1)]
        _, low, high, n = paired(*both, figure="auc")
        assert n == 1
        assert np.isnan([low, high]).all()
