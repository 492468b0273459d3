"""Tables of what was measured: of all videos and of kinds of them, at each level."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from deeptell.evaluation.metrics import measure
from deeptell.figures import Measurement
from deeptell.report.comparison_figures import in_order
from deeptell.report.results.figures import (
    COUNTS,
    DECIDING,
    PROBABILITY,
    RANKING,
    groups_of,
    labels_of,
    name_of,
    number,
    titles_of,
)
from deeptell.report.results.records import CrossTable, Measured
from deeptell.report.results.tables import Cell, Table, cell
from deeptell.report.words import DASH, SPACE, counted

BANDS = {
    "manipulation": "each manipulation’s videos against all genuine ones",
    "compression": "the videos of each compression",
    "face size": "the videos with faces of such a size, by the median of each",
    "quality": "the videos with crops of such a quality, by the median of each",
}
FIGURES = (*RANKING, *DECIDING, *PROBABILITY, *COUNTS)
LEVELS = ("frame", "clip", "track", "video")


def headline(models: Sequence[Measured]) -> Table:
    """The figures by which a model is judged, what they stand on, and where its threshold is from.

    A sceptical reader finds here, before anything else, what would make them worth nothing.
    """
    labels = labels_of(models)
    return Table(
        caption="The main figures, of videos",
        head=("Model", "AUC", "Balanced accuracy", "Videos", "Groups", "Scored", "Threshold"),
        rows=tuple(
            (
                Cell(*labels[id(model)]),
                cell(model.figure("auc")),
                cell(model.figure("balanced_accuracy")),
                _videos(model),
                Cell(f"{groups_of(model):,}"),
                _scored(model),
                Cell(f"{model.chosen.threshold:.3g}", model.chosen.threshold_from),
            )
            for model in models
        ),
        wide=False,
        stacked=True,
    )


def _videos(model: Measured) -> Cell:
    fakes = sum(model.scores.labels)
    total = len(model.scores.labels)
    return Cell(f"{total:,}", f"{total - fakes:,} real, {fakes:,} fake")


def _scored(model: Measured) -> Cell:
    scored = len(model.scores.keys)
    share_of = number(scored / model.videos, "share") if model.videos else DASH
    return Cell(f"{scored:,} of {model.videos:,}", share_of)


def chosen(models: Sequence[Measured]) -> Table:
    """Where threshold, calibration and epoch of each model came from."""
    labels = labels_of(models)
    return Table(
        caption="What was chosen before these videos were seen, and on what",
        head=("Model", "Threshold", "Calibration", "Epoch"),
        rows=tuple(
            (
                Cell(model.name, "; ".join(filter(None, (model.note, labels[id(model)][1])))),
                Cell(f"{model.chosen.threshold:.3g}", model.chosen.threshold_from),
                Cell(model.chosen.calibration.method, model.chosen.calibration_from),
                Cell(
                    DASH if model.chosen.epoch is None else str(model.chosen.epoch),
                    model.chosen.epoch_from,
                ),
            )
            for model in models
        ),
        wide=False,
        stacked=True,
    )


def figure_tables(models: Sequence[Measured]) -> Iterator[Table]:
    """Every figure of all videos: of ranking, at the threshold, of probabilities."""
    names = {
        "Ranking: no threshold is needed": RANKING,
        "Deciding: at the model’s threshold": DECIDING,
        "Scores as probabilities": PROBABILITY,
    }
    labels = labels_of(models)
    for caption, metrics in names.items():
        known = [metric for metric in metrics if any(m.figure(metric) for m in models)]
        if known:
            yield Table(
                caption=caption,
                head=("Model", *(name_of(metric) for metric in known)),
                rows=tuple(
                    (Cell(*labels[id(m)]), *(cell(m.figure(metric)) for metric in known))
                    for m in models
                ),
            )


def confusion_table(models: Sequence[Measured]) -> Table:
    """The confusion matrix of each model, one row each, counted from its scores."""
    labels = labels_of(models)
    return Table(
        caption="Answers at the threshold, counted",
        head=("Model", *(name_of(metric) for metric in COUNTS)),
        rows=tuple((Cell(*labels[id(m)]), *map(Cell, _counts(m))) for m in models),
    )


def _counts(model: Measured) -> list[str]:
    counts = measure(
        model.scores.labels, model.scores.fake_probability, threshold=model.chosen.threshold
    )
    return [number(getattr(counts, metric), metric) for metric in COUNTS]


def level_tables(models: Sequence[Measured]) -> Iterator[Table]:
    """AUC of frames or clips, tracks and videos."""
    rows = [row for model in models for row in model.measurements]
    found = {row.level for row in rows if row.by == "all" and row.metric == "auc"}
    levels = [level for level in LEVELS if level in found]
    if len(levels) > 1:
        labels = labels_of(models)
        yield Table(
            caption="AUC by level",
            head=("Model", *(f"Of {level}s" for level in levels)),
            rows=tuple(
                (Cell(*labels[id(m)]), *(cell(m.figure("auc", level=level)) for level in levels))
                for m in models
            ),
        )


def subset_tables(models: Sequence[Measured]) -> Iterator[Table]:
    """AUC of videos by manipulation, compression, face size and quality, shaded by value."""
    labels = labels_of(models)
    rows = [r for m in models for r in m.measurements if r.level == "video" and r.metric == "auc"]
    for by in in_order(row.by for row in rows if row.by != "all"):
        subsets = in_order(row.subset for row in rows if row.by == by)
        yield Table(
            caption=f"AUC by {by}: {BANDS.get(by, 'the videos of each kind')}",
            head=("Model", "All", *(_with_size(rows, by, subset) for subset in subsets)),
            rows=tuple(
                (
                    Cell(*labels[id(m)]),
                    cell(m.figure("auc"), shaded=True),
                    *(
                        cell(m.figure("auc", by=by, subset=subset), shaded=True)
                        for subset in subsets
                    ),
                )
                for m in models
            ),
        )


def _with_size(rows: Sequence[Measurement], by: str, subset: str) -> str:
    """ "NeuralTextures (24 videos, 12 groups)": of the first model that has it."""
    row = next(row for row in rows if (row.by, row.subset) == (by, subset))
    return f"{subset} ({counted(row.videos, 'video')}, {counted(row.groups, 'group')})"


def every_figure(models: Sequence[Measured]) -> Iterator[Table]:
    """For each model and level, every figure of every subset."""
    titles = titles_of(models)
    for model in models:
        for level, rows in groupby(
            sorted(model.measurements, key=lambda row: row.level), key=lambda row: row.level
        ):
            yield _every(titles[id(model)], level, list(rows))


def _every(name: str, level: str, rows: Sequence[Measurement]) -> Table:
    given = {row.metric for row in rows}
    metrics = [*(m for m in FIGURES if m in given), *sorted(given - set(FIGURES))]
    subsets: dict[tuple[str, str], dict[str, Measurement]] = {}
    for row in rows:
        subsets.setdefault((row.by, row.subset), {})[row.metric] = row
    return Table(
        caption=f"{name}: every figure of {level}s",
        head=("Subset", "Videos", "Groups", *(name_of(metric) for metric in metrics)),
        rows=tuple(
            (
                Cell(subset, "" if by == "all" else by),
                Cell(f"{next(iter(mine.values())).videos:,}"),
                Cell(f"{next(iter(mine.values())).groups:,}"),
                *(cell(mine.get(metric)) for metric in metrics),
            )
            for (by, subset), mine in subsets.items()
        ),
        folded=True,
    )


def cross_table(table: CrossTable) -> Table:
    """A protocol's matrix, shaded by value; what a model was trained on itself is marked."""
    rows = in_order(row for row, _, _ in table.cells)
    columns = in_order(column for _, column, _ in table.cells)
    known = {(row, column): figure for row, column, figure in table.cells}

    def one(row: str, column: str) -> Cell:
        made = cell(known.get((row, column)), shaded=True)
        if (row, column) not in table.seen:
            return made
        return replace(made, more="as trained")

    return Table(
        caption=table.title,
        head=(f"{table.row_name} ↓ · {table.column_name} →", *columns),
        rows=tuple((Cell(row), *(one(row, column) for column in columns)) for row in rows),
    )


def not_scored(models: Sequence[Measured]) -> Iterator[Table]:
    """Every video without a score, and why."""
    titles = titles_of(models)
    for model in models:
        if model.not_scored:
            reasons = in_order(one.reason for one in model.not_scored)
            yield Table(
                caption=f"{titles[id(model)]}: {counted(len(model.not_scored), 'video')} of "
                f"{model.videos:,} without a score",
                head=("Why", "Videos", "Which"),
                rows=tuple(
                    _without_score(reason, [o.key for o in model.not_scored if o.reason == reason])
                    for reason in reasons
                ),
                wide=False,
            )


def _without_score(reason: str, keys: Sequence[str]) -> tuple[Cell, ...]:
    return Cell(reason.replace(SPACE, " ")), Cell(f"{len(keys):,}"), Cell(", ".join(keys))
