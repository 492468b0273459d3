"""What came out of a comparison, in sentences computed from its records."""

import math
from collections.abc import Mapping, Sequence

from deeptell.figures import CHANCE, ENOUGH, Compared, Difference, Measurement
from deeptell.report import words
from deeptell.report.comparison_figures import (
    finding,
    has_interval,
    in_order,
    name_of,
    number,
    quoted,
    ranked,
    shown,
    signed,
    signed_interval,
)

Said = tuple[str, str]  # what it is about, and the sentences
ABOUT = {
    "metric": "Metric learning",
    "imbalance": "Imbalance",
    "defects": "Defects put right",
}


def summary(
    models: Sequence[Compared],
    differences: Mapping[str, Sequence[Difference]],
    *,
    short: Mapping[str, str],
) -> list[Said]:
    """Say what came out.

    Args:
        differences: by section, without models that were not trained enough. Of each section,
            every figure of the first pair is said on all data, and the others are counted.
        short: the data of models and differences, in few words.
    """
    families = [model for model in models if model.section == "families"]
    said = []
    for data in in_order(model.data for model in families):
        here = [model for model in families if model.data == data]
        said.append((data[:1].upper() + data[1:], f"{_best(here)}{_few(here)}"))
    said += [
        (about, _paired(rows, short))
        for section, about in ABOUT.items()
        if (rows := differences.get(section))
    ]
    if untrained := [model for model in models if not model.trained_enough]:
        said.append(("Left out", _left_out(len(untrained), len(models))))
    return said


def _best(models: Sequence[Compared]) -> str:
    """Which ranked highest, and the highest of every other family."""
    rows = ranked(models)
    if not rows:
        return "No model was trained enough to be ranked."
    (first, auc), n = rows[0], len(rows)
    highest = {model.family: (model, row) for model, row in reversed(rows)}
    others = [
        f"{model.family} {number(row.value, 'auc')} ({model.name})"
        for model, row in sorted(highest.values(), key=lambda pair: -pair[1].value)
        if model.family != first.family
    ]
    text = f"Of {words.counted(n, 'model')}, {first.name} ({first.family}) ranked highest by AUC"
    text = f"{text}: {quoted(auc)}." if n > 1 else f"{first.name}: AUC {quoted(auc)}."
    if others:
        text += f" Highest of the other families: {words.listed(others)}."
    return f"{text} {_at_chance([row for _, row in rows])}"


def _at_chance(rows: Sequence[Measurement]) -> str:
    known = [row for row in rows if has_interval(row)]
    guessing = sum(row.low <= 0.5 <= row.high for row in known)
    if not known:
        return "No interval could be had."
    if not guessing:
        return "No interval includes chance (0.5)."
    verb = "includes" if guessing == 1 else "include"
    return f"Of {words.counted(len(known), 'interval')}, {guessing} {verb} chance (0.5)."


def _few(models: Sequence[Compared]) -> str:
    """Which ranked highest with the fewest and with the most frames of each video."""
    points = [
        (point.frames, point.auc.value, model.name)
        for model in models
        for point in model.few_frames
        if model.trained_enough and not math.isnan(point.auc.value)
    ]
    counts = sorted({frames for frames, _, _ in points})
    parts = []
    for count in dict.fromkeys([*counts[:1], *counts[-1:]]):
        rows = [(value, name) for frames, value, name in points if frames == count]
        value, name = max(rows, key=lambda row: row[0])
        parts.append(
            f"{words.counted(count, 'frame')} of each video: {name} "
            f"({number(value, 'auc')}, of {words.counted(len(rows), 'model')})"
        )
    return f" Highest with {', with '.join(parts)}." if parts else ""


def _paired(differences: Sequence[Difference], short: Mapping[str, str]) -> str:
    """The first pair on all data, and how many of the others show a difference."""
    first = differences[0]
    pair = [row for row in differences if (row.better, row.worse) == (first.better, first.worse)]
    text = f"“{first.better}” minus “{first.worse}”: "
    text += "; ".join(
        f"on {short[row.data]}, {_called(row.metric)} "
        f"{signed(row.value, row.metric)} [{signed_interval(row)}], {finding(row)}"
        for row in pair
    )
    return f"{text}.{_others([row for row in differences if row not in pair], short)}"


def _others(differences: Sequence[Difference], short: Mapping[str, str]) -> str:
    if not differences:
        return ""
    found = [
        f"“{row.better}” minus “{row.worse}” ({_called(row.metric)} "
        f"{signed(row.value, row.metric)} on {short[row.data]})"
        for row in differences
        if shown(row)
    ]
    text = f" Other paired comparisons: {len(differences)}, of which {len(found) or 'none'} "
    text += "shows" if len(found) < 2 else "show"
    return f"{text} a difference{': ' if found else ''}{words.listed(found)}."


def _called(metric: str) -> str:
    name = name_of(metric)
    return name if name.isupper() else name.lower()


def _left_out(untrained: int, runs: int) -> str:
    return (
        f"{untrained} of {words.counted(runs, 'run')} did not leave chance in training (loss on "
        f"training samples at or above {ENOUGH:.2f}; guessing gives {CHANCE:.2f}). Figures "
        "of such models mean nothing: they are marked “not trained enough”, and left out of "
        "rankings and comparisons."
    )
