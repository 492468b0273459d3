"""Models measured on the command line: figures, pages, other tools' scores, and what is refused."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from conftest import Run

from deeptell.faces.store import FaceStore


def test_a_bundle_and_its_own_scores_give_one_page_with_equal_figures(
    run: Run, store: FaceStore, bundle: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert run("evaluate", bundle, "--data", store.path, "--out", first).code == 0
    (scores,) = (first / "scores").iterdir()
    ran = run("evaluate", bundle, scores, "--data", store.path, "--out", second)
    assert ran.code == 0
    assert "p (Holm)" in ran.out
    page = (second / "results.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "t-SNE" in page
    document = json.loads((second / "results.json").read_text(encoding="utf-8"))
    ours, theirs = (
        {
            tuple(row[key] for key in ("level", "by", "subset", "metric")): row["value"]
            for row in model["measurements"]
        }
        for model in document["models"]
    )
    assert ours == pytest.approx(theirs, abs=1e-12, nan_ok=True)
    assert [row["value"] for row in document["differences"]] == [0, 0]
    table = pd.read_csv(second / "measurements.csv")
    assert {"frame", "track", "video"} <= set(table["level"])
    assert {"manipulation", "face size", "quality"} <= set(table["by"])
    drawn = (second / "results.md").read_text(encoding="utf-8")
    for picture in (second / "drawings").iterdir():
        assert f"drawings/{picture.name}" in drawn


def test_scores_of_other_tools_are_judged_alone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    rows = [
        {"video": f"{kind}{i}", "label": kind, "group": f"g{i}", "fake_probability": score}
        for i in range(12)
        for kind, score in (("real", 0.9 - i / 100), ("fake", 0.1 + i / 100))
    ]
    pd.DataFrame(rows).to_csv(path, index=False)
    ran = run("evaluate", path)
    assert ran.code == 0
    assert "probabilities of being real" in ran.out.replace("\n", " ")
    assert run("evaluate", path, "--json").out.startswith("{")


def test_what_cannot_be_measured_is_one_sentence(
    run: Run, store: FaceStore, bundle: Path, tmp_path: Path
) -> None:
    ran = run("evaluate", bundle)
    assert ran.code == 2
    assert "--data" in ran.err
    copied = shutil.copytree(bundle, tmp_path / "bundle")
    ran = run("calibrate", copied, store.path, "--split", "test")
    assert ran.code == 2
    assert "test" in ran.err
    ran = run("calibrate", copied, store.path)
    assert ran.code == 2
    assert "10" in ran.err  # how many groups are needed
    assert run("calibrate", copied, store.path, "--method", "none").code == 0
    ran = run("protocol", "cross_dataset", store.path, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "two or more" in ran.err


def test_a_run_is_trained_again_from_its_folder(run: Run, bundle: Path, tmp_path: Path) -> None:
    ran = run("retrain", bundle.parent, tmp_path / "again")
    assert ran.code == 0
    assert "the same weights" in ran.out


@pytest.mark.slow
def test_wear_and_protocols_leave_a_page_each(
    run: Run, benchmark: Path, store: FaceStore, bundle: Path, tmp_path: Path
) -> None:
    worn, crossed, ways = tmp_path / "worn", tmp_path / "crossed", tmp_path / "ways"
    manifest = ("--data", benchmark / "manifest.parquet", "--frames", 2, "--jobs", 1)
    severe = ("--corruption", "blur", "--severity", 5)
    ran = run("robustness", bundle, *manifest, *severe, "--out", worn)
    assert ran.code == 0
    assert "mean relative drop" in ran.out
    ran = run("sensitivity", bundle, *manifest, "--out", ways)
    assert ran.code == 0
    assert "margin" in ran.out
    settings = tmp_path / "small.yaml"
    settings.write_text("model: test_resnet\nsize: 64\nframes_per_video: 2\nepochs: 1\n")
    asked = ("protocol", "cross_manipulation", store.path, "--config", settings, "--out", crossed)
    ran = run(*asked)
    assert ran.code == 0
    assert "all but NeuralTextures" in ran.out
    hashed = ran.out.split("hash ")[1]
    assert run(*asked).out.split("hash ")[1] == hashed
    for folder in (worn, ways, crossed):
        assert (folder / "results.html").stat().st_size > 10_000
