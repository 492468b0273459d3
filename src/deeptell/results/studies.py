"""Studies of several measurements become parts of a results page."""

from collections.abc import Sequence
from dataclasses import replace

from deeptell.evaluation.protocols import ProtocolResult
from deeptell.evaluation.robustness import ModelRobustness
from deeptell.evaluation.sensitivity import ModelSensitivity
from deeptell.report.results import records as page
from deeptell.report.results.figures import name_of
from deeptell.results.gather import STATEMENT

PARTS = {"method": "manipulation", "compression": "compression", "dataset": "data set"}


def with_robustness(results: page.Results, models: Sequence[ModelRobustness]) -> page.Results:
    """The page of the clean videos, and beside each model what corruptions leave of it."""
    known = {one.model: _robustness(one) for one in models}
    measured = tuple(replace(one, robustness=known[one.name]) for one in results.models)
    return replace(results, models=measured)


def _robustness(model: ModelRobustness) -> page.Robustness:
    return page.Robustness(
        points=tuple(
            page.Corrupted(point.corruption, point.severity, point.auc, point.coverage)
            for point in model.points
        ),
        drop=model.mean_relative_drop,
        drops=tuple((drop.subset, drop) for drop in model.drops[1:]),
    )


def with_sensitivity(results: page.Results, models: Sequence[ModelSensitivity]) -> page.Results:
    """The page of the models' own faces, and beside each what other faces make of it."""
    known = {one.model: _extractions(one) for one in models}
    measured = tuple(replace(one, extractions=known[one.name]) for one in results.models)
    return replace(results, models=measured)


def _extractions(model: ModelSensitivity) -> tuple[page.Extracted, ...]:
    return tuple(
        page.Extracted(
            setting=way.setting,
            value=way.value,
            own=way.own,
            auc=way.auc,
            accuracy=way.accuracy,
            auc_difference=None if way.own else way.auc_difference,
            accuracy_difference=None if way.own else way.accuracy_difference,
            coverage=way.coverage,
        )
        for way in model.ways
    )


def of_protocol(result: ProtocolResult) -> page.Results:
    """The page of a protocol: a table for each of its figures."""
    figures = dict.fromkeys(row.metric for cell in result.cells for row in cell.measurements)
    part = PARTS[result.by]
    return page.Results(
        title=f"Protocol {result.name}",
        about=(result.about,) if result.about else (),
        statement=STATEMENT,
        models=(),
        cross_tables=tuple(
            page.CrossTable(
                title=f"{name_of(figure)} by the {part} trained and tested on",
                row_name="Trained on",
                column_name="Tested on",
                cells=tuple(
                    (cell.trained_on, cell.tested_on, row)
                    for cell in result.cells
                    for row in cell.measurements
                    if (row.metric, row.by) == (figure, "all")
                ),
                seen=tuple((c.trained_on, c.tested_on) for c in result.cells if c.seen),
            )
            for figure in figures
        ),
        protocol=result.name,
        protocol_hash=result.sha256,
    )
