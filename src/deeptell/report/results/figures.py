"""Finding and naming the figures of a results page, and the models that they are of."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from deeptell.figures import Measurement
from deeptell.report import comparison_figures
from deeptell.report.comparison_figures import in_order, short_data
from deeptell.report.results.records import Measured

TOGETHER = 4  # lines that can be told apart in one panel
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


def titles_of(models: Sequence[Measured]) -> dict[int, str]:
    """The same in one line, for what is of one model only."""
    return {key: ": ".join(filter(None, label)) for key, label in labels_of(models).items()}


def batches(models: Sequence[Measured]) -> Iterator[tuple[str, Sequence[Measured]]]:
    """As many models of one data as one panel holds, with that data where the page has several."""
    sets = in_order(model.data for model in models)
    for data in sets:
        mine = [model for model in models if model.data == data]
        for start in range(0, len(mine), TOGETHER):
            yield (data if len(sets) > 1 else ""), mine[start:][:TOGETHER]


def both_classes(models: Sequence[Measured]) -> list[Measured]:
    """Those whose scored videos are of both classes: the others have no curve."""
    return [model for model in models if len(set(model.scores.labels)) == 2]
