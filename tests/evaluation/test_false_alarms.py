"""Bounds against scipy's exact intervals, and lines that keep what they promise."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from deeptell.errors import ConfigError
from deeptell.evaluation.false_alarms import (
    at_rate,
    best_line,
    check_rate,
    groups_needed,
    lines,
    lower_bound,
    measured,
    most_alarms,
    upper_bound,
)
from deeptell.evaluation.metrics import operating_points
from deeptell.records import BundleCard, OperatingPoint


@pytest.mark.parametrize(("alarms", "groups"), [(0, 1), (0, 299), (3, 120), (17, 40), (40, 40)])
def test_each_end_is_that_of_clopper_and_pearson(alarms, groups):
    exact = binomtest(alarms, groups).proportion_ci(confidence_level=0.9, method="exact")
    assert upper_bound(alarms, groups) == pytest.approx(exact.high, abs=1e-9)
    assert lower_bound(alarms, groups) == pytest.approx(exact.low, abs=1e-9)


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.05, 0.2])
def test_how_many_groups_a_rate_needs(rate):
    needed = groups_needed(rate)
    assert upper_bound(0, needed) <= rate < upper_bound(0, needed - 1)
    assert most_alarms(needed, rate) == 0
    assert most_alarms(needed - 1, rate) is None
    assert groups_needed(0.01) == 299


def sample(rng, groups, *, of_each=3):
    """Reals of groups that share an effect, and fakes above them: labels, scores, groups."""
    shared = np.repeat(rng.normal(size=groups), of_each)
    real = shared + 0.5 * rng.normal(size=groups * of_each)
    fake = real + 2
    scores = 1 / (1 + np.exp(-np.concatenate([real, fake])))
    names = np.tile(np.repeat(np.arange(groups), of_each), 2).astype(str)
    return np.repeat([0, 1], groups * of_each), scores, names


def test_lines_are_the_lowest_that_keep_their_rates():
    labels, scores, groups = sample(np.random.default_rng(0), 400)
    found = lines(labels, scores, groups)
    assert [point.false_alarms for point in found] == [0.01, 0.02, 0.05, 0.1, 0.2]
    for point in found:
        reals = labels == 0
        alarmed = {
            g for g, s in zip(groups[reals], scores[reals], strict=True) if s >= point.threshold
        }
        assert (point.real_groups, point.alarmed_groups) == (400, len(alarmed))
        assert upper_bound(len(alarmed), 400) <= point.false_alarms
        assert upper_bound(len(alarmed) + 1, 400) > point.false_alarms
        assert point.false_positive_rate == np.mean(scores[reals] >= point.threshold)
        assert point.true_positive_rate == np.mean(scores[~reals] >= point.threshold)
    assert lines(*sample(np.random.default_rng(0), 10)) == ()
    assert lines(np.zeros(60, int), np.ones(60), np.arange(60))[0].threshold > 1


def test_new_groups_keep_the_rate_in_95_of_100_draws():
    """Though the line is chosen on the groups it is measured on; scores are uniform here."""
    rng = np.random.default_rng(1)
    over = 0
    for _ in range(2000):
        scores = rng.random(80)
        (point,) = [
            p for p in lines(np.zeros(80, int), scores, np.arange(80)) if p.false_alarms == 0.1
        ]
        over += 1 - np.sort(scores[scores < point.threshold])[-1] > 0.1
    assert over / 2000 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)


def card(*points):
    return BundleCard("model", "", "", "", points, ())


def test_a_rate_moves_the_line_and_says_what_to_expect():
    labels, scores, groups = sample(np.random.default_rng(2), 400)
    given = card(*operating_points(labels, scores, groups), *lines(labels, scores, groups))
    flag, clear = at_rate(given, 0.03).operating_points
    assert (flag.name, clear.name) == ("flag", "clear")
    assert flag.false_alarms == 0.02  # the nearest that was measured to keep 3 %
    assert flag.threshold == best_line(given.operating_points, "clip", 0.03).threshold
    told = measured(flag)
    assert told.expected == pytest.approx(1000 * flag.alarmed_groups / 400)
    assert told.low <= told.expected <= told.high <= 20
    assert (told.measured_on, told.unit) == (400, "source groups")
    # A line below "clear" leaves nothing between the two.
    high = tuple(
        replace(p, threshold=0.999) if p.name == "clear" else p for p in given.operating_points
    )
    flag, clear = at_rate(card(*high), 0.2).operating_points
    assert flag.threshold == clear.threshold


def test_what_cannot_be_shown_is_refused_with_what_there_is():
    labels, scores, groups = sample(np.random.default_rng(3), 60)
    given = card(*operating_points(labels, scores, groups), *lines(labels, scores, groups))
    check_rate(given, 0.05, media="clip")
    with pytest.raises(
        ConfigError, match=r"1 % are not measurable with this data.*60 genuine.*299"
    ):
        check_rate(given, 0.01, media="clip")
    with pytest.raises(ConfigError, match="Offered: 5 %, 10 %, 20 %;"):
        check_rate(given, 0.01, media="clip")
    with pytest.raises(ConfigError, match=r"for pictures .* counts no genuine .* Offered: no rate"):
        check_rate(given, 0.05, media="picture")
    assert at_rate(given, 0.01).operating_points == ()


def test_an_older_bundle_counts_videos():
    told = measured(OperatingPoint("flag", 0.7, 0.05, 1.0, real_videos=20, fake_videos=79))
    assert (told.expected, told.measured_on, told.unit) == (50, 20, "videos")
    assert told.high == pytest.approx(1000 * upper_bound(1, 20))
