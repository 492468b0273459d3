"""Several trained models become one: a bundle that answers by their vote."""

from collections.abc import Sequence
from pathlib import Path

from deeptell.config import TrainConfig
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import Bundle, load_bundle
from deeptell.models.ensemble import Ensemble
from deeptell.training.finish import finish
from deeptell.training.run import run_of


def vote(store: FaceStore, folder: Path, *, bundles: Sequence[Path], config: TrainConfig) -> Bundle:
    """Let models answer together, by the mean of their logits; write `folder/bundle`.

    Trainings that go on from one another leave models that are wrong about different faces (Huang
    et al., ICLR 2017). What validation decides is measured anew, of all together.

    Args:
        bundles: of models that take the same input and were trained on this store.
        config: of the last training.

    Raises:
        BundleError: one of them cannot be read.
        DataError, LeakError: as `train`.
    """
    trained = [load_bundle(bundle) for bundle in bundles]
    model = Ensemble(members=[bundle.model for bundle in trained], vote="mean").eval()
    this = run_of(store, folder, config=config)
    material = this.material(model)
    record = ", ".join(f"bundle {bundle.card.sha256}" for bundle in trained)
    return finish(this.without_short(material), model, material, weights=record)
