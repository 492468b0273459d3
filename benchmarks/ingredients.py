"""What is each ingredient of the forge worth? Detectors that are trained without one of them.

    python benchmarks/ingredients.py DEFAULT/faces DEFAULT/pairs [--out ingredients] [--epochs 6]

DEFAULT is the folder of `deeptell build-default`; the second store holds real forgeries, which
nothing is trained on. The packaged recipe is trained with a smaller network for fewer epochs, on
all ingredients and on all but one, for each of them, with as many pairs in an epoch. `deeptell
evaluate` over their bundles, with `--data` for a store and `--out`, gives what `deeptell card
--ablation` takes. What is finished in `--out` is not made again.
"""

import argparse
from pathlib import Path

from self_blending import ALL, WITHOUT, aucs, manipulations, runs, shown, trained

from deeptell.faces.store import FaceStore
from deeptell.forge.pseudo_fake import INGREDIENTS
from deeptell.reproduce.default import recipe

MODEL = "test_resnet"  # twice as fast as the packaged recipe's, and eight of them are trained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--out", type=Path, default=Path("ingredients"))
    parser.add_argument("--epochs", type=int, default=6)
    asked = parser.parse_args()
    store, pairs = FaceStore(asked.faces), FaceStore(asked.pairs)
    config = recipe().train.model_copy(update={"epochs": asked.epochs, "model": MODEL})
    wanted = {ALL, *(f"{WITHOUT}{name}" for name in INGREDIENTS)}
    print(f"{'trained on':24}{'held-out people':>22}{'pairs':>22}", flush=True)
    for run in runs(manipulations(store)):
        if run.name not in wanted:
            continue
        bundle = trained(run, store, config, asked.out)
        cells = [aucs(bundle, store, "val")[ALL], aucs(bundle, pairs, "")[ALL]]
        row = "".join(f"{shown(cell, known=False):>22}" for cell in cells)
        print(f"{run.name:24}{row}", flush=True)


if __name__ == "__main__":
    main()
