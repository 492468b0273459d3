"""From data sets as their owners ship them to stores and out again, on the command line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Run
from layouts import LAYOUTS

from deeptell.faces.store import FaceStore


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_becomes_a_store(name: str, tmp_path: Path, run: Run) -> None:
    root, manifest = LAYOUTS[name](tmp_path / "root"), tmp_path / "manifest.csv"
    code, out, _ = run("index", name, root, "--out", manifest, "--jobs", 1)
    assert code == 0
    assert "videos in the manifest" in out
    listed = pd.read_csv(manifest, dtype=str)
    store = tmp_path / "faces"
    code, out, _ = run("extract", manifest, store, "--frames", 1, "--jobs", 2)
    assert code == 0
    assert f"of {len(listed)} videos" in out
    assert len(FaceStore(store).videos) == len(listed)
    assert run("verify", store)[:2] == (0, "The store is whole.\n")


def test_a_benchmark_is_split_anew_and_its_faces_leave_again(
    benchmark: Path, store: FaceStore, tmp_path: Path, run: Run
) -> None:
    mine = tmp_path / "mine.parquet"
    shares = ("--val", 0.25, "--test", 0.25, "--seed", 1)
    code, out, _ = run("split", benchmark / "manifest.parquet", mine, *shares)
    assert code == 0
    assert "Nothing leaks" in out
    sides = pd.read_parquet(mine).groupby("group")["split"].unique()
    assert all(len(side) == 1 for side in sides)

    code, out, _ = run("unpack", store.path, tmp_path / "pictures", "--frames", 2, "--size", 96)
    assert code == 0
    assert len(list((tmp_path / "pictures").rglob("*.jpg"))) == 2 * len(store.videos)
    assert run("unpack", store.path, tmp_path / "all.npz", "--frames", 2, "--npz")[0] == 0
    with np.load(tmp_path / "all.npz", allow_pickle=False) as arrays:
        assert arrays["images"].shape == (2 * len(store.videos), 160, 160, 3)
        assert arrays["labels"].mean() == store.videos["label"].mean()
    code, _, err = run("unpack", mine, tmp_path / "f", "--whole-frames", 2, "--npz")
    assert (code, "leave --first, --npz" in err) == (2, True)


def test_compressed_again_it_is_a_data_set_of_its_own(
    benchmark: Path, tmp_path: Path, run: Run
) -> None:
    few = tmp_path / "few.csv"
    table = pd.read_parquet(benchmark / "manifest.parquet").iloc[:3]
    table.assign(path=[str(benchmark / path) for path in table["path"]]).to_csv(few, index=False)
    code, out, _ = run("compress", few, tmp_path / "again", "--profile", "c40", "--jobs", 1)
    assert code == 0
    assert "3 of 3 videos written" in out
    made = pd.read_parquet(tmp_path / "again/manifest.parquet")
    assert set(made["compression"]) == {"c40"}
    assert made["label"].tolist() == table["label"].tolist()
    code, _, err = run("compress", few, tmp_path / "x", "--profile", "c4")
    assert (code, "c40" in err) == (2, True)


def test_a_damaged_store_is_named_and_mended(store: FaceStore, tmp_path: Path, run: Run) -> None:
    copy = tmp_path / "faces"
    shutil.copytree(store.path, copy)
    tar = sorted(copy.glob("crops/*/*.tar"))[0]
    tar.write_bytes(tar.read_bytes()[:1000])
    code, out, _ = run("verify", copy, "--json")
    (damage,) = json.loads(out)["damages"]
    assert code == 1
    assert damage["path"] == tar.relative_to(copy).as_posix()
    assert "cut short" in damage["problem"]
    code, out, _ = run("verify", copy, "--quick")
    assert (code, "--repair" in out) == (1, True)


def test_a_wrong_root_and_a_leaking_split_are_said(tmp_path: Path, run: Run) -> None:
    root = LAYOUTS["celebdf"](tmp_path / "celeb")
    code, _, err = run("index", "dfdc", root)
    assert (code, "it looks like Celeb-DF (celebdf)" in err) == (2, True)
    code, out, _ = run("index", "celebdf", root, "--jobs", 1)
    assert (code, "LEAK" in out) == (0, True)
