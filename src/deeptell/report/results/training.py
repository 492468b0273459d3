"""The losses of a training run over its epochs."""

import math
from collections.abc import Iterator, Sequence

from deeptell.report.results.plots import Axis, Course, Figure, Plot, along, span_of
from deeptell.report.results.records import Measured

MANY_EPOCHS = 8  # beyond so many, not every epoch has a tick


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
