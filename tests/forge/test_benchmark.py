"""The written benchmark: tree, names, splits, resumption, and the same bytes whatever `jobs` is."""

import hashlib
import json

import av
import numpy as np
import pytest

from deeptell.config import SynthConfig
from deeptell.errors import ConfigError, OutputError
from deeptell.forge.benchmark import MARKER, write_benchmark
from deeptell.forge.manipulations import MANIPULATIONS
from deeptell.forge.plan import plan

CONFIG = SynthConfig(
    pairs={"train": 1, "val": 1, "test": 0}, seconds=0.2, compressions=("raw", "c40"), seed=4
)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out, calls = tmp_path_factory.mktemp("forge") / "benchmark", []
    write_benchmark(out, CONFIG, jobs=1, progress=lambda *call: calls.append(call))
    return out, calls


def _hashes(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _read(path):
    with av.open(str(path)) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


def test_the_tree_is_that_of_faceforensics(written):
    out, calls = written
    expected = {MARKER} | {f"splits/{split}.json" for split in ("train", "val", "test")}
    for level in ("raw", "c40"):
        expected |= {f"original_sequences/youtube/{level}/videos/00{k}.mp4" for k in range(4)}
    for method in ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"):
        for folder in ("raw", "c40", "masks"):
            names = ("000_001", "001_000", "002_003", "003_002")
            root = f"manipulated_sequences/{method}/{folder}/videos"
            expected |= {f"{root}/{name}.mp4" for name in names}
    assert set(_hashes(out)) == expected
    assert json.loads((out / "splits/train.json").read_text()) == [["000", "001"]]
    assert json.loads((out / "splits/val.json").read_text()) == [["002", "003"]]
    assert json.loads((out / "splits/test.json").read_text()) == []
    assert calls == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize("method", MANIPULATIONS)
def test_a_forgery_differs_from_its_target_where_the_mask_says(written, method):
    out, _ = written
    root = out / "manipulated_sequences" / method
    original = _read(out / "original_sequences/youtube/raw/videos/000.mp4").astype(int)
    forged = _read(root / "raw/videos/000_001.mp4").astype(int)
    mask = _read(root / "masks/videos/000_001.mp4")[..., 0] > 127
    assert original.shape == forged.shape == (5, 256, 320, 3)
    change = np.abs(forged - original).max(3)
    assert change[mask].mean() > 5 * change[~mask].mean()
    assert 0.005 < mask.mean() < 0.25


def test_two_processes_write_the_same_bytes_and_only_what_is_missing(written, tmp_path):
    out, _ = written
    before = _hashes(out)
    write_benchmark(tmp_path / "twice", CONFIG, jobs=2)
    assert _hashes(tmp_path / "twice") == before
    lost = tmp_path / "twice" / "manipulated_sequences/FaceSwap/c40/videos/002_003.mp4"
    kept = tmp_path / "twice" / "original_sequences/youtube/raw/videos/000.mp4"
    lost.unlink()
    stamp = kept.stat().st_mtime_ns
    write_benchmark(tmp_path / "twice", CONFIG, jobs=1)
    assert _hashes(tmp_path / "twice") == before
    assert kept.stat().st_mtime_ns == stamp


def test_a_folder_of_somebody_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="is not empty"):
        write_benchmark(tmp_path, CONFIG, jobs=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_other_settings_in_the_same_folder_are_refused(written):
    out, _ = written
    with pytest.raises(OutputError, match="other settings"):
        write_benchmark(out, CONFIG.model_copy(update={"seed": 5}), jobs=1)


@pytest.mark.parametrize("pairs", [{"train": 0, "val": 0, "test": 0}, {"train": 501}])
def test_the_number_of_pairs_has_bounds(pairs):
    with pytest.raises(ConfigError, match="'pairs' must be"):
        plan(SynthConfig(pairs=pairs))
