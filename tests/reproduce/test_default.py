"""The default detector's way on people who do not exist: every step, kept and taken up again."""

from pathlib import Path

import cv2
import pytest
import torch

from deeptell.config import PortraitConfig, SynthConfig, TrainConfig
from deeptell.data.manifest import read_manifest
from deeptell.errors import OutputError
from deeptell.faces.store import FaceStore
from deeptell.forge.clip import make_clip
from deeptell.forge.footage import shoot
from deeptell.models.bundle import load_bundle
from deeptell.models.ensemble import Ensemble
from deeptell.reproduce.default import DefaultConfig, build_default, list_portraits, recipe

PEOPLE = 12


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two folders: nine people, and three of whom there are two pictures each."""
    folders = [tmp_path_factory.mktemp(name) for name in ("many", "few")]
    for number in range(PEOPLE):
        first, *_, last = shoot(make_clip(500 + number, 8))
        few = number >= 9
        for shot, image in enumerate((first, last) if few else (first,)):
            path = folders[few] / f"person{number}_{shot}.png"
            cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return folders


def settings(**changes) -> DefaultConfig:
    train = TrainConfig(model="test_resnet", size=32, epochs=1, frames_per_video=1)
    portraits = PortraitConfig(shots=2, frames=3, val=0.4, **changes)
    return DefaultConfig(
        portraits=portraits,
        autoencoders={"shuffle": 8},
        autoencoder_steps=2,
        benchmark=SynthConfig(pairs={"train": 1, "val": 1}, seconds=0.2, compressions=("c23",)),
        trainings=[train, train.model_copy(update={"augment": "varied", "learning_rate": 1e-5})],
    )


def build(folders: list[Path], out: Path, step, **changes):
    return build_default(folders, out, config=settings(**changes), jobs=1, step=step)


class Steps(list[str]):
    """The names of the steps that were done."""

    def __call__(self, name: str) -> "Steps":
        self.append(name)
        return self

    def __enter__(self):
        return lambda done, total: None

    def __exit__(self, *_: object) -> None:
        pass


def test_from_portraits_to_a_bundle_and_on_from_where_it_stopped(
    portraits: list[Path], tmp_path: Path
) -> None:
    built = build(portraits, tmp_path / "out", Steps())
    clips = read_manifest(tmp_path / "out" / "clips" / "manifest.parquet")
    pictures = clips["path"].map(lambda path: Path(path).suffix == ".jpg")
    assert set(clips.loc[pictures, "split"]) == {"val"}
    assert pictures.sum() == (clips.loc[~pictures, "split"] == "val").sum()
    clips = clips.loc[~pictures]
    assert len(clips) == 2 * (9 + 2 * 6)
    for _, pair in clips.groupby(clips["path"].map(lambda path: Path(path).name)):
        assert sorted(pair["label"]) == [0, 1]
        assert pair["group"].nunique() == pair["split"].nunique() == 1
    sides = clips.groupby("split")["group"].agg(set)
    assert not sides["train"] & sides["val"]
    faces = FaceStore(tmp_path / "out" / "faces").videos
    assert (faces["status"] == "ok").mean() > 0.8
    assert faces["dataset"].nunique() == 2  # the generated benchmark is in it, too
    again = Steps()
    assert build(portraits, tmp_path / "out", again).card.sha256 == built.card.sha256
    assert not any("autoencoder" in name for name in again)
    kept = load_bundle(tmp_path / "out" / "bundle")
    assert kept.card.sha256 == built.card.sha256
    left = [load_bundle(tmp_path / "out" / f"training-{number}" / "bundle") for number in (1, 2)]
    assert left[1].training["weights"] == f"bundle {left[0].card.sha256}"
    assert kept.training["weights"] == ", ".join(f"bundle {one.card.sha256}" for one in left)
    assert isinstance(kept.model, Ensemble)
    batch = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        apart = torch.stack([one.model(batch) for one in left])
        torch.testing.assert_close(kept.model(batch), apart.mean(dim=0))
    assert kept.training["seen"] == left[0].training["seen"]
    assert kept.card.operating_points
    assert kept.reference is not None
    with pytest.raises(OutputError, match="begun with"):
        build(portraits, tmp_path / "out", Steps(), seed=1)


def test_who_is_shown_is_told_by_the_file_name(portraits: list[Path]) -> None:
    listed = list_portraits(portraits)
    assert len(listed) == 15
    assert listed["group"].nunique() == PEOPLE
    assert set(listed["label"]) == {0}


def test_the_packaged_recipe_names_what_there_is() -> None:
    packaged = recipe()
    first, *on = packaged.trainings
    assert {(one.model, one.methods) for one in packaged.trainings} == {(first.model, ())}
    assert [one.augment for one in on] == ["varied"] * len(on)
    assert packaged.autoencoder_steps > 100
