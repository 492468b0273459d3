"""Small multiples of a results page: robustness, few frames, training."""

import math
from collections.abc import Iterator, Sequence

from deeptell.report.comparison_figures import has_interval, in_order, name_of
from deeptell.report.comparison_plots import few_figure, frames_percent
from deeptell.report.results.figures import batches, number
from deeptell.report.results.plots import (
    Axis,
    Course,
    Figure,
    Plot,
    Span,
    along,
    auc_span,
    inset,
    measured_course,
    span_of,
)
from deeptell.report.results.records import Corrupted, Measured, Robustness

FEW = ("auc", "accuracy")
MANY_EPOCHS = 8  # beyond so many, not every epoch has a tick


def robustness_figures(models: Sequence[Measured]) -> Iterator[Figure]:
    """One panel for each corruption: AUC over severity."""
    for data, part in batches([model for model in models if model.robustness]):
        tested = [r for model in part if (r := model.robustness)]
        span = auc_span(point.auc for one in tested for point in one.points)
        yield Figure(
            name=data,
            keys=tuple((m.name, drop_of(r)) for m, r in zip(part, tested, strict=True)),
            plots=tuple(
                _corruption(name, tested, span, [m.name for m in part])
                for name in corruptions_of(tested)
            ),
            caption="AUC of videos over severity; 0: the videos as they are. Upright bars: 95 % "
            "intervals over source groups. Broken line: guessing. All panels share one axis.",
        )


def drop_of(robustness: Robustness) -> str:
    """ "mean relative drop 12.3 % [8.1 to 17.0]"."""
    drop = robustness.drop
    text = f"mean relative drop {number(drop.value, drop.metric)}"
    return f"{text} [{100 * drop.low:.1f} to {100 * drop.high:.1f}]" if has_interval(drop) else text


def corruptions_of(tested: Sequence[Robustness]) -> list[str]:
    """Their names, in the order given."""
    return in_order(p.corruption for one in tested for p in one.points if p.severity)


def severities_of(robustness: Robustness, corruption: str) -> list[Corrupted]:
    """The points of one corruption, by severity; videos as they are belong to every corruption."""
    points = sorted(robustness.points, key=lambda point: point.corruption == corruption)
    belong = (p for p in points if p.corruption == corruption or p.severity == 0)
    mine = {point.severity: point for point in belong}
    return [mine[severity] for severity in sorted(mine)]


def _corruption(
    corruption: str, tested: Sequence[Robustness], span: Span, names: Sequence[str]
) -> Plot:
    most = max(point.severity for one in tested for point in one.points)
    rows = [
        [(inset(point.severity / most), point.auc) for point in severities_of(one, corruption)]
        for one in tested
    ]
    return Plot(
        title=corruption.replace("_", " "),
        describe=f"AUC over the severity of {corruption.replace('_', ' ')}, of "
        f"{', '.join(names)}; the figures stand in the table.",
        x=Axis("severity", tuple((inset(i / most), str(i)) for i in range(most + 1))),
        y=span.axis,
        courses=tuple(
            measured_course(row, span, place=i, of=len(rows)) for i, row in enumerate(rows)
        ),
        guide=along([(0, span.share(0.5)), (1, span.share(0.5))]),
    )


def few_figures(models: Sequence[Measured]) -> Iterator[Figure]:
    """AUC and accuracy over the frames seen of each video."""
    for data, part in batches([model for model in models if model.few_frames]):
        rows = [few_figure(p, metric) for m in part for p in m.few_frames for metric in FEW]
        span = auc_span(rows, name="")
        yield Figure(
            name=data,
            keys=tuple((model.name, "") for model in part),
            plots=tuple(_few(metric, part, span) for metric in FEW),
            caption="Of videos of which at most so many frames were seen, spread over the video; "
            "the axis of frames is logarithmic. Upright bars: 95 % intervals.",
        )


def _few(metric: str, part: Sequence[Measured], span: Span) -> Plot:
    counts = sorted({point.frames for model in part for point in model.few_frames})
    rows = [
        [
            (inset(frames_percent(p.frames, counts) / 100), few_figure(p, metric))
            for p in sorted(model.few_frames, key=lambda point: point.frames)
        ]
        for model in part
    ]
    return Plot(
        title=name_of(metric),
        describe=f"{name_of(metric)} over the frames seen of each video, of "
        f"{', '.join(model.name for model in part)}; the figures stand in the table.",
        x=Axis(
            "frames of each video",
            tuple((inset(frames_percent(count, counts) / 100), str(count)) for count in counts),
        ),
        y=span.axis,
        courses=tuple(
            measured_course(row, span, place=i, of=len(rows)) for i, row in enumerate(rows)
        ),
    )


def training_figures(models: Sequence[Measured]) -> Iterator[Figure]:
    """For each model that was trained here, its losses over epochs."""
    trained = list({(m.name, m.epochs): m for m in models if len(m.epochs) > 1}.values())
    if trained:
        yield Figure(
            name="",
            keys=(("training loss", ""), ("validation loss", "")),
            plots=tuple(_training(model) for model in trained),
            caption="Upright broken line: the epoch that was kept, by its validation loss.",
        )


def _training(model: Measured) -> Plot:
    first, last = model.epochs[0].epoch, model.epochs[-1].epoch
    losses = (
        [(row.epoch, row.train_loss) for row in model.epochs],
        [(row.epoch, row.val_loss) for row in model.epochs],
    )
    span = span_of((loss for course in losses for _, loss in course), "loss")
    kept = model.chosen.epoch

    def at(epoch: int) -> float:
        return (epoch - first) / (last - first)

    step = math.ceil((last - first) / MANY_EPOCHS)
    return Plot(
        title=model.name,
        describe=f"Training and validation loss of {model.name} over {len(model.epochs)} epochs"
        + (f"; epoch {kept} was kept." if kept is not None else "."),
        x=Axis("epoch", tuple((at(e), str(e)) for e in range(first, last + 1, step))),
        y=span.axis,
        courses=tuple(
            Course(i, along((at(e), span.share(x)) for e, x in course if math.isfinite(x)))
            for i, course in enumerate(losses)
        ),
        guide=along([(at(kept), 0), (at(kept), 1)]) if kept is not None else "",
    )
