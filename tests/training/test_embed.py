"""The cache of embeddings: made once, cut off and gone on with, refused where it does not fit."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Run

from deeptell.config import TrainConfig
from deeptell.data import embeddings as cache
from deeptell.data.embeddings import Embeddings
from deeptell.errors import DataError, LeakError, StoreError
from deeptell.evaluation.evaluate import evaluate
from deeptell.faces.store import FaceStore
from deeptell.inputs import prepare
from deeptell.models.bundle import marks_seen
from deeptell.models.contract import Encoder
from deeptell.models.families import make
from deeptell.training import embed as embedding
from deeptell.training.embed import embed_store
from deeptell.training.networks import encoder_of, inherited
from deeptell.training.run import train


def encoder(seed: int = 0) -> Encoder:
    torch.manual_seed(seed)
    return make("backbone", {"backbone": "test_resnet", "size": 48})


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "PART", 100)


def test_it_holds_what_the_encoder_makes_of_every_face(store: FaceStore, tmp_path: Path) -> None:
    made = embed_store(store, encoder(), tmp_path / "cache")
    assert made.values.shape == (len(store.index), 96)
    rows = [0, 57, len(store.index) - 1]
    faces = torch.from_numpy(prepare(store.read(rows), encoder().spec))
    with torch.inference_mode():
        wanted = encoder().eval().embed(faces).numpy()
    np.testing.assert_allclose(made.values[rows], wanted, rtol=2e-2, atol=2e-2)  # fp16 weights
    assert made.samples.rows.ravel().tolist() == list(range(len(store.index)))
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == [
        "embeddings.json",
        "embeddings.npy",
        "encoder",
        "samples.npz",
    ]


def test_cut_off_it_goes_on_and_ends_the_same(store: FaceStore, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(done: int, total: int) -> None:
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        embed_store(store, encoder(), tmp_path / "cut", progress=kill)
    with pytest.raises(StoreError, match="unfinished"):
        Embeddings(tmp_path / "cut")
    parts = [tmp_path / "cut" / f"part-{n}.npy" for n in (0, 1)]
    before = [part.stat().st_mtime_ns for part in parts]
    reported: list[int] = []

    def keep(done: int, total: int) -> None:
        if not reported:
            assert [part.stat().st_mtime_ns for part in parts] == before
        reported.append(done)

    embed_store(store, encoder(), tmp_path / "cut", progress=keep)
    assert reported[0] == 3
    embed_store(store, encoder(), tmp_path / "whole")
    files = [(tmp_path / name / "embeddings.npy").read_bytes() for name in ("cut", "whole")]
    assert files[0] == files[1]


def test_what_an_encoder_saw_is_held_against_the_heads_on_it(
    store: FaceStore, bundle: Path, run: Run, tmp_path: Path
) -> None:
    """A head that is trained on embeddings by a bundle, and measured on what that learnt from."""
    assert run("embed", store.path, tmp_path / "ours", "--model", bundle).code == 0
    assert marks_seen(tmp_path / "ours" / "encoder") == marks_seen(bundle) != set()
    other = FaceStore(store.path)
    sides = {"train": "test", "test": "train"}
    other.__dict__["videos"] = store.videos.assign(split=store.videos["split"].replace(sides))
    other.__dict__["fingerprint"] = "of another store"
    config = TrainConfig(model="metric", encoder=str(bundle))
    network, _ = encoder_of(config)
    made = embed_store(other, network, tmp_path / "theirs", seen=inherited(config))
    settings = TrainConfig(model="metric", epochs=1, frames_per_video=1)
    head = train(other, tmp_path / "run", config=settings, embeddings=made)
    with pytest.raises(LeakError, match="learnt from 20 of these test videos"):
        evaluate(head, other, split="test", data="")


def test_clips_are_embedded_whole(store: FaceStore, tmp_path: Path) -> None:
    clips = make("clip", {"network": "c3d_small", "frames": 4, "size": 32})
    made = embed_store(store, clips, tmp_path / "cache")
    assert made.values.shape == (len(made.samples), 128)
    assert made.samples.rows.shape[1] == 4
    long = make("clip", {"network": "c3d_small", "frames": 32, "size": 32})
    with pytest.raises(DataError, match="32 consecutive faces"):
        embed_store(store, long, tmp_path / "long")


class TestRefused:
    @pytest.fixture
    def made(self, store: FaceStore, tmp_path: Path) -> Path:
        embed_store(store, encoder(), tmp_path / "cache")
        return tmp_path / "cache"

    def test_another_encoders_or_stores(self, made: Path, store: FaceStore) -> None:
        with pytest.raises(DataError, match="embeddings of another encoder"):
            embed_store(store, encoder(1), made)
        held = Embeddings(made)
        with pytest.raises(DataError, match="made by another encoder"):
            held.check(encoder="0" * 64)
        other = FaceStore(store.path)
        other.__dict__["fingerprint"] = "0" * 64
        with pytest.raises(DataError, match="made from another store"):
            held.check(store=other)
        with pytest.raises(DataError, match="embeddings of another store"):
            embed_store(other, encoder(), made)

    def test_values_that_are_not_finite(self, made: Path) -> None:
        values = np.load(made / "embeddings.npy")
        values[41, 2] = np.nan
        np.save(made / "embeddings.npy", values)
        with pytest.raises(DataError, match=r"1 embeddings in .* number 41"):
            _ = Embeddings(made).values

    def test_damaged_or_of_another_kind(self, made: Path, tmp_path: Path) -> None:
        (made / "embeddings.npy").write_bytes(b"no array")
        with pytest.raises(StoreError, match="is damaged"):
            _ = Embeddings(made).values
        for text, said in (("{", "is damaged"), ('{"format": "x", "version": 1}', "is damaged")):
            (made / "embeddings.json").write_text(text)
            with pytest.raises(StoreError, match=said):
                Embeddings(made)
        with pytest.raises(StoreError, match="holds no embeddings"):
            Embeddings(tmp_path)
        head = '{"format": "deeptell-embeddings", "version": 9, "encoder": "", "store": ""}'
        (made / "embeddings.json").write_text(head)
        with pytest.raises(StoreError, match="of version 9"):
            cache.read_origin(made)
