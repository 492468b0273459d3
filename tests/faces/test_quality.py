"""Sizes of stored faces against the pictures themselves, decoded."""

import cv2
import numpy as np
import pandas as pd
import pytest

from deeptell.config import ExtractConfig
from deeptell.faces import quality
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.faces.shard import OK, Outcome, write_shard
from deeptell.faces.store import FaceStore, claim
from deeptell.faces.tables import compact
from deeptell.records import Face, Frame, VideoInfo

WIDTH, HEIGHT = 900, 700


def crops_of(key: str, image: np.ndarray) -> list:
    """Faces in the middle, at every edge, beyond one, tiny, and large enough to be shrunk."""
    rng = np.random.default_rng(len(key))
    crops = []
    for number in range(30):
        side, x, y = rng.uniform(4, 420), rng.uniform(-60, WIDTH), rng.uniform(-60, HEIGHT)
        face = Face((x, y, x + 0.8 * side, y + side), ((x, y),) * 5, 0.9)
        crops.append(store_crop(cut_crop(Frame(image, number, number / 25), face, 0)))
    return crops


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FaceStore:
    path = tmp_path_factory.mktemp("store")
    claim(path, ExtractConfig())
    sharp = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    info = VideoInfo("", "", "", WIDTH, HEIGHT, "", 25, 1, 30, 30, 0, 0, "sdr")
    for key, image in (("sharp", sharp), ("soft", cv2.GaussianBlur(sharp, (0, 0), 2))):
        write_shard(path, key, Outcome(OK, "", tracks=1, crops=30, info=info), crops_of(key, image))
    compact(path, pd.DataFrame({"video_key": ["sharp", "soft"], "path": "", "label": 0}))
    return FaceStore(path)


@pytest.mark.parametrize("at_once", [7, 100])
def test_sizes_are_those_of_the_decoded_pictures(
    store: FaceStore, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(quality, "_ROWS_AT_ONCE", at_once)
    rows = np.random.default_rng(0).permutation(len(store.index))[:50]
    face_px, bits = quality.sizes(store, rows)
    crops = store.read(rows.tolist())
    assert {crop.scale < 1 for crop in crops} == {True, False}
    np.testing.assert_allclose(face_px, [crop.face.size for crop in crops])
    pixels = [crop.image.shape[0] * crop.image.shape[1] for crop in crops]
    expected = 8 * np.array([len(crop.jpeg) for crop in crops]) / pixels
    np.testing.assert_allclose(bits, expected, rtol=1e-12)


def test_blur_takes_bits_away(store: FaceStore) -> None:
    face_px, bits = quality.sizes(store, np.arange(len(store.index)))
    large = face_px > 40  # a tiny picture is mostly its header
    soft = (store.index["video_key"] == "soft").to_numpy()
    assert bits[large & soft].max() < bits[large & ~soft].min()


def test_nothing_asked_is_nothing_measured(store: FaceStore) -> None:
    assert [len(column) for column in quality.sizes(store, np.empty(0, np.int64))] == [0, 0]
