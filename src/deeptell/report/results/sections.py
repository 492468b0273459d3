"""The sections of a results page, in order; HTML and Markdown are written from the same ones.

A section is a title, sentences, and parts: tables, figures, bars, scatters, faces. What has no
parts has no section.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

from deeptell.report.comparison_figures import in_order
from deeptell.report.results import figure_tables as tables
from deeptell.report.results import studies
from deeptell.report.results.bars import Bars, auc_bars, difference_bars_of
from deeptell.report.results.calibration import (
    operating_table,
    reliability_figures,
    reliability_tables,
)
from deeptell.report.results.curve_plots import curve_figures
from deeptell.report.results.figures import both_classes, titles_of
from deeptell.report.results.plots import Figure
from deeptell.report.results.records import HardFace, Results
from deeptell.report.results.risk import distance_tables, risk_figures, risk_table
from deeptell.report.results.scatter import Scatter, scatters
from deeptell.report.results.tables import Table
from deeptell.report.results.training import training_figures

FACES = 8  # of each kind of error of a model


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces to which a model gave the worst scores for their class, worst first."""

    kind: ClassVar[str] = "faces"
    name: str
    threshold: float
    faces: tuple[HardFace, ...] = field(repr=False)


Part = Table | Figure | Bars | Scatter | Faces


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page, with its place in the contents."""

    slug: str
    title: str
    lead: tuple[str, ...]
    parts: tuple[Part, ...]


def sections(results: Results) -> list[Section]:
    """What the results hold, in the order of the page."""
    made = (make(results) for make in _SECTIONS)
    return [section for section in made if section.parts]


def _figures(results: Results) -> Section:
    models = results.models
    return Section(
        "figures",
        "Figures of all videos",
        (
            "In small print: the 95 % interval, from resampling source groups. A video’s score is "
            "that of its most suspicious track.",
        ),
        (
            *auc_bars(models),
            *tables.figure_tables(models),
            tables.confusion_table(models),
            *tables.level_tables(models),
            tables.chosen(models),
        )
        if models
        else (),
    )


def _differences(results: Results) -> Section:
    rows = results.differences
    return Section(
        "differences",
        "Differences between models",
        (
            "One model minus another on the videos that both scored, source groups resampled for "
            "both alike. To the right of the broken line, the one named first has the higher "
            "figure. A hollow dot: no difference shown. p: how likely chance alone gives such a "
            "difference; then the same, corrected by Holm’s method for how many were tested.",
        ),
        tuple(difference_bars_of(rows, metric) for metric in in_order(r.metric for r in rows)),
    )


def _subsets(results: Results) -> Section:
    return Section(
        "subsets",
        "By manipulation, compression, face size and quality",
        (
            "AUC of videos. The stronger the shade of a cell, the higher the figure: from 0.6, "
            "0.7, 0.8, 0.9 and 0.95 on.",
        ),
        tuple(tables.subset_tables(results.models)),
    )


def _curves(results: Results) -> Section:
    return Section("curves", "Curves", (), tuple(curve_figures(results.models)))


def _calibration(results: Results) -> Section:
    known = both_classes(results.models)
    return Section(
        "calibration",
        "Scores as probabilities",
        (),
        (
            *reliability_figures(known),
            *operating_table(results.models),
            *reliability_tables(known),
        ),
    )


def _knowing(results: Results) -> Section:
    models = results.models
    return Section(
        "knowing",
        "Knowing what it does not know",
        (),
        (*risk_figures(models), risk_table(models), *distance_tables(models)) if models else (),
    )


def _few(results: Results) -> Section:
    return Section(
        "few-frames",
        "With few frames",
        (),
        (*studies.few_figures(results.models), *studies.few_tables(results.models)),
    )


def _robustness(results: Results) -> Section:
    return Section(
        "robustness",
        "Robustness",
        (
            "Each corruption was applied to whole frames, before faces were looked for. The mean "
            "relative drop is the share of what a model has above guessing that it loses, over all "
            "corruptions and severities: 0 % is no loss, 100 % is guessing.",
        ),
        (*studies.robustness_figures(results.models), *studies.robustness_tables(results.models)),
    )


def _extraction(results: Results) -> Section:
    return Section(
        "extraction",
        "Sensitivity to extraction",
        ("The same model on the same videos, with faces found and cut in other ways.",),
        tuple(studies.extraction_tables(results.models)),
    )


def _protocol(results: Results) -> Section:
    return Section(
        "protocol",
        "Trained on one thing, tested on another",
        (
            "Every row is a model trained on one part of the data, every column a part it was "
            "tested on.",
        ),
        tuple(tables.cross_table(table) for table in results.cross_tables),
    )


def _training(results: Results) -> Section:
    return Section("training", "Training", (), tuple(training_figures(results.models)))


def _embedding(results: Results) -> Section:
    return Section(
        "embedding",
        "Embeddings before and after training",
        (
            "Neighbours in these drawings are neighbours in the embedding; distances between far "
            "points, and the axes, mean nothing in a t-SNE.",
        ),
        tuple(scatters(results.models)),
    )


def _faces(results: Results) -> Section:
    titles = titles_of(results.models)
    return Section(
        "faces",
        "The worst false alarms and misses",
        (
            "Real videos with the highest scores, and manipulated ones with the lowest. Where the "
            "score lies on the right side of the threshold all the same, it says so.",
        ),
        tuple(
            Faces(
                f"{titles[id(model)]}: {what}",
                model.chosen.threshold,
                faces[:FACES],
            )
            for model in results.models
            for what, faces in (
                ("real, highest scores", model.false_alarms),
                ("manipulated, lowest scores", model.misses),
            )
            if faces
        ),
    )


def _not_scored(results: Results) -> Section:
    return Section(
        "not-scored",
        "Videos without a score",
        ("They are in no figure above.",),
        tuple(tables.not_scored(results.models)),
    )


def _every(results: Results) -> Section:
    return Section("every", "Every figure", (), tuple(tables.every_figure(results.models)))


_SECTIONS: tuple[Callable[[Results], Section], ...] = (
    *(_figures, _differences, _subsets, _protocol, _curves, _calibration, _knowing),
    *(_robustness, _extraction, _few, _faces, _embedding, _training, _not_scored, _every),
)
