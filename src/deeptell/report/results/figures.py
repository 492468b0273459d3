"""Finding and naming the figures of a results page, and what a reader must be warned of."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from deeptell.evaluation.bootstrap import FEW_GROUPS
from deeptell.records import Measurement
from deeptell.report import comparison_figures, words
from deeptell.report.comparison_figures import in_order, short_data
from deeptell.report.results.records import Measured

TOGETHER = 4  # lines that can be told apart in one panel
REVERSED = 0.25  # an AUC below it is far below one half, where no interval could be had
UNITLESS = ("partial_auc", "calibration_error")  # besides those that a comparison knows
COUNTS = ("true_fake", "false_real", "true_real", "false_fake")

RANKING = ("auc", "partial_auc", "average_precision", "eer",
           "tpr_at_fpr_1", "tpr_at_fpr_5", "tpr_at_fpr_10")  # fmt: skip
DECIDING = ("balanced_accuracy", "accuracy", "recall_fake", "precision_fake", "f1_fake",
            "recall_real", "precision_real", "f1_real")  # fmt: skip
PROBABILITY = ("log_loss", "brier", "calibration_error")
NAMES = {
    "partial_auc": "Partial AUC",
    "average_precision": "Average precision",
    "tpr_at_fpr_1": "Found at 1 % false alarms",
    "tpr_at_fpr_5": "Found at 5 %",
    "tpr_at_fpr_10": "Found at 10 %",
    "recall_fake": "Fakes found",
    "precision_fake": "Precision, fake",
    "f1_fake": "F1, fake",
    "recall_real": "Reals left alone",
    "precision_real": "Precision, real",
    "f1_real": "F1, real",
    "log_loss": "Log-loss",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
    "true_fake": "Fakes called fake",
    "false_real": "Fakes missed",
    "true_real": "Reals left alone",
    "false_fake": "Reals called fake",
}


def name_of(metric: str) -> str:
    """A figure as people call it, at the beginning of a line."""
    return NAMES.get(metric) or comparison_figures.name_of(metric)


def number(value: float, metric: str) -> str:
    """ "0.943" for an AUC, "93.8 %" for a share, "118" for a count, a dash where undefined."""
    if metric in COUNTS and not math.isnan(value):
        return f"{value:,.0f}"
    return comparison_figures.number(value, "auc" if metric in UNITLESS else metric)


def interval(row: Measurement) -> str:
    """ "0.901–0.972", or that there is none."""
    return comparison_figures.interval(
        replace(row, metric="auc") if row.metric in UNITLESS else row
    )


def auc_of(model: Measured) -> str:
    """ "AUC 0.943 [0.901–0.972]" of a model's videos, or nothing where it was not measured."""
    row = model.figure("auc")
    return f"AUC {number(row.value, 'auc')} [{interval(row)}]" if row else ""


def groups_of(model: Measured) -> int:
    """How many source groups a model's videos came from."""
    return len(set(model.scores.groups))


def labels_of(models: Sequence[Measured]) -> dict[int, tuple[str, str]]:
    """By `id`: each model's name, and below it its data where the page holds several."""
    short = short_data([model.data for model in models])
    return {id(m): (m.name, short[m.data] if len(short) > 1 else "") for m in models}


def batches(models: Sequence[Measured]) -> Iterator[tuple[str, Sequence[Measured]]]:
    """As many models of one data as one panel holds, with that data where the page has several."""
    sets = in_order(model.data for model in models)
    for data in sets:
        mine = [model for model in models if model.data == data]
        for start in range(0, len(mine), TOGETHER):
            yield (data if len(sets) > 1 else ""), mine[start:][:TOGETHER]


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
