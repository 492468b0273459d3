"""What is each ingredient of the forge worth? Detectors that are trained without one of them.

    python benchmarks/ingredients.py DEFAULT/faces [--out ingredients] [--jobs 2]

DEFAULT is the folder of `deeptell build-default`. The first training of the packaged recipe is done
on all ingredients and on all but one, for each of them, with as many pairs in an epoch; `--jobs` of
them at once, one thread each. Printed is the AUC of held-out people's clips. `deeptell evaluate`
over the bundles in `--out`, with `--data` for a store and `--out`, gives what `deeptell card
--ablation` takes; real forgeries can be such a store, as nothing is chosen by them. What is
finished in `--out` is not made again.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch
from self_blending import ALL, WITHOUT, Run, aucs, manipulations, runs, shown, trained

from deeptell.config import TrainConfig
from deeptell.faces.store import FaceStore
from deeptell.forge.pseudo_fake import INGREDIENTS
from deeptell.reproduce.default import recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--out", type=Path, default=Path("ingredients"))
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    wanted = {ALL, *(f"{WITHOUT}{name}" for name in INGREDIENTS)}
    rows = [run for run in runs(manipulations(FaceStore(asked.faces))) if run.name in wanted]
    measured = partial(row, faces=asked.faces, config=recipe().trainings[0], out=asked.out)
    print(f"{'trained on':24}{'held-out people':>22}", flush=True)
    with ProcessPoolExecutor(
        asked.jobs, get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        for line in pool.map(measured, rows):
            print(line, flush=True)


def row(run: Run, faces: Path, config: TrainConfig, out: Path) -> str:
    store = FaceStore(faces)
    bundle = trained(run, store, config, out)
    return f"{run.name:24}{shown(aucs(bundle, store, 'val')[ALL], known=False):>22}"


if __name__ == "__main__":
    main()
