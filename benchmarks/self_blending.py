"""Does a detector that never saw a fake find them? Self-blended images beside real manipulations.

    python benchmarks/self_blending.py [demo/faces src/deeptell/recipes/iwbf2020/small/frame.yaml]
    ... [--out self_blending] [--runs all self_blended] [--tested-on c40] [--pairs FOLDER]

One recipe is trained on all manipulations of the store, on all but one, for each of them, and on
self-blends of its real faces alone. An epoch holds as many pairs in each run, and the thresholds
come from the store's validation videos, which hold fakes; weights and epoch of the last run do not
see them. Printed is the AUC of the store's test videos, per manipulation, with 95 % intervals over
source groups; a star marks what a run was trained on. `--tested-on` measures on videos of one
compression only. There is no limit: it is as measured.

`--pairs` also measures on a folder with real/, fake/ and groups.csv, none of whose videos are ever
trained on. Runs that are finished in `--out` are not made again.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deeptell.config import ExtractConfig, TrainConfig, load
from deeptell.data.sources.folder import list_videos
from deeptell.evaluation.evaluate import evaluate
from deeptell.faces.extract import extract
from deeptell.faces.store import FaceStore
from deeptell.figures import Measurement
from deeptell.models.bundle import Bundle, load_bundle
from deeptell.records import FAKE
from deeptell.training.run import train, usable

ALL, SELF_BLENDED, WITHOUT = "all", "self_blended", "without "
PAIRS_FRAMES = 32


@dataclass(frozen=True)
class Run:
    """One row of the table."""

    name: str  # ALL, SELF_BLENDED, or WITHOUT and a manipulation
    methods: tuple[str, ...]  # it learns from; () for self-blends


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, nargs="?", default=Path("demo/faces"))
    recipe = Path("src/deeptell/recipes/iwbf2020/small/frame.yaml")
    parser.add_argument("recipe", type=Path, nargs="?", default=recipe)
    parser.add_argument("--out", type=Path, default=Path("self_blending"))
    parser.add_argument("--runs", nargs="*", help="names of rows; all of them if not given")
    parser.add_argument("--tested-on", metavar="COMPRESSION")
    parser.add_argument("--pairs", type=Path)
    asked = parser.parse_args()
    store = FaceStore(asked.faces)
    pairs = stored(asked.pairs, asked.out / "pairs") if asked.pairs else None
    methods, config = manipulations(store), load(TrainConfig, asked.recipe)
    compressions = (asked.tested_on,) if asked.tested_on else ()
    columns = [*methods, ALL, *([asked.pairs.name] if pairs else [])]
    print(f"{'trained on':24}" + "".join(f"{name:>22}" for name in columns), flush=True)
    for run in runs(methods):
        if asked.runs and run.name not in asked.runs:
            continue
        bundle = trained(run, store, config, asked.out)
        found = aucs(bundle, store, "test", compressions)
        if pairs is not None:
            found[asked.pairs.name] = aucs(bundle, pairs, "")[ALL]
        cells = [shown(found[name], known=name in run.methods) for name in columns]
        print(f"{run.name:24}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


def manipulations(store: FaceStore) -> tuple[str, ...]:
    """Those of the store's training videos."""
    videos = usable(store)
    chosen = (videos["label"] == FAKE) & (videos["split"] == "train")
    return tuple(sorted(set(videos.loc[chosen, "method"])))


def runs(methods: tuple[str, ...]) -> Iterator[Run]:
    """All rows of the table."""
    yield Run(ALL, methods)
    for left_out in methods:
        yield Run(f"{WITHOUT}{left_out}", tuple(name for name in methods if name != left_out))
    yield Run(SELF_BLENDED, ())


def trained(run: Run, store: FaceStore, config: TrainConfig, out: Path) -> Bundle:
    """The bundle of a run, made unless it is there."""
    folder = out / run.name.replace(" ", "-")
    if (folder / "bundle" / "bundle.json").is_file():
        return load_bundle(folder / "bundle")
    videos = usable(store)
    videos = videos.loc[videos["split"] == "train"]
    fakes = int((videos["label"] == FAKE).sum())
    drawn = int(videos["method"].isin(run.methods).sum()) or len(videos) - fakes
    changed = {
        "frames_per_video": round(config.frames_per_video * fakes / drawn),
        "methods": run.methods,
        "fakes": "store" if run.methods else SELF_BLENDED,
    }
    return train(store, folder, config=config.model_copy(update=changed))


def stored(folder: Path, path: Path) -> FaceStore:
    """The faces of a folder of real/ and fake/."""
    videos = list_videos(folder).manifest
    extract(videos, path, config=ExtractConfig(frames=PAIRS_FRAMES), root=folder)
    return FaceStore(path)


def aucs(
    bundle: Bundle, store: FaceStore, split: str, compressions: tuple[str, ...] = ()
) -> dict[str, Measurement]:
    """AUC of videos, of all of them and of each manipulation; of all compressions if none given."""
    result = evaluate(
        bundle, store, split=split, data=split, compressions=compressions, levels=("video",)
    )
    return {
        one.subset: one
        for one in result.measurements
        if one.metric == "auc" and one.level == "video" and one.by in ("all", "manipulation")
    }


def shown(one: Measurement, *, known: bool) -> str:
    return f"{one.value:.3f} [{one.low:.2f}, {one.high:.2f}]{'*' if known else ' '}"


if __name__ == "__main__":
    main()
