"""What is measured: bundles and score files, by the names that they have on a page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deeptell.data.embeddings import Embeddings
from deeptell.errors import ConfigError
from deeptell.evaluation.evaluate import Evaluation, evaluate
from deeptell.evaluation.evaluate_scores import evaluate_scores
from deeptell.evaluation.few_frames import few_frames
from deeptell.faces.store import FaceStore
from deeptell.figures import FewFrames
from deeptell.models.bundle import Bundle, load_bundle
from deeptell.progress import Step
from deeptell.report.words import short_names

SCORE_FILES = (".csv", ".parquet")


@dataclass(frozen=True)
class Source:
    """A bundle, and the side of a store that it is measured on."""

    bundle: Bundle = field(repr=False)
    store: FaceStore = field(repr=False)
    split: str


@dataclass(frozen=True)
class Judged:
    """A model measured on one data."""

    name: str
    path: Path
    data: str
    evaluation: Evaluation = field(repr=False)
    source: Source | None = None  # None for a score file
    few_frames: tuple[FewFrames, ...] = ()


def judge(
    models: Sequence[Path],
    stores: Sequence[Path],
    *,
    split: str,
    embeddings: Path | None = None,
    with_few_frames: bool = False,
    step: Step,
) -> list[Judged]:
    """Measure every bundle on every store, and every score file on what it holds.

    Args:
        models: folders of bundles, and score files.
        stores: what the bundles are measured on.
        split: the side of the stores.
        embeddings: of the one store, by the one bundle's own encoder.

    Raises:
        ConfigError: a bundle has nothing to be measured on, or embeddings are given for several.
        DeeptellError: as `evaluate` and `evaluate_scores`.
    """
    names, bundles = names_of(models), [path for path in models if not is_score_file(path)]
    if bundles and not stores:
        raise ConfigError(f"{bundles[0]} is a bundle: name the store to measure it on with --data.")
    if embeddings and (len(bundles), len(stores)) != (1, 1):
        raise ConfigError("--embeddings are those of one bundle on one store: name one of each.")
    data = short_names(str(path) for path in stores)
    judged = []
    for path in models:
        if is_score_file(path):
            result = evaluate_scores(path, data=names[path])
            judged.append(Judged(names[path], path, names[path], result))
            continue
        bundle = load_bundle(path)
        for place in stores:
            source = Source(bundle, FaceStore(place), split)
            said = f"{data[str(place)]}, {split}"
            with step(f"Measuring {names[path]} on {said}") as progress:
                cache = Embeddings(embeddings) if embeddings else None
                result = evaluate(
                    source.bundle,
                    source.store,
                    split=split,
                    data=said,
                    embeddings=cache,
                    progress=progress,
                )
                few = _few_frames(source, said, cache) if with_few_frames else ()
            judged.append(Judged(names[path], path, said, result, source, few))
    return judged


def _few_frames(source: Source, data: str, embeddings: Embeddings | None) -> tuple[FewFrames, ...]:
    points = few_frames(
        source.bundle, source.store, split=source.split, data=data, embeddings=embeddings
    )
    return tuple(points)


def is_score_file(path: Path) -> bool:
    """Whether a path names scores, and not a bundle."""
    return path.suffix.lower() in SCORE_FILES


def names_of(models: Sequence[Path]) -> dict[Path, str]:
    """What models are called: a bundle by its run's folder, no longer than tells them apart."""
    places = {path: path.resolve() for path in models}
    shown = {
        path: place.parent if place.name == "bundle" else place for path, place in places.items()
    }
    short = short_names(str(place) for place in shown.values())
    return {path: short[str(place)] for path, place in shown.items()}
