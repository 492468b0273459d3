"""Sensitivity: which ways there are, what differs between them, and all of it for once."""

import json
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score
from video_scores import table

from deeptell.config import ExtractConfig
from deeptell.data.manifest import read_manifest
from deeptell.errors import ConfigError
from deeptell.evaluation import sensitivity as module
from deeptell.evaluation.sensitivity import as_document, sensitivity
from deeptell.evaluation.ways import INPUTS, UNCHANGED, detectors_of, extractions, inputs
from deeptell.inputs import InputSpec
from deeptell.models.bundle import Bundle
from deeptell.records import BundleCard

BUNDLE = Bundle(SimpleNamespace(spec=InputSpec(32)), BundleCard("m", "ab", "", "", (), ()), {})


@contextmanager
def step(title):
    yield lambda done, total: None


def test_each_way_is_one_setting_away_from_the_own():
    config = ExtractConfig(min_score=0.7, frames=6)
    ways = extractions(config, {"mtcnn": "", "yunet": "w.onnx"})
    assert next(iter(ways)) == UNCHANGED
    assert ways.pop(UNCHANGED) == config
    for (setting, value), made in ways.items():
        before, after = config.model_dump(), made.model_dump()
        changed = {key for key in before if before[key] != after[key]}
        if setting == "detector":
            assert {"detector", "weights"} <= changed <= {"detector", "weights", "min_score"}
            assert f"{made.detector}-{made.min_score}" == value
        else:
            assert changed == {setting}
            assert str(after[setting]) == value
    assert list(ways) == [
        *(("detector", f"yunet-{score}") for score in (0.7, 0.9, 0.98)),
        *(("min_score", "0.9"), ("min_score", "0.98")),
        *(("follow_seconds", "0.04"), ("follow_seconds", "0.4")),
        *(("frames", "4"), ("frames", "16"), ("frames", "64")),
    ]
    cut = inputs(BUNDLE)
    assert cut.pop(UNCHANGED) is BUNDLE
    assert {setting for setting, _ in cut} == set(INPUTS)
    assert cut["margin", "1.8"].model.spec == replace(BUNDLE.model.spec, margin=1.8)
    assert cut["alignment", "eyes"].model.spec == replace(BUNDLE.model.spec, alignment="eyes")
    assert ("margin", "1.3") not in cut
    assert BUNDLE.model.spec == InputSpec(32)


def test_a_detector_without_weights_is_left_out_and_a_wrong_file_refused(tmp_path):
    usable, left_out = detectors_of({}, ExtractConfig())
    assert usable == {"mtcnn": ""}
    assert [(name, "needs its weights" in why) for name, why in left_out] == [("yunet", True)]
    (tmp_path / "w.onnx").write_text("no model")
    for weights, why in (
        ({"yunet": tmp_path / "none.onnx"}, "There is no file"),
        ({"yunet": tmp_path / "w.onnx"}, "not a YuNet model"),
        ({"yunett": tmp_path / "w.onnx"}, "Did you mean 'yunet'"),
    ):
        with pytest.raises(ConfigError, match=why):
            detectors_of(weights, ExtractConfig())


def test_figures_differences_and_ranges(monkeypatch, tmp_path):
    """Everything but faces and model: those are in the slow test below."""
    tables = {}

    def scored(bundle, store, *, split, keep):
        way = (store, bundle.model.spec.margin, bundle.model.spec.alignment)
        own = way == ("own", 1.3, "none")
        return tables.setdefault(way, table(0) if own else table(len(tables), lost=len(tables)))

    monkeypatch.setattr(module, "extract", lambda *_, **__: None)
    monkeypatch.setattr(module, "FaceStore", lambda folder: folder.name)
    monkeypatch.setattr(module, "scores_of", scored)
    videos = pd.DataFrame({"split": "test", "label": table().labels, "group": table().groups})
    made = {"split": "test", "data": "made up", "config": ExtractConfig(), "step": step}
    result = sensitivity({"m": BUNDLE}, videos, tmp_path, **made)
    (model,) = result.models
    found = {(way.setting, way.value): way for way in model.ways}
    margins = [way.value for way in model.ways if way.setting == "margin"]
    assert margins == ["0.9", "1", "1.15", "1.3", "1.5", "1.8"]
    assert [way.value for way in model.ways if way.own] == [
        "mtcnn",
        "0.9",
        "0.1",
        "32",
        "1.3",
        "none",
    ]
    own, other = tables["own", 1.3, "none"], tables["own", 1.8, "none"]
    way = found["margin", "1.8"]
    assert (way.scored, way.videos) == (len(other.videos), 60)
    assert way.auc.value == pytest.approx(roc_auc_score(other.labels, other.scores))
    assert way.accuracy.value == pytest.approx(accuracy_score(other.labels, other.scores >= 0.55))
    both = own.among(other.videos)  # all of which were scored in the own way
    assert way.auc_difference.value == pytest.approx(
        way.auc.value - roc_auc_score(both.labels, both.scores)
    )
    assert way.accuracy_difference.low < way.accuracy_difference.value
    assert found["margin", "1.3"].auc_difference.value == 0
    for spread in model.ranges:
        ways = [w for w in model.ways if spread.setting in ("all", w.setting)]
        assert spread.auc == np.ptp([w.auc.value for w in ways])
        assert spread.accuracy == np.ptp([w.accuracy.value for w in ways])
    assert model.ranges[0].setting == "all"
    assert model.ranges[0].auc > 0
    document = as_document(result)
    assert json.loads(json.dumps(document, allow_nan=False)) == document


@pytest.mark.slow
def test_true_faces_cut_and_found_in_every_way(benchmark, bundle, tmp_path):
    videos = read_manifest(benchmark / "manifest.parquet")
    made = {"split": "test", "data": "generated", "config": ExtractConfig(frames=3), "step": step}
    (model,) = sensitivity({"m": bundle}, videos, tmp_path, **made).models
    strict = {("min_score", "0.98")}  # so sure of a drawn face the detector often is not
    assert all(w.coverage == 1 for w in model.ways if (w.setting, w.value) not in strict)
    aucs = {(way.setting, way.value): way.auc.value for way in model.ways}
    assert len({aucs[setting, value] for setting, value in aucs if setting == "margin"}) > 1
    assert len(list((tmp_path / "stores").iterdir())) == 8
