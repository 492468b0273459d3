"""A video that was seen is known again, also among faces that were found in another way."""

import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from deeptell.config import ExtractConfig
from deeptell.data.fingerprints import content_of, marks_of
from deeptell.data.manifest import read_manifest
from deeptell.errors import LeakError
from deeptell.evaluation.evaluate import evaluate
from deeptell.evaluation.unseen import SEEN
from deeptell.faces.extract import extract
from deeptell.faces.rows import ROW
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import load_bundle


def with_looks(store: FaceStore) -> FaceStore:
    """The same faces, and a look of each video, as `index` notes it."""
    changed = FaceStore(store.path)
    looks = [sha256(key.encode()).hexdigest() for key in store.videos["video_key"]]
    changed.__dict__["videos"] = store.videos.assign(phash=looks)
    return changed


@pytest.fixture
def sparse(benchmark: Path, tmp_path: Path) -> FaceStore:
    """Other frames of the videos of `store`."""
    videos = read_manifest(benchmark / "manifest.parquet")
    extract(videos, tmp_path / "sparse", config=ExtractConfig(frames=3), jobs=1)
    return FaceStore(tmp_path / "sparse")


def test_a_seen_video_is_refused_however_its_faces_were_found(
    store: FaceStore, sparse: FaceStore, bundle: Path
) -> None:
    tested = store.videos.loc[store.videos["split"] == "test", "video_key"]
    marks = marks_of(with_looks(store), tested)
    assert marks.keys() == set(tested)
    faces = marks_of(sparse, tested)
    assert not set(" ".join(faces.values()).split()) & set(" ".join(marks.values()).split())
    loaded = load_bundle(bundle)
    cheated = replace(loaded, training=loaded.training | {SEEN: " ".join(marks.values())})
    with pytest.raises(LeakError, match=f"learnt from {len(tested)} of these test videos"):
        evaluate(cheated, with_looks(sparse), split="test", data="")
    assert evaluate(loaded, with_looks(sparse), split="test", data="").leaks == {}


def test_content_is_of_faces_and_not_of_places(
    store: FaceStore, sparse: FaceStore, tmp_path: Path
) -> None:
    moved = FaceStore(store.path)
    moved.__dict__["videos"] = store.videos.assign(path="elsewhere")
    assert content_of(moved) == content_of(store)
    assert content_of(sparse) != content_of(store)
    other = FaceStore(shutil.copytree(store.path, tmp_path / "other"))
    assert content_of(other) == content_of(store)
    rows = np.fromfile(other.path / "index.rows", ROW)
    rows["x2"][1] += 1  # the second face of a video was cut otherwise
    rows.tofile(other.path / "index.rows")
    assert content_of(other) != content_of(store)
