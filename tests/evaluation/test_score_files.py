"""Score files: ours read back to the last digit, strangers' are checked before measuring."""

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from deeptell.errors import DataError, LeakError
from deeptell.evaluation.evaluate import RATES, Evaluation
from deeptell.evaluation.evaluate_scores import evaluate_scores
from deeptell.evaluation.measurements import measurements
from deeptell.evaluation.metrics import operating_points
from deeptell.evaluation.score_files import read_scores, write_scores
from deeptell.evaluation.scores import ScoreTable
from deeptell.evaluation.unseen import Chosen
from deeptell.records import Calibration

CALIBRATIONS = [
    Calibration(),
    Calibration("platt", scale=0.7, shift=-0.3),
    Calibration("isotonic", knots=((-3.0, 0.02), (-0.5, 0.3), (0.5, 0.7), (60.0, 1.0))),
]


def ours(calibration: Calibration) -> Evaluation:
    """Two tracks of three samples of 24 videos, some logits beyond what a probability can tell."""
    rng = np.random.default_rng(3)
    videos = [
        (f"{group:02}-{label}", f"{group:02}", label) for group in range(12) for label in (0, 1)
    ]
    rows = [
        (key, track, group, label) for key, group, label in videos for track in (0, 1, 0, 1, 0, 1)
    ]
    names, tracks, groups, labels = (np.array(column) for column in zip(*rows, strict=True))
    logits = rng.normal(labels - 0.5, 1.5)
    logits[:40:3] += np.where(labels[:40:3] == 1, 45.0, -45.0)
    table = ScoreTable(
        videos=names,
        tracks=tracks,
        groups=groups,
        methods=np.where(labels == 1, np.where(groups < "06", "Swap", "Texture"), "real"),
        labels=labels,
        logits=logits,
        compressions=np.where(groups < "04", "c23", "c40"),
        face_px=rng.uniform(30, 200, len(rows)),
        quality=rng.uniform(0.5, 3, len(rows)),
        calibration=calibration,
    )
    return Evaluation(
        measurements=tuple(figures(table, threshold=0.37)),
        frames=table,
        threshold=0.37,
        videos=24,
        not_scored=pd.DataFrame({"video_key": [], "reason": []}),
        leaks={},
        chosen=Chosen("", "", ""),
    )


def figures(table: ScoreTable, *, threshold: float) -> Any:
    levels = ("frame", "track", "video")
    return measurements(table, data="d", figures=RATES, threshold=threshold, levels=levels)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("calibration", CALIBRATIONS, ids=lambda one: one.method)
def test_what_we_write_reads_back_and_gives_the_same_figures(
    tmp_path: Path, kind: str, calibration: Calibration
) -> None:
    expected, path = ours(calibration), tmp_path / f"scores.{kind}"
    write_scores(expected, path)
    found = evaluate_scores(path, data="d")
    assert found.threshold == 0.37
    assert "named in the score file" in found.chosen.threshold
    assert len(found.measurements) == len(expected.measurements)
    for one, other in zip(found.measurements, expected.measurements, strict=True):
        assert replace(one, value=0, low=0, high=0) == replace(other, value=0, low=0, high=0)
        for name in ("value", "low", "high"):
            assert math.isclose(getattr(one, name), getattr(other, name), abs_tol=1e-12) or (
                math.isnan(getattr(one, name)) and math.isnan(getattr(other, name))
            )


def strangers(
    count: int = 40, *, seed: int = 0, shift: float = 0.3, **columns: Any
) -> pd.DataFrame:
    """One score for each of `count` reals and as many fakes, in groups of two."""
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1], count)
    table = {
        "video": [f"{number:03}" for number in range(2 * count)],
        "label": labels,
        "group": np.arange(2 * count) // 2,
        "fake_probability": np.clip(rng.normal(0.5 + shift * (labels - 0.5), 0.2), 0, 1),
    }
    return pd.DataFrame({**table, **columns})


def written(table: pd.DataFrame, path: Path) -> Path:
    table.to_csv(path, index=False) if path.suffix == ".csv" else table.to_parquet(path)
    return path


def value(evaluation: Evaluation, metric: str) -> float:
    return next(
        m.value
        for m in evaluation.measurements
        if (m.by, m.level, m.metric) == ("all", "video", metric)
    )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_four_columns_suffice(tmp_path: Path, kind: str) -> None:
    """Labels may be words; scikit-learn says what the AUC is."""
    table = strangers()
    words = table.assign(label=np.where(table["label"] == 1, "FAKE", "Real"))
    found = evaluate_scores(written(words, tmp_path / f"s.{kind}"), data="theirs")
    assert value(found, "auc") == pytest.approx(
        roc_auc_score(table["label"], table["fake_probability"]), abs=1e-12
    )
    assert found.threshold == 0.5
    assert "no validation rows" in found.chosen.threshold
    assert {one.level for one in found.measurements} == {"video"}
    assert {one.by for one in found.measurements} == {"all"}
    assert (found.videos, found.coverage, found.warnings) == (80, 1, ())
    assert read_scores(tmp_path / f"s.{kind}")["video"].iloc[7] == "007"


def test_categories_and_capitals_are_read_as_the_same(tmp_path: Path) -> None:
    """As pandas keeps words in Parquet, with a value that is not there."""
    table = strangers()
    table["method"] = pd.Categorical(np.where(table["label"] == 1, "Swap", None))
    table["video"] = table["video"].astype("category")
    table["group"] = table["group"].astype("Int64")
    found = evaluate_scores(written(table, tmp_path / "s.parquet"), data="theirs")
    assert {one.subset for one in found.measurements} == {"all", "Swap"}
    upper = written(table, tmp_path / "s.csv").rename(tmp_path / "S.CSV")
    assert evaluate_scores(upper, data="theirs").measurements == found.measurements


def test_the_threshold_comes_from_validation_rows_and_never_from_those_measured(
    tmp_path: Path,
) -> None:
    val = strangers(split="val", seed=1)
    val = val.assign(video="v" + val["video"], group=1000 + val["group"])
    test = strangers(split="test")
    path = written(pd.concat([val, test]), tmp_path / "s.parquet")
    found = evaluate_scores(path, data="theirs")
    flag, _ = operating_points(val["label"], val["fake_probability"])
    assert found.threshold == pytest.approx(flag.threshold, abs=1e-12)
    assert "40 real and 40 manipulated validation videos" in found.chosen.threshold
    assert found.videos == 80
    other = test.assign(fake_probability=1 - test["fake_probability"])
    path = written(pd.concat([val, other]), tmp_path / "o.parquet")
    assert evaluate_scores(path, data="theirs").threshold == found.threshold


def test_probabilities_of_being_real_are_told_of_and_not_turned_round(tmp_path: Path) -> None:
    table = strangers(shift=-0.5)
    found = evaluate_scores(written(table, tmp_path / "s.csv"), data="theirs")
    assert value(found, "auc") == pytest.approx(
        roc_auc_score(table["label"], table["fake_probability"]), abs=1e-12
    )
    (said,) = found.warnings
    assert "probabilities of being real" in said
    assert evaluate_scores(written(table[:8], tmp_path / "few.csv"), data="").warnings == ()


def test_frames_are_told_apart_by_their_columns(tmp_path: Path) -> None:
    """Pooled as our own: the mean logit of a track, the highest track of a video."""
    videos = strangers(6)
    rows = videos.loc[videos.index.repeat(4)].assign(
        track=list(itertools.islice(itertools.cycle("aabb"), 48)),
        frame=list(itertools.islice(itertools.cycle([0, 1]), 48)),
    )
    rng = np.random.default_rng(0)
    rows["fake_probability"] = rng.uniform(0.01, 0.99, len(rows))
    found = evaluate_scores(written(rows, tmp_path / "s.csv"), data="theirs")
    p = rows["fake_probability"].to_numpy().reshape(12, 2, 2)
    naive = np.log(p / (1 - p)).mean(axis=2).max(axis=1)
    assert value(found, "auc") == pytest.approx(roc_auc_score(videos["label"], naive), abs=1e-12)
    assert {one.level for one in found.measurements} == {"frame", "track", "video"}


BROKEN: list[tuple[Any, type[DataError], str]] = [
    (lambda t: t.drop(columns="group"), DataError, "lacks the column 'group'"),
    (lambda t: t[:0], DataError, "holds no score"),
    (lambda t: t.loc[t["label"] == 1], DataError, "hold no real video"),
    (lambda t: t.loc[t["label"] == 0], DataError, "hold no fake video"),
    (lambda t: t.replace({"label": {1: 2}}), DataError, "label of '001' must be 0 or real"),
    (lambda t: t.replace({"label": {1: "forged"}}), DataError, "got 'forged'"),
    (
        lambda t: t.assign(fake_probability=t["fake_probability"].where(t["video"] != "005")),
        DataError,
        r"fake_probability of '005' must lie in \[0, 1\], got nan",
    ),
    (
        lambda t: t.assign(fake_probability=t["fake_probability"] * 100),
        DataError,
        "must lie in",
    ),
    (lambda t: t.assign(fake_probability="high"), DataError, "got nan"),
    (lambda t: pd.concat([t, t[:1]]), DataError, "two rows of the same video: '000'"),
    (
        lambda t: pd.concat([t, t[:1].assign(label=1, frame=1)]).fillna({"frame": 0}),
        DataError,
        "'000' disagree about its label",
    ),
    (
        lambda t: pd.concat([t, t[:1].assign(group=9, frame=1)]).fillna({"frame": 0}),
        DataError,
        "'000' disagree about its group",
    ),
    (
        lambda t: t.assign(split=np.where(t.index < 41, "val", "test")),
        LeakError,
        "the group '20' stands in test and val",
    ),
    (lambda t: t.assign(split="testing"), DataError, "split of '000' must be one of"),
    (lambda t: t.assign(split="val"), DataError, "test rows hold no real video"),
    (lambda t: t.assign(group=""), DataError, "row 1 names no group"),
    (lambda t: t.assign(logit=0.1), DataError, "logit of '000' does not give"),
    (lambda t: t.assign(threshold=t["fake_probability"]), DataError, "'threshold' must be one"),
    (lambda t: t.assign(threshold=1.5), DataError, r"one number in \[0, 1\].* got 1\.5"),
    (
        lambda t: t.assign(logit=0.0, calibration="{}"),
        DataError,
        "'calibration' must be what deeptell wrote",
    ),
]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(("change", "error", "said"), BROKEN, ids=[said for *_, said in BROKEN])
def test_bad_files_are_refused_in_one_sentence(
    tmp_path: Path, kind: str, change: Any, error: type[DataError], said: str
) -> None:
    table = change(strangers())
    # Parquet holds no column of numbers and words.
    mixed = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    path = written(table.astype(dict.fromkeys(mixed, str)), tmp_path / f"s.{kind}")
    with pytest.raises(error, match=said) as caught:
        evaluate_scores(path, data="theirs")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "noise.parquet", "noise.csv"])
def test_what_is_no_table(tmp_path: Path, name: str) -> None:
    if name.startswith("noise"):
        (tmp_path / name).write_bytes(b"\xff\x00noise\x00\n1,2,3\n" * 9)
    with pytest.raises(DataError, match=r"no score file|lacks the column"):
        read_scores(tmp_path / name)
