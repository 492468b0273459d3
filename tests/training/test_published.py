"""A test set cannot be trained on; one that leaks as published is told of wherever it goes."""

from pathlib import Path

import pandas as pd
import pytest

from deeptell.config import TrainConfig
from deeptell.errors import LeakError
from deeptell.evaluation.evaluate import as_document, evaluate
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import load_bundle
from deeptell.training.run import train

SETTINGS = TrainConfig(model="test_resnet", size=64, epochs=1, frames_per_video=2)


def with_videos(store: FaceStore, videos: pd.DataFrame) -> FaceStore:
    changed = FaceStore(store.path)
    changed.__dict__["videos"] = videos
    return changed


def seen_twice(store: FaceStore, *, sides: tuple[str, str]) -> FaceStore:
    """The store, with a video of one side said to be the very file of one of the other."""
    videos = store.videos.assign(sha256="")
    for side in sides:
        videos.loc[videos.index[videos["split"] == side][0], "sha256"] = "f00"
    return with_videos(store, videos)


@pytest.mark.parametrize("sides", [("train", "test"), ("val", "test"), ("train", "val")])
def test_a_video_that_is_tested_cannot_be_trained_on(
    store: FaceStore, tmp_path: Path, sides: tuple[str, str]
) -> None:
    with pytest.raises(LeakError, match=f"stands in {' and '.join(sorted(sides))}"):
        train(seen_twice(store, sides=sides), tmp_path, config=SETTINGS)
    assert not list(tmp_path.iterdir())


def test_as_published(store: FaceStore, tmp_path: Path) -> None:
    """It may leak from the test set only, and card, provenance and evaluation say so."""
    published = SETTINGS.model_copy(update={"as_published": True})
    with pytest.raises(LeakError):
        train(seen_twice(store, sides=("train", "val")), tmp_path, config=published)
    leaky = seen_twice(store, sides=("train", "test"))
    train(leaky, tmp_path, config=published)
    bundle = load_bundle(tmp_path / "bundle")
    assert "leaks into training (1 groups, people or copies)" in bundle.card.statement
    assert bundle.training["leaks"] == {"bytes": 1}
    figures = evaluate(bundle, leaky, split="test", data="the test people")
    assert as_document(figures)["leaks"] == {"bytes": 1}
    assert evaluate(bundle, leaky, split="val", data="validation").leaks == {}


def test_a_clean_bundle_is_refused_its_own_store_where_that_leaks(
    store: FaceStore, bundle: Path
) -> None:
    """A bundle of another store has not seen these sides: the leaks are counted, no more."""
    clean, leaky = load_bundle(bundle), seen_twice(store, sides=("train", "test"))
    assert clean.training["leaks"] == {}
    with pytest.raises(LeakError, match="very file"):
        evaluate(clean, leaky, split="test", data="the test people")
    leaky.__dict__["fingerprint"] = "of another store"
    assert evaluate(clean, leaky, split="test", data="other people").leaks == {"bytes": 1}
