"""Scores as probabilities: drawn, in numbers, and where thresholds lie on them."""

from collections.abc import Iterator, Sequence

from deeptell.report.results import curves
from deeptell.report.results.figures import batches, labels_of, number, titles_of
from deeptell.report.results.plots import IN_PERCENT, Course, Figure, Plot, along, shares, spot
from deeptell.report.results.records import Measured
from deeptell.report.results.tables import Cell, Table, share
from deeptell.report.words import SPACE, counted

TALLEST = 0.3  # of the height, for the bars of a reliability diagram


def reliability_figures(models: Sequence[Measured]) -> Iterator[Figure]:
    """For each model, how often videos of about the same score were manipulated."""
    for data, part in batches(models):
        yield Figure(
            name=data,
            keys=(),
            plots=tuple(_reliability(model) for model in part),
            caption="Of the videos with about the same score, how many are manipulated; on the "
            "broken line, a score is the share of fakes that it claims to be. Bars: how many "
            "videos have such a score. The share of fakes is that of these videos, not of the "
            "world.",
        )


def _reliability(model: Measured) -> Plot:
    bins = curves.reliability(model.scores)
    tallest = max(one.videos for one in bins)
    points = [(one.mean, one.fakes) for one in bins]
    error = model.figure("calibration_error")
    said = f"Calibration error {number(error.value, error.metric)}; " if error else ""
    return Plot(
        title=model.name,
        describe=f"Reliability of {model.name}: share of fakes over the mean score of "
        f"{len(bins)} bins; the numbers stand in the table.",
        x=shares(f"mean score{IN_PERCENT}"),
        y=shares(f"manipulated{IN_PERCENT}"),
        courses=(Course(0, "", tuple(spot(*point) for point in points)),),
        guide=along([(0, 0), (1, 1)]),
        columns=tuple(
            (one.low, one.high - one.low, TALLEST * one.videos / tallest) for one in bins
        ),
        square=True,
        remark=f"{said}the tallest bar is {counted(tallest, 'video')}",
    )


def operating_table(models: Sequence[Measured]) -> Iterator[Table]:
    """The error rates measured at the thresholds that came with each model."""
    labels = labels_of(models)
    rows = tuple(
        (
            Cell(*labels[id(model)]),
            Cell(point.name),
            Cell(f"{point.threshold:.3g}"),
            Cell(number(point.false_positive_rate, "share"), f"of {point.real_videos:,} real"),
            Cell(number(point.true_positive_rate, "share"), f"of {point.fake_videos:,} fake"),
        )
        for model in models
        for point in model.operating_points
    )
    if rows:
        yield Table(
            caption="Operating points, with their error rates on validation videos",
            head=("Model", "Point", "Threshold", "Reals at or above it", "Fakes at or above it"),
            rows=rows,
        )


def reliability_tables(models: Sequence[Measured]) -> Iterator[Table]:
    """The bins of each reliability diagram."""
    titles = titles_of(models)
    for model in models:
        yield Table(
            caption=f"{titles[id(model)]}: scores and shares of fakes",
            head=("Scores", "Videos", "Mean score", "Manipulated"),
            rows=tuple(
                (
                    Cell(f"{100 * one.low:.0f} to {100 * one.high:.0f}{SPACE}%"),
                    Cell(f"{one.videos:,}"),
                    share(one.mean),
                    share(one.fakes),
                )
                for one in curves.reliability(model.scores)
            ),
            folded=True,
        )
