"""From a store to a bundle whose weights never saw a fake of the store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from noise import noise_store

from deeptell.config import TrainConfig
from deeptell.faces.store import FaceStore
from deeptell.records import StoredCrop
from deeptell.training.run import train

ENCODER = "test_resnet"
FAMILIES: dict[str, dict[str, Any]] = {
    "frame": {"model": ENCODER},
    "clip": {"model": "c3d_small", "frames": 4},
    "recurrent": {"model": "gru", "encoder": ENCODER, "frames": 4},
    "metric": {"model": "metric", "encoder": ENCODER, "loss": "triplet", "classifier": "sgd"},
    "classic": {"model": "sgd", "encoder": ENCODER},
}


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> FaceStore:
    return noise_store(tmp_path_factory.mktemp("noise") / "store")


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_come_from_real_faces_alone(
    noise: FaceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    """What this process reads: all but the batches, which `test_batches` looks at."""
    rows: set[int] = set()
    inner = FaceStore.read

    def reading(self: FaceStore, asked: Sequence[int]) -> list[StoredCrop]:
        rows.update(asked)
        return inner(self, asked)

    monkeypatch.setattr(FaceStore, "read", reading)
    config = TrainConfig(
        fakes="self_blended",
        size=32,
        epochs=1,
        batch_size=8,
        frames_per_video=2,
        **FAMILIES[family],
    )
    bundle = train(noise, tmp_path / "run", config=config)
    read = set(noise.index["video_key"].astype(str).iloc[sorted(rows)])
    validated = {f"{method}/{person}" for method in ("real", "A", "B") for person in (2, 3)}
    assert read == {"real/0", "real/1"} | validated
    assert (bundle.training["real_videos"], bundle.training["fake_videos"]) == (2, 0)
    assert bundle.training["config"]["fakes"] == "self_blended"
    assert "only calibration and thresholds" in bundle.card.statement
    assert all(point.fake_videos == 4 for point in bundle.card.operating_points)
