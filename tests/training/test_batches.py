"""What is drawn where fakes are self-blends: no fake of the store, in training or validation."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from noise import FRAMES, noise_store
from torch.utils.data import DataLoader

from deeptell.config import TrainConfig, load
from deeptell.data.sampling import Item
from deeptell.data.self_blends import self_blended
from deeptell.errors import ConfigError
from deeptell.faces.store import FaceStore
from deeptell.inputs import InputSpec, cut
from deeptell.records import StoredCrop
from deeptell.training.batches import Loaders, Material, check_fakes, learnt_from

SPEC = InputSpec(size=32)


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> FaceStore:
    return noise_store(tmp_path_factory.mktemp("noise") / "store")


def material(store: FaceStore, *, frames: int = 1) -> Material:
    return Material(store, store.videos, InputSpec(size=32, frames=frames))


def loaders(store: FaceStore, *, frames: int = 1, **settings) -> Loaders:
    videos = store.videos
    config = TrainConfig(batch_size=4, frames_per_video=3, **settings)
    sides = (videos.loc[videos["split"] == name] for name in ("train", "val"))
    return material(store, frames=frames).loaders(*sides, config)


def batches(loader: DataLoader[Item]) -> list[Item]:
    """An epoch of it, read in this process."""
    return [loader.dataset.__getitems__(keys) for keys in loader.batch_sampler]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows that are read from a store."""
    rows: list[int] = []
    inner = FaceStore.read

    def reading(self: FaceStore, asked: Sequence[int]) -> list[StoredCrop]:
        rows.extend(asked)
        return inner(self, asked)

    monkeypatch.setattr(FaceStore, "read", reading)
    return rows


@pytest.mark.parametrize("frames", [1, 2])
def test_self_blended_never_reads_a_fake(noise: FaceStore, read: list[int], frames: int) -> None:
    training, validation = loaders(noise, frames=frames, fakes="self_blended")
    keys = noise.index["video_key"].astype(str).to_numpy()
    for loader, videos in ((training, {"real/0", "real/1"}), (validation, {"real/2", "real/3"})):
        read.clear()
        labels = torch.cat([batch[2] for batch in batches(loader)])
        assert set(keys[read]) == videos
        assert labels.tolist() == [1.0, 0.0] * (len(labels) // 2)


def test_validation_is_blended_alike_in_every_epoch_and_not_augmented(
    noise: FaceStore, read: list[int]
) -> None:
    _, validation = loaders(noise, fakes="self_blended")
    seen = [torch.cat([batch[0] for batch in batches(validation)]) for _ in range(2)]
    assert torch.equal(*seen)
    row = read[0]
    (crop,) = self_blended(noise.read([row]), draw=row, fake=True)
    found = (seen[0][0].numpy().transpose(1, 2, 0) * 0.5 + 0.5) * 255
    assert found == pytest.approx(cut(crop, SPEC), abs=0.01)


def test_both_draws_from_all_and_validates_on_the_store(noise: FaceStore, read: list[int]) -> None:
    training, validation = loaders(noise, fakes="both")
    keys = noise.index["video_key"].astype(str).to_numpy()
    count = sum(len(batch[2]) for batch in batches(training))
    assert count == 2 * (4 + 2) * 3
    assert set(keys[read]) == {f"{name}/{person}" for name in ("real", "A", "B") for person in "01"}
    _, stored = loaders(noise)
    for ours, theirs in zip(batches(validation), batches(stored), strict=True):
        assert all(torch.equal(*parts) for parts in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("fakes", "labels"),
    [("store", [[0, 1]]), ("self_blended", [[0], [1]]), ("both", [[0, 1], [0], [1]])],
)
def test_parts_say_what_is_learnt_from(
    noise: FaceStore, fakes: str, labels: list[list[int]]
) -> None:
    videos = noise.videos.loc[noise.videos["split"] == "train"]
    parts = list(material(noise).parts(videos, fakes))
    assert [np.unique(one.labels).tolist() for one in parts] == labels
    assert [len(one.numbers) for one in parts] == [
        (6 if len(held) == 2 else 2) * FRAMES for held in labels
    ]
    few = list(material(noise).parts(videos, fakes, per_video=1))
    assert [len(one.numbers) * FRAMES for one in few] == [len(one.numbers) for one in parts]
    real = int(parts[-1].numbers[0])
    made = [one.read([real])[0].jpeg for one in parts]
    assert len(set(made)) == len(made)


def test_only_reals_are_learnt_from_where_fakes_are_self_blends(noise: FaceStore) -> None:
    kept = learnt_from(noise.videos, "self_blended")
    assert kept["video_key"].tolist() == [f"real/{person}" for person in range(4)]
    for fakes in ("store", "both"):
        assert learnt_from(noise.videos, fakes).equals(noise.videos)


@pytest.mark.parametrize("fakes", ["self_blended", "both"])
@pytest.mark.parametrize(
    ("settings", "cached", "said"),
    [
        ({}, True, "setting 'encoder'"),
        ({"sampler": "balanced"}, False, "leave out 'sampler: balanced'"),
        ({"chunks": True}, False, "leave out 'chunks: True'"),
        ({"class_weight": True}, False, "leave out 'class_weight: True'"),
    ],
)
def test_what_does_not_go_with_self_blends_is_refused(
    fakes: str, settings: dict, cached: bool, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        check_fakes(TrainConfig(fakes=fakes, **settings), cached=cached)
    check_fakes(TrainConfig(fakes=fakes), cached=False)
    check_fakes(TrainConfig(**settings), cached=cached)


def test_a_misspelt_kind_of_fakes_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("fakes: self-blended\n")
    with pytest.raises(ConfigError, match=r"'fakes'.*'self_blended'"):
        load(TrainConfig, tmp_path / "a.yaml")
