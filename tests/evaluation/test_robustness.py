"""Robustness: the drop against a naive loop, lost videos, a run cut off, and all of it for once."""

import json
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from video_scores import table

from deeptell.config import ExtractConfig
from deeptell.data.manifest import read_manifest
from deeptell.errors import ConfigError, DataError, StoreError
from deeptell.evaluation import robustness as module
from deeptell.evaluation import versions
from deeptell.evaluation.draws import Draws
from deeptell.evaluation.robustness import as_document, relative_drop, robustness
from deeptell.faces.extract import extract
from deeptell.faces.store import FaceStore, claim, read_config

steps = []


@contextmanager
def step(title):
    steps.append(title)
    yield lambda done, total: None


def test_the_drop_is_of_the_videos_that_both_scored():
    clean, worse = table(1, lost=7), table(2, lost=30)
    draws = Draws.of(table().groups, draws=40)
    both = sorted(set(clean.videos) & set(worse.videos))
    got = relative_drop(clean, worse, draws)
    for n, times in enumerate(draws.times):
        aucs = []
        for one in (clean, worse):
            rows = [list(one.videos).index(video) for video in both]
            weight = times[np.searchsorted(draws.groups, one.groups[rows])]
            classes = set(one.labels[rows][weight > 0])
            aucs.append(
                roc_auc_score(one.labels[rows], one.scores[rows], sample_weight=weight)
                if len(classes) == 2
                else np.nan
            )
        before, after = aucs
        expected = (before - after) / (before - 0.5) if before > 0.5 else np.nan
        assert got[n] == pytest.approx(expected, nan_ok=True)


def test_the_one_number_is_the_mean_over_corruptions_and_severities(monkeypatch, tmp_path):
    """Everything but faces and model: those are in the slow test below."""
    tables = {
        "clean": table(0),
        "blur-1": table(1, lost=5),
        "blur-5": table(2, lost=20),
        "jpeg-1": table(3),
        "jpeg-5": replace(
            table(4).among(np.array([], str)), not_scored=(("v000", "no face"),) * 60
        ),
    }
    made = {}

    def fake_extract(videos, folder, *, config, jobs, progress):
        made[folder.name] = (config.corruption, config.severity)

    monkeypatch.setattr(module, "extract", fake_extract)
    monkeypatch.setattr(module, "FaceStore", lambda folder: folder.name)
    monkeypatch.setattr(module, "scores_of", lambda bundle, store, split, keep: tables[store])
    card = type("Bundle", (), {"card": type("Card", (), {"sha256": "ab"})})()
    videos = pd.DataFrame({"split": "test", "label": table().labels, "group": table().groups})
    result = robustness(
        {"m": card},
        videos,
        tmp_path,
        split="test",
        data="made up",
        config=ExtractConfig(frames=2),
        corruptions=("blur", "jpeg"),
        severities=(1, 5),
        step=step,
    )
    assert made["clean"] == ("none", 1)
    assert made["jpeg-5"] == ("jpeg", 5)
    (model,) = result.models
    points = {(p.corruption, p.severity): p for p in model.points}
    assert list(points) == [("none", 0), ("blur", 1), ("blur", 5), ("jpeg", 1), ("jpeg", 5)]
    lost = points["blur", 5]
    assert (lost.scored, lost.videos, lost.coverage) == (40, 60, pytest.approx(2 / 3))
    assert len(lost.not_scored) == 20
    assert lost.auc.value == pytest.approx(
        roc_auc_score(tables["blur-5"].labels, tables["blur-5"].scores)
    )
    assert lost.balanced_accuracy.value == pytest.approx(
        balanced_accuracy_score(tables["blur-5"].labels, tables["blur-5"].scores >= 0.55)
    )
    assert points["none", 0].relative_drop.value == 0
    gone = points["jpeg", 5]
    assert (gone.coverage, gone.auc.videos) == (0, 0)
    assert np.isnan([gone.auc.value, gone.auc.low]).all()
    assert gone.relative_drop.value == 1  # whoever finds no face tells nothing
    drops = [point.relative_drop.value for point in model.points[1:]]
    overall, blur, jpeg = model.drops
    assert overall is model.mean_relative_drop
    assert overall.value == pytest.approx(np.mean(drops))
    assert overall.low < overall.value < overall.high
    assert (blur.subset, blur.value) == ("blur", pytest.approx(np.mean(drops[:2])))
    assert (jpeg.subset, jpeg.value) == ("jpeg", pytest.approx(np.mean(drops[2:])))
    document = as_document(result)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert list(document["corruptions"]) == ["jpeg", "blur"]


def test_what_was_asked_for_wrongly_is_refused_before_any_work(tmp_path):
    videos = pd.DataFrame({"split": ["test", "val"], "label": [0, 1], "group": ["a", "b"]})
    common = {"split": "test", "data": "", "config": ExtractConfig(), "step": step}
    with pytest.raises(ConfigError, match="Did you mean 'jpeg'"):
        robustness({}, videos, tmp_path, corruptions=("jpg",), **common)
    with pytest.raises(ConfigError, match="A severity must be one of"):
        robustness({}, videos, tmp_path, severities=(0, 1), **common)
    with pytest.raises(DataError, match="holds no"):
        robustness({}, videos, tmp_path, **common)
    assert not list(tmp_path.iterdir())


def test_a_store_knows_how_its_videos_were_corrupted(tmp_path):
    config = ExtractConfig(frames=2, corruption="blur", severity=4)
    claim(tmp_path / "s", config)
    assert read_config(tmp_path / "s") == config
    claim(tmp_path / "s", config)
    with pytest.raises(StoreError, match=r"severity=4 \(now 3\)"):
        claim(tmp_path / "s", config.model_copy(update={"severity": 3}))
    none = pd.DataFrame({"video_key": [], "path": []}, dtype=str)
    with pytest.raises(ConfigError, match="no corruption named 'bluur'"):
        extract(none, tmp_path / "t", config=ExtractConfig(corruption="bluur"))
    assert not (tmp_path / "t").exists()
    # One that was made before there were corruptions is one of videos as they are.
    claim(tmp_path / "old", ExtractConfig(frames=2))
    head = json.loads((tmp_path / "old" / "store.json").read_text())
    for key in ("corruption", "severity", "weights"):
        del head["config"][key]
    (tmp_path / "old" / "store.json").write_text(json.dumps(head))
    claim(tmp_path / "old", ExtractConfig(frames=2))
    assert read_config(tmp_path / "old") == ExtractConfig(frames=2)


@pytest.mark.slow
def test_a_run_cut_off_goes_on_and_measures_as_evaluate_does(
    benchmark, bundle, tmp_path, monkeypatch
):
    from deeptell.evaluation.evaluate import evaluate
    from deeptell.models.bundle import load_bundle

    videos = read_manifest(benchmark / "manifest.parquet")
    asked = {
        "split": "test",
        "data": "generated people",
        "config": ExtractConfig(frames=3),
        "corruptions": ("occlusion", "crop_jitter"),
        "severities": (2,),
        "step": step,
    }
    first = robustness({"m": bundle}, videos, tmp_path, **asked)
    monkeypatch.setattr(versions, "_score", lambda *_: pytest.fail("scored again"))
    steps.clear()
    # Not compared as they are: NaN is not itself.
    again = robustness({"m": load_bundle(bundle)}, videos, tmp_path, **asked)
    assert as_document(again) == as_document(first)
    assert [title.split(": ")[-1] for title in steps] == ["clean", "occlusion-2", "crop_jitter-2"]
    for point, name in zip(first.models[0].points, steps, strict=True):
        store = FaceStore(tmp_path / "stores" / name.split(": ")[-1])
        whole = evaluate(load_bundle(bundle), store, split="test", data="", levels=("video",))
        figures = {m.metric: m.value for m in whole.measurements if m.subset == "all"}
        assert point.auc.value == pytest.approx(figures["auc"])
        assert point.balanced_accuracy.value == pytest.approx(figures["balanced_accuracy"])
        assert point.coverage == whole.coverage
    boxes = [
        pd.read_parquet(tmp_path / "stores" / name / "index.parquet")
        for name in ("clean", "crop_jitter-2")
    ]
    assert (boxes[0]["frame_index"] == boxes[1]["frame_index"]).all()
    sides = [one[["x1", "y1", "x2", "y2"]] for one in boxes]
    assert not np.allclose(*sides)
