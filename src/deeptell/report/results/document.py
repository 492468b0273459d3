"""Results as JSON and CSV: what the page says, for whoever reads it with a program."""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import deeptell
from deeptell.evaluation.risk import RiskCoverage
from deeptell.figures import Measurement, plain
from deeptell.report.results import curves
from deeptell.report.results.figures import both_classes
from deeptell.report.results.records import Measured, Results
from deeptell.report.results.risk import distance_risk
from deeptell.report.results.warnings import warnings

SCHEMA_VERSION = 1


def document(results: Results) -> dict[str, Any]:
    """The results as plain JSON values; figures that are undefined are null.

    Each model has its `curves` as well, in full, as lists of pairs; faces have no pictures.
    """
    models = [_model(model) for model in results.models]
    return {
        "schema_version": SCHEMA_VERSION,
        "deeptell": deeptell.__version__,
        **plain(replace(results, models=())),
        "warnings": [*results.warnings, *warnings(results.models)],
        "models": models,
    }


def _model(model: Measured) -> dict[str, Any]:
    made: dict[str, Any] = plain(model)
    for face in made["false_alarms"] + made["misses"]:
        del face["jpeg"]
    return {**made, "curves": _curves(model)}


def _curves(model: Measured) -> dict[str, Any]:
    risk = curves.risk(model.scores, threshold=model.chosen.threshold)
    made: dict[str, Any] = {
        "reliability": plain(curves.reliability(model.scores)),
        "risk_coverage": _risk(risk),
    }
    if model.scores.distance_rank:
        made["risk_coverage_by_distance"] = _risk(distance_risk(model))
    if both_classes([model]):
        made |= {
            "roc": curves.roc(model.scores),
            "precision_recall": curves.precision_recall(model.scores),
        }
    return made


def _risk(course: RiskCoverage) -> dict[str, Any]:
    points = zip(course.coverage.tolist(), course.risk.tolist(), strict=True)
    return {"points": list(points), "area": course.area}


def measurements_csv(results: Results) -> str:
    """Every measurement of every model, a row each; what is undefined is empty.

    Figures of robustness, extraction, few frames and protocols are rows too: `part` says which,
    `where` under what.
    """
    names = [field.name for field in fields(Measurement)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "part", "where", *names])
    for table in results.cross_tables:
        for row, column, figure in table.cells:
            writer.writerow(["", table.title, f"{row}, {column}", *_values(figure)])
    for model in results.models:
        for part, where, figure in _measured(model):
            writer.writerow([model.name, part, where, *_values(figure)])
    return text.getvalue()


def _measured(model: Measured) -> Sequence[tuple[str, str, Measurement]]:
    rows = [("figures", "", row) for row in model.measurements]
    rows += [("distance", row.data, row) for row in model.shifts]
    for point in model.few_frames:
        where = f"{point.frames} frames"
        rows += [("few frames", where, row) for row in (point.auc, point.accuracy)]
    if model.robustness:
        rows += [
            ("robustness", f"{point.corruption} {point.severity}", point.auc)
            for point in model.robustness.points
        ]
        drops = [("all", model.robustness.drop), *model.robustness.drops]
        rows += [("robustness", name, row) for name, row in drops]
    for one in model.extractions:
        where = f"{one.setting} {one.value}"
        rows += [("extraction", where, row) for row in (one.auc, one.accuracy)]
    return rows


def _values(row: Measurement) -> list[Any]:
    return ["" if value is None else value for value in plain(row).values()]
