"""Lines for "likely manipulated" by how often genuine material may stand above them.

Of G genuine source groups let the line pass just above the (k+1)-th highest, so that k stand at
or above it. How often new groups will is then bounded for any distribution of scores: the rate
exceeds p with the chance that at most k of G draws at the rate p are alarms (Wilks 1941). That is
the one-sided bound of Clopper and Pearson (1934). It holds although the line was chosen on the
same groups, because k is chosen by G and the asked rate alone.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from deeptell.answers import FalseAlarms
from deeptell.errors import ConfigError
from deeptell.evaluation.metrics import between, check, point
from deeptell.records import CLEAR, CLIP, FLAG, PICTURE, REAL, BundleCard, OperatingPoint

CONFIDENCE = 0.95  # of each end of an interval by itself
RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  # that bundles hold lines for


def upper_bound(alarms: int, groups: int) -> float:
    """The rate that is not exceeded with 95 % confidence, after so many alarms of so many."""
    from scipy.special import betaincinv  # a scan without lines to choose does not load it

    if alarms >= groups:
        return 1.0
    return float(betaincinv(alarms + 1, groups - alarms, CONFIDENCE))


def lower_bound(alarms: int, groups: int) -> float:
    """The rate that is reached with 95 % confidence."""
    return 1 - upper_bound(groups - alarms, groups)


def groups_needed(rate: float) -> int:
    """How many genuine groups, none of them an alarm, show that a rate is not exceeded."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-rate))


def most_alarms(groups: int, rate: float) -> int | None:
    """How many alarms of so many groups still show that the rate is kept; None: not even none."""
    kept = [k for k in range(int(rate * groups) + 1) if upper_bound(k, groups) <= rate]
    return max(kept, default=None)


def lines(labels: ArrayLike, scores: ArrayLike, groups: ArrayLike) -> tuple[OperatingPoint, ...]:
    """A point for each of `RATES` that so many genuine groups can show, the strictest first.

    A group is an alarm where any of its genuine videos stands at or above the line; the line lies
    midway between the highest group that does not and the next score above.

    Args:
        labels: `(N,)` of validation videos of one kind, clips or pictures.
        scores: `(N,)` in [0, 1].
        groups: `(N,)` source groups.
    """
    y, p = check(labels, scores)
    of = np.asarray(groups)
    names, place = np.unique(of[y == REAL], return_inverse=True)
    highest = np.zeros(len(names))
    np.maximum.at(highest, place, p[y == REAL])
    highest = np.sort(highest)
    found = []
    for rate in RATES:
        alarms = most_alarms(len(names), rate)
        if alarms is not None:
            last = float(highest[-1 - alarms])
            above = p[p > last]
            threshold = between(last, above.min() if len(above) else max(1, np.nextafter(last, 2)))
            made = point(f"false alarms {100 * rate:g} %", threshold, y, p, of)
            found.append(replace(made, false_alarms=rate))
    return tuple(found)


def measured(found: OperatingPoint) -> FalseAlarms:
    """What a point's validation videos say of new ones; older bundles did not count groups."""
    by_group = found.real_groups > 0
    of = found.real_groups if by_group else found.real_videos
    alarms = found.alarmed_groups if by_group else round(found.false_positive_rate * of)
    return FalseAlarms(
        media=found.media,
        threshold=found.threshold,
        expected=1000 * alarms / of,
        low=1000 * lower_bound(alarms, of),
        high=1000 * upper_bound(alarms, of),
        measured_on=of,
        unit="source groups" if by_group else "videos",
        audited=found.audited,
    )


def with_lines(card: BundleCard, lines: Sequence[OperatingPoint]) -> BundleCard:
    """The card with other lines by rate of false alarms in place of its own."""
    kept = [one for one in card.operating_points if one.false_alarms is None]
    return replace(card, operating_points=(*kept, *lines))


def at_rate(card: BundleCard, rate: float) -> BundleCard:
    """The card with its "flag" points moved to where at most this rate was measured.

    Where pictures or clips have no such point they are left without one, and cannot be judged.
    """
    points: list[OperatingPoint] = []
    for media in (CLIP, PICTURE):
        flag = best_line(card.operating_points, media, rate)
        clear = [one for one in card.operating_points if (one.name, one.media) == (CLEAR, media)]
        if flag is not None and clear:
            # A line below "clear" leaves nothing between the two.
            lowest = min(clear[0], flag, key=lambda one: one.threshold)
            points += [replace(flag, name=FLAG), replace(lowest, name=CLEAR)]
    return replace(card, operating_points=tuple(points))


def check_rate(card: BundleCard, rate: float, *, media: str) -> None:
    """Raise a `ConfigError` that says what there is, where no point keeps this rate."""
    if best_line(card.operating_points, media, rate) is not None:
        return
    of_media = [one for one in card.operating_points if one.media == media]
    groups = max((one.real_groups for one in of_media), default=0)
    rates = [f"{100 * one.false_alarms:g} %" for one in of_media if one.false_alarms is not None]
    raise ConfigError(
        f"False alarms of {100 * rate:g} % are not measurable with this data: for {media}s the "
        f"bundle '{card.name}' counts {groups or 'no'} genuine source groups of validation, and "
        f"{groups_needed(rate)} are needed. Offered: {', '.join(rates) or 'no rate'}; "
        "'deeptell calibrate' measures on other videos."
    )


def best_line(points: Sequence[OperatingPoint], media: str, rate: float) -> OperatingPoint | None:
    """The lowest line whose upper bound does not pass this rate; None where there is none."""
    kept = [
        one
        for one in points
        if one.media == media
        and one.false_alarms is not None
        and upper_bound(one.alarmed_groups, one.real_groups) <= rate
    ]
    return min(kept, key=lambda one: one.threshold, default=None)
