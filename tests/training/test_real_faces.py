"""A stranger's identity network on real people, where this machine has them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deeptell.config import ExtractConfig, TrainConfig
from deeptell.faces.extract import extract
from deeptell.faces.store import FaceStore
from deeptell.training.embed import embed_store
from deeptell.training.networks import encoder_of


@pytest.mark.slow
def test_faces_of_one_track_are_alike(shared_clips: Path, tmp_path: Path) -> None:
    """Cosine similarity within a track is above that between videos, by a wide margin."""
    graph = shared_clips.parent / "weights" / "mobilefacenet.onnx"
    paths = sorted((shared_clips / "real").glob("liveportrait_*.mp4"))[:4]
    videos = pd.DataFrame({"video_key": [p.stem for p in paths], "path": [str(p) for p in paths]})
    extract(videos, tmp_path / "faces", config=ExtractConfig(frames=4), jobs=1)
    store = FaceStore(tmp_path / "faces")
    encoder, _ = encoder_of(TrainConfig(model="metric", encoder=str(graph)))
    cache = embed_store(store, encoder, tmp_path / "cache")
    assert cache.values.shape == (len(store.index), 128)
    points = cache.values / np.linalg.norm(cache.values, axis=1, keepdims=True)
    keys = store.index["video_key"].to_numpy()
    alike, same = points @ points.T, keys[:, None] == keys[None]
    np.fill_diagonal(same, False)
    other = keys[:, None] != keys[None]
    assert np.median(alike[same]) > np.quantile(alike[other], 0.95) + 0.1
