"""What the figures of a results page warn a reader of."""

import math
from collections.abc import Sequence

from deeptell.evaluation.bootstrap import FEW_GROUPS
from deeptell.report import words
from deeptell.report.comparison_figures import in_order
from deeptell.report.results.figures import auc_of, groups_of, number
from deeptell.report.results.records import Measured

REVERSED = 0.25  # an AUC below it is far below one half, where no interval could be had


def warnings(models: Sequence[Measured]) -> list[str]:
    """What the figures themselves warn of, in sentences."""
    return [
        *_reversed(models),
        *_few_groups(models),
        *_one_class(models),
        *_flawless(models),
    ]


def _reversed(models: Sequence[Measured]) -> list[str]:
    rows = [(model, row) for model in models if (row := model.figure("auc"))]
    return [
        f"The scores of “{model.name}” on {model.data} look like probabilities of being real: "
        f"{auc_of(model)}, far below one half. They were measured as given, not turned round; if "
        "they mean “real”, give one minus the score."
        for model, row in rows
        if (row.value < REVERSED if math.isnan(row.high) else row.high < 0.5)
    ]


def _few_groups(models: Sequence[Measured]) -> list[str]:
    fewest = min((groups_of(model) for model in models), default=FEW_GROUPS)
    if fewest >= FEW_GROUPS:
        return []
    return [
        f"The videos come from {words.counted(fewest, 'source group')} only"
        f"{' where they are fewest' if len({groups_of(m) for m in models}) > 1 else ''}: below "
        f"{FEW_GROUPS}, take the 95{words.SPACE}% intervals as rough."
    ]


def _one_class(models: Sequence[Measured]) -> list[str]:
    return [
        f"All scored videos of “{model.name}” on {model.data} are "
        f"{'manipulated' if model.scores.labels[0] else 'real'}: how well the two are told apart "
        "is not defined."
        for model in models
        if len(set(model.scores.labels)) == 1
    ]


def _flawless(models: Sequence[Measured]) -> list[str]:
    """An interval without width is what resampling gives where no error was made."""
    perfect = [m for m in models if (row := m.figure("auc")) and row.value == row.low == 1]
    if not perfect:
        return []
    names = words.listed(in_order(f"“{model.name}”" for model in perfect))
    groups = min(map(groups_of, perfect))
    return [
        f"{names} ranked every video rightly, so that resampling gives an interval without width. "
        f"Errors may occur all the same: if they did in {_unseen(groups)} of source groups, one in "
        f"20 tests on {words.counted(groups, 'group')} would show none."
    ]


def _unseen(groups: int) -> str:
    """The largest share that n draws miss altogether in 5 % of cases: exact, binomial."""
    return number(1 - 0.05 ** (1 / groups), "share")
