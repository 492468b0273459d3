"""Is triplet training stable, and does it beat cross-entropy on the same features?

    python benchmarks/triplets.py [reproduced/c40]

Works on what `deeptell reproduce iwbf2020` left: the faces of one compression and the cached
features of its frame model. Semi-hard triplets are trained with the small recipe for every batch
size, in fp32 and bf16, from three seeds each; a loss, weight or score that is not finite fails.
Then the heads are compared with a cross-entropy head on the same features, seed by seed: the
difference of the AUC of test videos with its 95 % interval from a paired bootstrap over groups.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from deeptell.data.embeddings import Embeddings
from deeptell.evaluation.compare import paired
from deeptell.evaluation.evaluate import evaluate
from deeptell.evaluation.scores import Scored
from deeptell.faces.store import FaceStore
from deeptell.reproduce.plan import recipe
from deeptell.training.run import train

SIZES = (16, 32, 64, 128, 256, 512)
PRECISIONS = ("fp32", "bf16")
SEEDS = (0, 1, 2)


def main() -> None:
    place = Path(sys.argv[1] if len(sys.argv) > 1 else "reproduced/c40")
    store, cache = FaceStore(place / "faces"), Embeddings(place / "features")
    broken = stability(store, cache)
    comparison(store, cache)
    if broken:
        sys.exit(f"Not finite: {broken}")


def stability(store: FaceStore, cache: Embeddings) -> list[str]:
    print("AUC of test videos with semi-hard triplets, seeds 0, 1, 2")
    print(f"{'batch':>6}{'precision':>11}{'seed 0':>9}{'seed 1':>9}{'seed 2':>9}{'seconds':>9}")
    broken = []
    for size in SIZES:
        for precision in PRECISIONS:
            began = time.perf_counter()
            settings = {"batch_size": size, "precision": precision, "classifier": "linear"}
            found = []
            for seed in SEEDS:
                scored, finite = head(store, cache, seed=seed, **settings)
                found.append(auc(scored))
                broken += [] if finite else [f"batch {size}, {precision}, seed {seed}"]
            took = time.perf_counter() - began
            print(
                f"{size:6}{precision:>11}{''.join(f'{value:9.3f}' for value in found)}{took:9.0f}",
                flush=True,
            )
    return broken


def comparison(store: FaceStore, cache: Embeddings) -> None:
    print("\nAUC of a triplet head less that of a cross-entropy head on the same features")
    print(f"{'head':28}{'seed':>5}{'less':>9}{'low':>9}{'high':>9}{'groups':>8}")
    linear = {"classifier": "linear"}
    rivals: dict[str, dict[str, Any]] = {
        "semi-hard, linear": linear,
        "semi-hard, sgd": {},
        "batch-hard, linear": {"mining": "batch_hard", **linear},
        "batch-all, linear": {"mining": "batch_all", **linear},
        "semi-hard and cross-entropy": {"cross_entropy": 1.0, **linear},
    }
    for seed in SEEDS:
        plain, _ = head(store, cache, seed=seed, loss="cross_entropy", **linear)
        for name, settings in rivals.items():
            scored, _ = head(store, cache, seed=seed, **settings)
            value, low, high, _, groups = paired(scored, plain, figure="auc")
            print(f"{name:28}{seed:5}{value:+9.3f}{low:+9.3f}{high:+9.3f}{groups:8}", flush=True)


def head(store: FaceStore, cache: Embeddings, **settings: Any) -> tuple[Scored, bool]:
    """A head's scores of the test videos, and whether everything about it is finite."""
    with TemporaryDirectory() as folder:
        config = recipe("small/metric", **settings)
        bundle = train(store, Path(folder) / "run", config=config, embeddings=cache)
    result = evaluate(bundle, store, split="test", data="test", embeddings=cache, levels=("video",))
    tensors = bundle.model.state_dict().values()
    finite = all(bool(t.isfinite().all()) for t in tensors if t.is_floating_point())
    finite &= bool(np.isfinite(result.frames.logits).all())
    finite &= bool(np.isfinite(bundle.training["train_loss"]))
    return Scored(result.frames.pooled(), result.threshold), finite


def auc(scored: Scored) -> float:
    from deeptell.evaluation.metrics import measure

    return measure(scored.table.labels, scored.table.fake_probability).auc


if __name__ == "__main__":
    main()
