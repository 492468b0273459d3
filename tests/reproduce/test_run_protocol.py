"""A protocol end to end, in the small world of conftest."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deeptell.config import TrainConfig
from deeptell.data.splits import choosing_side
from deeptell.errors import LeakError
from deeptell.evaluation.evaluate import evaluate
from deeptell.evaluation.evaluate_scores import evaluate_scores
from deeptell.evaluation.few_frames import few_frames
from deeptell.evaluation.protocols import Protocol, as_document
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import load_bundle
from deeptell.reproduce import protocols
from deeptell.reproduce.protocols import run_protocol
from deeptell.training.run import train

TINY = TrainConfig(
    model="test_resnet", size=32, epochs=1, frames_per_video=1, methods=("Deepfakes", "FaceSwap")
)
PROTOCOL = Protocol(
    name="two manipulations",
    design="leave_one_out",
    by="method",
    train=TINY,
    figures=("auc",),
    frames=(1, 3),
)


@contextmanager
def step(_name: str) -> Iterator[object]:
    yield lambda done, total: None


def relabelled(store: FaceStore, sides: dict[str, str]) -> FaceStore:
    """The same faces, with the sides of their split called otherwise."""
    changed = FaceStore(store.path)
    split = store.videos["split"].replace(sides)
    changed.__dict__["videos"] = store.videos.assign(split=split)
    changed.__dict__["fingerprint"] = "of another store"
    return changed


def test_rows_columns_and_what_is_kept(
    store: FaceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run_protocol(PROTOCOL, {"faces": store}, tmp_path, step=step)
    assert result.rows == ["all but Deepfakes", "all but FaceSwap"]
    assert result.columns == ["Deepfakes", "FaceSwap"]
    assert [cell.seen for cell in result.cells] == [False, True, True, False]
    bundle = load_bundle(tmp_path / "all-but-Deepfakes" / "bundle")
    assert bundle.training["config"]["methods"] == ["FaceSwap"]
    assert (bundle.training["real_videos"], bundle.training["fake_videos"]) == (4, 4)
    first = result.cells[0]
    (auc, *_) = [one for one in first.measurements if one.by == "all"]
    assert (auc.metric, auc.level, auc.videos) == ("auc", "video", 4)
    assert [point.frames for point in first.few_frames] == [1, 3]
    assert "on 2 real and 2 manipulated validation videos" in first.chosen.threshold
    assert first.chosen.epoch == "1 of 1, by the lowest loss on validation videos"
    scores = evaluate_scores(tmp_path / "all-but-Deepfakes" / "on-Deepfakes.parquet", data="")
    assert auc.value in [one.value for one in scores.measurements if one.level == "video"]
    assert as_document(result)["sha256"] == result.sha256

    def never(*_args: object, **_settings: object) -> None:
        raise AssertionError("nothing is left to do")

    monkeypatch.setattr(protocols, "train", never)
    monkeypatch.setattr(protocols, "evaluate", never)
    kept = run_protocol(PROTOCOL, {"faces": store}, tmp_path, step=step)
    assert as_document(kept) == as_document(result)


def test_a_planted_leak_is_refused_before_anything_is_trained(
    store: FaceStore, tmp_path: Path
) -> None:
    """One test video is the very file of a training video; then a whole side of another store."""
    videos = store.videos.assign(sha256="")
    for side in ("train", "test"):
        videos.loc[videos.index[videos["split"] == side][0], "sha256"] = "f00"
    leaky = FaceStore(store.path)
    leaky.__dict__["videos"] = videos
    with pytest.raises(LeakError, match="very file"):
        run_protocol(PROTOCOL, {"faces": leaky}, tmp_path / "one", step=step)
    across = PROTOCOL.model_copy(update={"design": "matrix", "by": "dataset"})
    stores = {"ours": store, "theirs": relabelled(store, {"train": "test", "test": "train"})}
    with pytest.raises(LeakError, match="stands in"):
        run_protocol(across, stores, tmp_path / "two", step=step)
    assert not list(tmp_path.rglob("bundle.json"))


def test_test_videos_are_refused_wherever_something_is_chosen(
    store: FaceStore, tmp_path: Path
) -> None:
    """By the name of their side; and, where they were called validation videos, by their faces."""
    with pytest.raises(LeakError, match="Nothing is chosen on the side 'test'"):
        choosing_side(store.videos, "test")
    cheating = relabelled(store, {"val": "test", "test": "val"})
    bundle = train(cheating, tmp_path / "run", config=TINY)
    for measure in (evaluate, few_frames):
        with pytest.raises(LeakError, match="or was chosen on them"):
            measure(bundle, store, split="test", data="the test people")
    honest = evaluate(bundle, cheating, split="test", data="people it never saw")
    assert honest.leaks == {}
    goes_on = TINY.model_copy(update={"weights": str(tmp_path / "run" / "bundle")})
    later = train(store, tmp_path / "later", config=goes_on)
    with pytest.raises(LeakError, match="or was chosen on them"):
        evaluate(later, store, split="test", data="the test people")
