"""Figures in the terminal: tables with intervals, and what they do not cover."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from deeptell.console import out, plain_text, print_table
from deeptell.evaluation.bootstrap import FEW_GROUPS
from deeptell.figures import Compared, Difference, FewFrames, Measurement

if TYPE_CHECKING:
    from deeptell.evaluation.evaluate import Evaluation
    from deeptell.evaluation.protocols import ProtocolResult
    from deeptell.evaluation.robustness import Robustness
    from deeptell.evaluation.sensitivity import Sensitivity
    from deeptell.results.sources import Judged

FIGURES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "eer": "equal error rate",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision_fake": "precision, fake",
    "recall_fake": "recall, fake",
    "f1_fake": "F1, fake",
    "precision_real": "precision, real",
    "recall_real": "recall, real",
    "f1_real": "F1, real",
}
SHORT = ("auc", "balanced_accuracy", "eer")


def print_judged(judged: "Sequence[Judged]") -> None:
    """One model with all its figures; several with the main ones, a row for each."""
    if len(judged) == 1:
        (one,) = judged
        levels = dict.fromkeys(row.level for row in one.evaluation.measurements)
        print_evaluation(one.evaluation, levels=list(levels))
        if one.few_frames:
            print_few_frames(one.few_frames)
        return
    print_table([_row(one) for one in judged])
    for one in judged:
        _print_limits(one.evaluation, name=f"{one.name} on {one.data}: ")


def _row(one: "Judged") -> dict[str, str]:
    figures = {
        row.metric: row
        for row in one.evaluation.measurements
        if (row.level, row.by) == ("video", "all")
    }
    cells = {FIGURES[name]: _interval(figures[name]) for name in SHORT}
    videos = str(figures["auc"].videos)
    named = {"model": plain_text(one.name), "data": plain_text(one.data)}
    return {**named, **cells, "videos": videos}


def print_differences(differences: Sequence[Difference]) -> None:
    """Every two models against each other, on the videos that both scored."""
    if not differences:
        return
    out.print()
    print_table(
        [
            {
                "difference": plain_text(f"{row.better} less {row.worse}"),
                "data": plain_text(row.data),
                "figure": row.metric.replace("_", " "),
                "": _interval(row),
                "p (Holm)": f"{row.p_holm:.3g}",
            }
            for row in differences
        ]
    )


def print_evaluation(
    result: "Evaluation", *, levels: Sequence[str], figures: Sequence[str] = tuple(FIGURES)
) -> None:
    """The figures of each level, and what they do not cover."""
    for level in levels:
        named = {name: FIGURES[name] for name in figures}
        print_measurements(result.measurements, figures=named, level=level)
        out.print()
    _print_limits(result)


def _print_limits(result: "Evaluation", *, name: str = "") -> None:
    """What was not measured, and what a reader must know of what was."""
    scored = result.videos - len(result.not_scored)
    out.print(
        f"{plain_text(name)}Scored {scored} of {result.videos} videos; "
        f"threshold {result.threshold:.3f}: {result.chosen.threshold}.",
        highlight=False,
    )
    for row in result.not_scored.itertuples():
        out.print(plain_text(f"not scored: {row.video_key}: {row.reason}"), highlight=False)
    for warning in result.warnings:
        out.print(plain_text(warning), style="yellow", highlight=False)


def print_measurements(
    measurements: Sequence[Measurement], *, figures: Mapping[str, str], level: str
) -> None:
    """The named figures of one level with 95 % intervals: a column for each manipulation."""
    columns: dict[str, dict[str, Measurement]] = {}
    for one in measurements:
        if one.level == level and one.by in ("all", "manipulation"):
            columns.setdefault(one.subset, {})[one.metric] = one
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(f"{level}s", no_wrap=True)
    for subset in columns:
        table.add_column(plain_text(subset), justify="right", no_wrap=True)
    for name, title in figures.items():
        table.add_row(title, *(_interval(column[name]) for column in columns.values()))
    counts = [next(iter(column.values())) for column in columns.values()]
    table.add_row("number of videos", *(str(one.videos) for one in counts), style="dim")
    table.add_row("source groups", *(str(one.groups) for one in counts), style="dim")
    out.print(table)
    note = "In brackets: 95 % intervals over source groups"
    if any(one.groups < FEW_GROUPS for one in counts):
        note += f"; below {FEW_GROUPS} groups take them as rough"
    out.print(f"{note}.", style="dim", highlight=False)


def print_few_frames(points: Sequence[FewFrames]) -> None:
    """AUC and accuracy of videos, a row for each number of frames."""
    print_table(
        [
            {
                "frames per video": str(point.frames),
                "AUC": _interval(point.auc),
                "accuracy": _interval(point.accuracy),
                "videos": str(point.auc.videos),
            }
            for point in points
        ]
    )


def print_comparison(models: Sequence[Compared]) -> None:
    """A row for each model: what it was measured on, and its figures of videos."""
    rows = []
    for model in models:
        all_kinds = {one.metric: one for one in model.measurements if one.subset == "all"}
        rows.append(
            {
                "data": plain_text(model.data),
                "section": model.section,
                "model": plain_text(model.name),
                "AUC": _interval(all_kinds["auc"]),
                "accuracy": _interval(all_kinds["accuracy"]),
                "": "" if model.trained_enough else "not trained enough",
            }
        )
    print_table(rows)


def print_robustness(result: "Robustness") -> None:
    """AUC of videos under each corruption and severity, and the one number of each model."""
    for model in result.models:
        print_table(
            [
                {
                    "corruption": point.corruption,
                    "severity": str(point.severity),
                    "AUC": _interval(point.auc),
                    "relative drop": _interval(point.relative_drop),
                    "scored": f"{point.scored} of {point.videos}",
                }
                for point in model.points
            ]
        )
        out.print(
            f"{plain_text(model.model)}: mean relative drop {_interval(model.mean_relative_drop)} "
            "(0: nothing lost, 1: chance).\n",
            highlight=False,
        )


def print_sensitivity(result: "Sensitivity") -> None:
    """AUC and accuracy under each way of finding and cutting faces, and how far they range."""
    for model in result.models:
        print_table(
            [
                {
                    "setting": way.setting.replace("_", " "),
                    "value": f"{way.value} (own)" if way.own else way.value,
                    "AUC": _interval(way.auc),
                    "less the own": "" if way.own else _interval(way.auc_difference),
                    "accuracy": _interval(way.accuracy),
                    "scored": f"{way.scored} of {way.videos}",
                }
                for way in model.ways
            ]
        )
        whole = model.ranges[0]
        out.print(
            f"{plain_text(model.model)}: over all of these AUC ranges by {whole.auc:.3f}, accuracy "
            f"by {whole.accuracy:.3f}.\n",
            highlight=False,
        )
    for name, why in result.left_out:
        out.print(plain_text(f"left out: {name}: {why}"), style="yellow", highlight=False)


def print_protocol(result: "ProtocolResult") -> None:
    """AUC of videos: a row for what was trained on, a column for what was tested on."""
    cells = {
        (cell.trained_on, cell.tested_on): row
        for cell in result.cells
        for row in cell.measurements
        if (row.metric, row.by) == ("auc", "all")
    }
    print_table(
        [
            {
                "AUC, trained on": plain_text(trained),
                **{
                    plain_text(tested): _interval(cells[trained, tested])
                    if (trained, tested) in cells
                    else ""
                    for tested in result.columns
                },
            }
            for trained in result.rows
        ]
    )
    out.print(f"Protocol {plain_text(result.name)}, hash {result.sha256}.", highlight=False)


def _interval(one: Measurement | Difference) -> str:
    known = not math.isnan(one.low)
    return f"{one.value:.3f}" + (rf" \[{one.low:.2f}, {one.high:.2f}]" if known else "")
