"""A run folder alone is enough to repeat the run."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch

import deeptell
from deeptell.config import TrainConfig
from deeptell.errors import ConfigError, DataError
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import load_bundle
from deeptell.reproduce.protocols import _finished
from deeptell.training.again import again
from deeptell.training.epochs import chosen_epochs
from deeptell.training.folder import read_run
from deeptell.training.run import train


def test_it_says_what_was_trained_on_what_with_what(bundle: Path, store: FaceStore) -> None:
    held = json.loads((bundle.parent / "run.json").read_text())
    assert held["config"]["model"] == "test_resnet"
    assert held["seed"] == 0
    assert held["store"]["path"] == str(store.path.resolve())
    assert held["store"]["fingerprint"] == store.fingerprint
    assert len(held["store"]["manifest"]) == 64
    (start,) = held["starts"]
    assert start["code"]["deeptell"] == deeptell.__version__
    assert start["environment"]["packages"]["torch"] == torch.__version__.split("+")[0] or (
        start["environment"]["packages"]["torch"] == torch.__version__
    )
    assert start["environment"]["precision"] in ("32-true", "bf16-mixed")
    assert start["environment"]["torch_threads"] >= 1


def test_every_epoch_has_its_row_and_the_one_kept_is_named(bundle: Path) -> None:
    """The checkpoint, which Lightning kept, is the other witness."""
    with (bundle.parent / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    losses = [float(row["val_loss"]) for row in rows]
    (kept,) = (row for row in rows if row["chosen"])
    best = torch.load(bundle.parent / "checkpoints" / "best.ckpt", weights_only=True)
    assert int(kept["epoch"]) == best["epoch"] + 1 == losses.index(min(losses)) + 1
    assert all(0 < float(row["train_loss"]) < 5 for row in rows)
    assert float(rows[0]["learning_rate"]) > float(rows[1]["learning_rate"]) > 0
    assert load_bundle(bundle).training["epochs"] == [{"chosen": int(kept["epoch"]), "of": 2}]
    assert chosen_epochs(bundle.parent) == [{"chosen": int(kept["epoch"]), "of": 2}]


def test_training_again_gives_the_same_numbers(bundle: Path, tmp_path: Path) -> None:
    first, second = bundle.parent, tmp_path / "again"
    made = again(first, second)
    assert made.card.sha256 == load_bundle(bundle).card.sha256
    assert (second / "metrics.csv").read_bytes() == (first / "metrics.csv").read_bytes()
    assert made.card.operating_points == load_bundle(bundle).card.operating_points
    assert made.training == load_bundle(bundle).training
    with pytest.raises(ConfigError, match="name another folder"):
        again(first, first)


def begun(store: FaceStore, run: Path, **settings: object) -> TrainConfig:
    """A run that was cut off in its first step."""

    class Killed(Exception):
        pass

    def kill(done: int, total: int) -> None:
        raise Killed

    config = TrainConfig(model="test_resnet", size=32, epochs=1, frames_per_video=1, **settings)
    with pytest.raises(Killed):
        train(store, run, config=config, progress=kill)
    return config


def test_other_faces_are_refused_and_another_machine_is_not(
    store: FaceStore, tmp_path: Path
) -> None:
    config = begun(store, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    held = json.loads(path.read_text())
    held["starts"][0]["environment"]["python"] = "2.7"
    path.write_text(json.dumps(held))
    train(store, tmp_path / "run", config=config)
    starts = read_run(tmp_path / "run").starts
    assert [start["environment"]["python"] == "2.7" for start in starts] == [True, False]
    held["store"]["fingerprint"] = "f" * 64
    path.write_text(json.dumps(held))
    with pytest.raises(DataError, match="another store"):
        again(tmp_path / "run", tmp_path / "again")
    with pytest.raises(ConfigError, match="another store"):
        train(store, tmp_path / "run", config=config)


def test_other_weights_under_the_same_name_are_refused(
    store: FaceStore, bundle: Path, tmp_path: Path
) -> None:
    start, other = tmp_path / "start", tmp_path / "other"
    shutil.copytree(bundle, start)
    settings = {"model": "test_resnet", "size": 64, "epochs": 1, "frames_per_video": 1}
    config = TrainConfig(**settings, weights=str(start))
    train(store, tmp_path / "run", config=config)
    train(store, other, config=TrainConfig(**settings, seed=5))
    shutil.rmtree(start)
    shutil.copytree(other / "bundle", start)
    with pytest.raises(ConfigError, match="a run with another weights: give"):
        train(store, tmp_path / "run", config=config)
    with pytest.raises(DataError, match="started from another weights"):
        again(tmp_path / "run", tmp_path / "again")
    assert _finished(store, tmp_path / "run", config) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "has no run.json"),
        ("{", "is damaged"),
        ('{"model": "x", "store": "y"}', "schema version 0, of an older deeptell"),
        ('{"schema_version": 1}', "is damaged"),
        ('{"schema_version": 1, "embeddings": null, "config": {"modell": 1}}', "'modell'"),
    ],
)
def test_a_folder_that_is_none(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(ConfigError, match=said):
        again(tmp_path, tmp_path / "out")
