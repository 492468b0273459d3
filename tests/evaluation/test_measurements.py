"""Rows of figures against the rows of the table that they are meant to be of."""

import numpy as np
import pytest

from deeptell.errors import ConfigError
from deeptell.evaluation.bootstrap import bootstrap
from deeptell.evaluation.measurements import measurements
from deeptell.evaluation.metrics import measure, sigmoid
from deeptell.evaluation.scores import ScoreTable
from deeptell.records import Calibration


def world(*, people=12, frames=3, **columns):
    """Each person's real and two fakes, at two compressions, with faces of many sizes."""
    rng = np.random.default_rng(0)
    kinds = [("", 0), ("Deepfakes", 1), ("FaceSwap", 1)]
    rows = []
    for person in range(people):
        for method, label in kinds:
            for compression in ("c23", "c40"):
                key = f"{method or 'real'}/{compression}/{person:02d}"
                for _ in range(frames):
                    z = rng.normal() + 1.5 * label
                    row = (key, 0, f"g{person}", method, label, z, compression, 30 + 20 * person)
                    rows.append((*row, rng.random()))
    names = ("videos", "tracks", "groups", "methods", "labels", "logits", "compressions")
    whole = zip((*names, "face_px", "quality"), map(np.array, zip(*rows, strict=True)), strict=True)
    return ScoreTable(**dict(whole) | columns)


def rows_of(table, **settings):
    found = measurements(table, data="made up", figures=["auc", "eer"], resamples=20, **settings)
    return {(row.by, row.subset, row.level, row.metric): row for row in found}


def test_every_condition_at_every_level() -> None:
    table = world()
    found = rows_of(table)
    subsets = list(dict.fromkeys(key[:2] for key in found))
    assert subsets == [
        ("all", "all"),
        ("manipulation", "Deepfakes"),
        ("manipulation", "FaceSwap"),
        ("compression", "c23"),
        ("compression", "c40"),
        ("face size", "under 48 px"),
        ("face size", "48 to 96 px"),
        ("face size", "96 to 192 px"),
        ("face size", "192 px and more"),
        ("quality", "lowest third"),
        ("quality", "middle third"),
        ("quality", "highest third"),
    ]
    assert list(dict.fromkeys(key[2] for key in found)) == ["frame", "track", "video"]
    assert len(found) == len(subsets) * 3 * 2


def test_a_row_is_measured_on_its_own_part_with_the_models_calibration() -> None:
    table = world(calibration=Calibration("temperature", scale=3.0))
    found = rows_of(table, threshold=0.7)
    fake = table.labels == 1
    row = found["manipulation", "FaceSwap", "frame", "auc"]
    part = table.rows(~fake | (table.methods == "FaceSwap"))
    scores = sigmoid(3 * part.logits)
    assert row.value == measure(part.labels, scores).auc
    spread = bootstrap(part.labels, scores, part.groups, resamples=20)
    assert (row.low, row.high) == (spread.low["auc"], spread.high["auc"])
    assert (row.videos, row.groups, row.data) == (48, 12, "made up")
    row = found["face size", "48 to 96 px", "video", "eer"]
    part = table.pooled()
    part = part.rows((part.face_px >= 48) & (part.face_px < 96))
    assert row.value == measure(part.labels, part.fake_probability).eer
    assert row.videos == 6 * 3  # people 1, 2 and 3
    row = found["compression", "c40", "frame", "auc"]
    part = table.rows(table.compressions == "c40")
    assert row.value == measure(part.labels, part.fake_probability).auc


def test_thirds_of_quality_are_those_of_the_real_videos() -> None:
    table = world()
    videos = table.pooled()
    edges = np.quantile(videos.quality[videos.labels == 0], [1 / 3, 2 / 3])
    found = rows_of(table, by=["quality"])
    for name, rows in (
        ("lowest third", videos.quality < edges[0]),
        ("highest third", videos.quality >= edges[1]),
    ):
        part = videos.rows(rows)
        row = found["quality", name, "video", "auc"]
        assert row.value == measure(part.labels, part.fake_probability).auc
        assert abs((part.labels == 0).sum() - 8) <= 1


def test_what_is_unknown_or_of_one_class_is_left_out() -> None:
    fakes_at_c40 = world()
    fakes_at_c40 = fakes_at_c40.rows(
        (fakes_at_c40.labels == 1) | (fakes_at_c40.compressions == "c23")
    )
    subsets = {key[:2] for key in rows_of(fakes_at_c40, by=["compression"])}
    assert subsets == {("all", "all"), ("compression", "c23")}
    blank = np.array("")
    unknown = world(compressions=blank, face_px=np.array(np.nan), quality=np.array(np.nan))
    assert {key[0] for key in rows_of(unknown)} == {"all", "manipulation"}


def test_levels_and_conditions_are_chosen_by_name() -> None:
    found = rows_of(world(), levels=["clip", "video"], by=())
    assert {key[:3] for key in found} == {("all", "all", "clip"), ("all", "all", "video")}
    with pytest.raises(ConfigError, match="Did you mean 'auc'"):
        list(measurements(world(), data="", figures=["auk"]))
    with pytest.raises(ConfigError, match="Did you mean 'video'"):
        rows_of(world(), levels=["vidoe"])
    with pytest.raises(ConfigError, match="Did you mean 'quality'"):
        rows_of(world(), by=["qualty"])
