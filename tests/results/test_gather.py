"""What a page may claim, and who stands beside whom."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from deeptell.evaluation.evaluate import evaluate
from deeptell.evaluation.evaluate_scores import evaluate_scores
from deeptell.evaluation.scores import ScoreTable
from deeptell.evaluation.unseen import SEEN
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import load_bundle
from deeptell.records import Calibration
from deeptell.results.gather import FOREIGN, STATEMENT, differences, results
from deeptell.results.shifts import _against
from deeptell.results.sources import Judged, Source


def scores(folder: Path, name: str, *, first: int = 0, seed: int = 0) -> Judged:
    """A score file of twelve pairs of videos, numbered from `first`."""
    rng, path = np.random.default_rng(seed), folder / f"{name}.csv"
    rows = [
        (f"{kind}{n}", kind, f"g{n}", rng.random() / 2 + (kind == "fake") / 4)
        for n in range(first, first + 12)
        for kind in ("real", "fake")
    ]
    table = pd.DataFrame(rows, columns=["video", "label", "group", "fake_probability"])
    table.to_csv(path, index=False)
    return Judged(name, path, name, evaluate_scores(path, data=name))


def measured(bundle: Path, store: FaceStore, split: str) -> Judged:
    source, said = Source(load_bundle(bundle), store, split), f"faces, {split}"
    result = evaluate(source.bundle, store, split=split, data=said, levels=("video",))
    return Judged("ours", bundle, said, result, source)


def page(*judged: Judged):
    return results(judged, title="", about=(), pictures=False)


def test_score_files_alone_are_compared(tmp_path: Path) -> None:
    one, other = scores(tmp_path, "one"), scores(tmp_path, "other", seed=1)
    rows = differences([one, other])
    assert [row.metric for row in rows] == ["auc", "balanced_accuracy"]
    (auc, *_) = rows
    values = {
        judged.name: roc_auc_score(table.labels, table.fake_probability)
        for judged in (one, other)
        if (table := judged.evaluation.frames.pooled())
    }
    assert auc.value == pytest.approx(values[auc.better] - values[auc.worse], abs=1e-9)
    assert auc.value > 0


def test_models_without_a_common_video_are_told_of_and_do_not_end_it(tmp_path: Path) -> None:
    near, also = scores(tmp_path, "near"), scores(tmp_path, "also", seed=1)
    made = page(near, also, scores(tmp_path, "far", first=50))
    assert {(row.better, row.worse) for row in made.differences} <= {
        ("near", "also"),
        ("also", "near"),
    }
    assert len(made.differences) == 2
    apart = [text for text in made.warnings if "no video in common" in text]
    assert ["near and far" in apart[0], "also and far" in apart[1], len(apart)] == [True, True, 2]


def test_a_page_claims_only_what_holds(bundle: Path, store: FaceStore, tmp_path: Path) -> None:
    tested = measured(bundle, store, "test")
    assert page(tested).statement == STATEMENT
    said = page(measured(bundle, store, "val")).statement
    assert "side 'val', and no test" in said
    assert STATEMENT not in said
    theirs = scores(tmp_path, "theirs")
    assert page(theirs).statement == FOREIGN
    assert page(tested, theirs).statement == f"{STATEMENT} {FOREIGN}"


def test_what_cannot_be_known_of_a_bundle_stands_on_the_page(
    bundle: Path, store: FaceStore
) -> None:
    assert not [text for text in page(measured(bundle, store, "test")).warnings if "marks" in text]
    loaded = load_bundle(bundle)
    loaded.training.pop(SEEN)
    result = evaluate(loaded, store, split="test", data="d", levels=("video",))
    old = Judged("ours", bundle, "d", result, Source(loaded, store, "test"))
    assert [text for text in page(old).warnings if "carries no marks" in text]


def test_the_distance_is_judged_by_itself_and_not_through_the_models_calibration() -> None:
    """An isotonic calibration is level where most distances lie."""
    rng = np.random.default_rng(0)
    level = Calibration("isotonic", knots=((5.0, 0.1), (9.0, 0.9)))

    def videos(distances):
        names = np.array([f"v{n}" for n in range(len(distances))])
        return ScoreTable(
            videos=names,
            tracks=np.zeros(len(names), np.int64),
            groups=names,
            methods=names,
            labels=np.zeros(len(names), np.int64),
            logits=np.zeros(len(names)),
            distances=distances,
            calibration=level,
        )

    near, far = rng.uniform(0.5, 1.5, 20), rng.uniform(1, 3, 20)
    table = _against(videos(near), videos(far))
    expected = roc_auc_score(table.labels, np.concatenate([near, far]))
    assert roc_auc_score(table.labels, table.fake_probability) == pytest.approx(expected)
