"""A protocol is run: every model trained, every cell measured; what is finished is kept."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deeptell.config import TrainConfig
from deeptell.evaluation.evaluate import evaluate
from deeptell.evaluation.few_frames import few_frames
from deeptell.evaluation.protocols import (
    Cell,
    Part,
    Planned,
    Protocol,
    ProtocolResult,
    as_document,
    check_between,
    config_of,
    plan,
    protocol_hash,
)
from deeptell.evaluation.score_files import write_scores
from deeptell.evaluation.unseen import TEST, Chosen
from deeptell.faces.store import FaceStore
from deeptell.figures import FewFrames, measurement, plain
from deeptell.files import replacing
from deeptell.models.bundle import CARD, Bundle, load_bundle
from deeptell.models.weights import starts_from
from deeptell.progress import Step
from deeptell.training.folder import read_run
from deeptell.training.run import train

BUNDLE = "bundle"


@dataclass(frozen=True)
class _Run:
    """What the cells of one run share."""

    protocol: Protocol
    sha256: str
    stores: Mapping[str, FaceStore]
    out: Path
    step: Step


def run_protocol(
    protocol: Protocol, stores: Mapping[str, FaceStore], out: Path, *, step: Step
) -> ProtocolResult:
    """Train a model for each row of a protocol, and measure each of its cells.

    Leaks are looked for before anything is trained. What was trained or measured under `out` by a
    run with the same hash is taken as it is; a run cut off goes on.

    Args:
        stores: by name, which for a protocol by data set names its rows and columns.
        out: gets `protocol.json`, and for each row a run folder, with the scores and the result of
            each of its cells beside the bundle.
        step: opens a named step of the work and gives the function that reports its progress.

    Raises:
        ConfigError: the protocol does not suit the stores, or `out` holds another one's models.
        LeakError, DataError: as `train`, `evaluate` and `check_between`.
    """
    videos = {name: store.videos for name, store in stores.items()}
    cells = plan(protocol, videos)
    check_between(cells, videos)
    this = _Run(protocol, protocol_hash(protocol, cells, stores), stores, out, step)
    rows: dict[Part, list[Planned]] = {}
    for cell in cells:
        rows.setdefault(cell.trained, []).append(cell)
    measured = [cell for part, row in rows.items() for cell in _row(this, part, row)]
    said = (protocol.name, protocol.about, protocol.design, protocol.by)
    result = ProtocolResult(*said, this.sha256, tuple(measured))
    _write(out / "protocol.json", as_document(result))
    return result


def _row(this: _Run, part: Part, cells: list[Planned]) -> list[Cell]:
    """Train one model, unless it is finished, and measure it on each of its cells."""
    folder = this.out / _slug(part.name)
    config = config_of(this.protocol, part)
    with this.step(f"Training on {part.name}") as progress:
        bundle = _finished(this.stores[part.store], folder, config)
        if bundle is None:
            bundle = train(this.stores[part.store], folder, config=config, progress=progress)
    return [_cell(this, bundle, planned, folder) for planned in cells]


def _finished(store: FaceStore, folder: Path, config: TrainConfig) -> Bundle | None:
    """The bundle of a run that has nothing left to do; None where there is none."""
    if not (folder / BUNDLE / CARD).is_file():
        return None
    begun, weights = read_run(folder), starts_from(config)
    held = (begun.config, begun.starts_from, begun.fingerprint)
    if held != (config, weights, store.fingerprint):
        return None  # `train` says what differs
    bundle = load_bundle(folder / BUNDLE)
    return bundle if bundle.card.operating_points else None


def _cell(this: _Run, bundle: Bundle, planned: Planned, folder: Path) -> Cell:
    kept = folder / f"on-{_slug(planned.tested.name)}.json"
    claim = {"protocol": this.sha256, BUNDLE: bundle.card.sha256}
    if kept.is_file():
        held = json.loads(kept.read_text(encoding="utf-8"))
        if held["claim"] == claim:
            return _read_cell(held["cell"])
    name = f"{planned.trained.name} on {planned.tested.name}"
    with this.step(f"Measuring {name}"):
        cell = _measured(this, bundle, planned, scores=kept.with_suffix(".parquet"))
    _write(kept, {"claim": claim, "cell": plain(cell)})
    return cell


def _measured(this: _Run, bundle: Bundle, planned: Planned, *, scores: Path) -> Cell:
    part, store = planned.tested, this.stores[planned.tested.store]
    on: dict[str, Any] = {
        "split": TEST,
        "data": f"{part.name}, test people",
        "methods": part.methods,
        "compressions": part.compressions,
    }
    result = evaluate(bundle, store, levels=("video",), **on)
    write_scores(result, scores)
    counts = this.protocol.frames
    points = few_frames(bundle, store, counts=counts, **on) if counts else []
    figures = this.protocol.figures
    return Cell(
        trained_on=planned.trained.name,
        tested_on=part.name,
        seen=planned.seen,
        measurements=tuple(one for one in result.measurements if one.metric in figures),
        few_frames=tuple(points),
        threshold=result.threshold,
        chosen=result.chosen,
        videos=result.videos,
        scored=result.videos - len(result.not_scored),
        leaks=result.leaks,
        bundle=bundle.card.sha256,
    )


def _read_cell(values: dict[str, Any]) -> Cell:
    """A cell from what `plain` made of it."""
    measured = tuple(measurement(one) for one in values["measurements"])
    points = tuple(
        FewFrames(one["frames"], measurement(one["auc"]), measurement(one["accuracy"]))
        for one in values["few_frames"]
    )
    chosen = Chosen(**values["chosen"])
    return Cell(**{**values, "measurements": measured, "few_frames": points, "chosen": chosen})


def _slug(name: str) -> str:
    """The name of a folder."""
    return "".join(c if c.isalnum() else "-" for c in name)


def _write(path: Path, document: dict[str, Any]) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
