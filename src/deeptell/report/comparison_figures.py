"""Finding the figures of compared models, and writing them as numbers."""

import math
from collections.abc import Iterable, Sequence

from deeptell.figures import Compared, Difference, Measurement
from deeptell.report.words import DASH, SPACE

NAMES = {
    "auc": "AUC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "eer": "EER",
}
PLAIN = {"auc", "average_precision", "log_loss", "brier"}  # the others are shares: percent
PERCENT, POINTS = f"{SPACE}%", f"{SPACE}points"
INCLUDES_ZERO = "the interval includes zero: no difference shown"


def figure(model: Compared, metric: str, *, subset: str = "all") -> Measurement | None:
    """A figure of a model's videos; None where it was not measured, or is undefined."""
    for row in model.measurements:
        if (row.level, row.metric, row.subset) == ("video", metric, subset):
            return None if math.isnan(row.value) else row
    return None


def ranked(models: Iterable[Compared]) -> list[tuple[Compared, Measurement]]:
    """The models that were trained enough, the highest AUC first; ties as given."""
    rows = [(model, figure(model, "auc")) for model in models if model.trained_enough]
    known = [(model, auc) for model, auc in rows if auc]
    return sorted(known, key=lambda pair: -pair[1].value)


def in_order(values: Iterable[str]) -> list[str]:
    """Every value once, in the order of their first appearance."""
    return list(dict.fromkeys(values))


def short_data(names: Sequence[str]) -> dict[str, str]:
    """Each description of data without the parts that all share: "c40" for "people, c40"."""
    parts = {name: name.split(", ") for name in in_order(names)}
    least = min(map(len, parts.values()), default=1) - 1
    shared = 0
    while shared < least and len({tuple(p[: shared + 1]) for p in parts.values()}) == 1:
        shared += 1
    return {name: ", ".join(mine[shared:]) for name, mine in parts.items()}


def name_of(metric: str) -> str:
    """A figure as people call it, at the beginning of a line."""
    return NAMES.get(metric, metric.replace("_", " ").capitalize())


def has_interval(row: Measurement | Difference) -> bool:
    """Whether an interval could be had."""
    return not (math.isnan(row.low) or math.isnan(row.high))


def number(value: float, metric: str) -> str:
    """ "0.943" for an AUC, "93.8 %" for a share, a dash for what is undefined."""
    if math.isnan(value):
        return DASH
    return f"{value:.3f}" if metric in PLAIN else f"{100 * value:.1f}{PERCENT}"


def interval(row: Measurement) -> str:
    """ "0.901–0.972", without the unit of its value; or that there is none."""
    if not has_interval(row):
        return "no interval"
    ends = (number(end, row.metric).removesuffix(PERCENT) for end in (row.low, row.high))
    return DASH.join(ends)


def quoted(row: Measurement) -> str:
    """ "0.943 [0.901–0.972]"."""
    return f"{number(row.value, row.metric)} [{interval(row)}]"


def signed(value: float, metric: str) -> str:
    """ "+0.034", "−3.4 points", or a dash."""
    if math.isnan(value):
        return DASH
    if metric in PLAIN:
        return _sign(f"{round(value, 3) + 0.0:+.3f}")
    return _sign(f"{round(100 * value, 1) + 0.0:+.1f}{POINTS}")


def signed_interval(row: Difference) -> str:
    """ "−0.012 to +0.034", or that there is none."""
    if not has_interval(row):
        return "no interval"
    ends = (signed(end, row.metric).removesuffix(POINTS) for end in (row.low, row.high))
    return " to ".join(ends)


def tick(value: float, metric: str) -> str:
    """A round difference beside an axis: "+0.1", or "+10" percentage points."""
    return _sign(f"{value if metric in PLAIN else 100 * value:+g}") if value else "0"


def _sign(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def shown(row: Difference) -> bool:
    """Whether the interval leaves zero out."""
    return has_interval(row) and (row.low > 0 or row.high < 0)


def finding(row: Difference) -> str:
    """What a paired difference shows, in words."""
    if not has_interval(row):
        return "no difference shown"
    if not shown(row):
        return INCLUDES_ZERO
    return f"{'higher' if row.low > 0 else 'lower'}: the interval leaves zero out"
