"""What validation decides after training, in the small world of conftest."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deeptell import config
from deeptell.data.samples import samples_of
from deeptell.data.scores import score_videos
from deeptell.errors import ConfigError, DataError, LeakError
from deeptell.evaluation.false_alarms import lines
from deeptell.evaluation.metrics import calibrated, operating_points, sigmoid
from deeptell.evaluation.scores import ScoreTable
from deeptell.evaluation.stretches import standing
from deeptell.faces.store import FaceStore
from deeptell.figures import Measurement
from deeptell.models.bundle import load_bundle, update_card
from deeptell.models.reference import score_with_distances
from deeptell.models.scoring import score
from deeptell.records import CLIP, PICTURE, Calibration, OperatingPoint
from deeptell.scan.document import file_entry, from_entry
from deeptell.scan.score import Scanner
from deeptell.training.calibrate import calibrate, with_calibration
from deeptell.training.run import train


@pytest.fixture
def folder(bundle: Path, tmp_path: Path) -> Path:
    """A copy of the small bundle, to be written to, with a figure in its card."""
    copy = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    loaded = load_bundle(copy)
    row = Measurement("tests", "all", "all", "video", "accuracy", 0.5, 0.4, 0.6, 10, 2)
    update_card(copy, replace(loaded, card=replace(loaded.card, measurements=(row,))))
    return copy


def scores_of(folder: Path, store: FaceStore, split: str) -> ScoreTable:
    model = load_bundle(folder).model
    videos = store.videos.loc[store.videos["split"] == split]
    samples = samples_of(store.index, model.spec)
    return score_videos(
        store, videos, samples, lambda s: score(model, s.rows, s.lengths, read=store.read)
    )


def table(n_groups: int, *, sure: float = 4.0, seed: int = 0) -> ScoreTable:
    """Videos of a real and four fakes per group, three frames each, scored too surely."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.tile([0, 1, 1, 1, 1], n_groups), 3)
    x = rng.normal(size=len(labels) // 3).repeat(3) + 0.1 * rng.normal(size=len(labels))
    n = np.arange(len(labels))
    return ScoreTable(
        videos=np.char.add("v", (n // 3).astype(str)),
        tracks=np.zeros(len(n), np.int64),
        groups=(n // 15).astype(str),
        methods=np.full(len(n), "a"),
        labels=labels,
        logits=sure * (x + 2 * labels - 1),
    )


def expected_points(
    frames: ScoreTable, calibration: Calibration, *, media: str = CLIP
) -> tuple[OperatingPoint, ...]:
    """The points of videos of one kind, where each stands as a scan judges it."""
    videos = frames.pooled()
    at = standing(replace(frames, calibration=calibration))
    of = (videos.labels, at, videos.groups)
    points = (*operating_points(*of), *lines(*of))
    return tuple(replace(one, media=media, stretches=media == CLIP) for one in points)


def test_the_lines_are_those_of_the_calibrated_scores(folder: Path) -> None:
    frames = table(12)
    made = with_calibration(load_bundle(folder), frames, method="temperature")
    assert made.card.calibration.scale < 1
    assert made.card.operating_points == expected_points(frames, made.card.calibration)
    # What never falls moves no video over a line: these have three frames, whose stretches are
    # the whole.
    videos = frames.pooled()
    plain = operating_points(videos.labels, sigmoid(videos.logits), videos.groups)
    for ours, theirs in zip(made.card.operating_points, plain, strict=False):
        assert ours.false_positive_rate == theirs.false_positive_rate
        assert ours.true_positive_rate == theirs.true_positive_rate


def test_auto_calibrates_where_it_can_and_says_why_not(folder: Path) -> None:
    bundle = load_bundle(folder)
    enough = with_calibration(bundle, table(12), method="auto")
    assert enough.card.calibration.method == "temperature"
    assert enough.training["calibration"]["why"].endswith("12 source groups of validation videos")
    few = with_calibration(bundle, table(9), method="auto")
    assert few.card.calibration == Calibration()
    assert "there are 9 and 9" in few.training["calibration"]["why"]
    with pytest.raises(DataError, match="there are 9 and 9"):
        with_calibration(bundle, table(9), method="temperature")


def test_training_leaves_the_choice_and_the_reach_of_its_data(
    bundle: Path, store: FaceStore
) -> None:
    loaded = load_bundle(bundle)
    assert loaded.card.calibration == Calibration()
    assert loaded.training["calibration"]["method"] == "none"
    assert "there are 1 and 1" in loaded.training["calibration"]["why"]
    assert loaded.reference is not None
    validated = store.videos.loc[store.videos["split"] == "val"]
    assert loaded.card.reference_videos == len(validated)


def test_training_refuses_a_calibration_it_cannot_give_before_it_starts(
    store: FaceStore, tmp_path: Path
) -> None:
    settings = config.TrainConfig(model="test_resnet", size=64, epochs=1, calibration="platt")
    with pytest.raises(DataError, match=r"'platt' needs 20 source groups .* there are 1 and 1"):
        train(store, tmp_path / "run", config=settings)
    assert not (tmp_path / "run").exists()


def test_lines_are_drawn_anew_on_the_validation_videos(folder: Path, store: FaceStore) -> None:
    frames = scores_of(folder, store, "val")
    steps: list[tuple[int, int]] = []
    made = calibrate(folder, store, method="none", progress=lambda *step: steps.append(step))
    again = load_bundle(folder)
    assert again.card == made.card
    assert again.card.measurements == ()
    assert again.card.operating_points == expected_points(frames, Calibration())
    assert steps[-1] == (len(frames.labels), len(frames.labels))
    told = again.training["calibration"]
    assert (told["method"], told["split"]) == ("none", "val")
    assert told["store"] == store.fingerprint


def test_a_test_set_calibrates_nothing(folder: Path, store: FaceStore) -> None:
    before = (folder / "bundle.json").read_bytes()
    with pytest.raises(LeakError, match="what is tested decides"):
        calibrate(folder, store, split="test", method="none")
    with pytest.raises(LeakError, match="learnt from the side 'train'"):
        calibrate(folder, store, split="train", method="none")
    with pytest.raises(DataError, match="there are 1 and 1"):
        calibrate(folder, store, method="temperature")
    with pytest.raises(ConfigError, match="calibration named 'plat'"):
        calibrate(folder, store, method="plat")
    assert (folder / "bundle.json").read_bytes() == before


def test_what_it_learnt_from_calibrates_nothing_under_another_name(
    folder: Path, store: FaceStore
) -> None:
    other = FaceStore(store.path)
    sides = {"train": "val", "val": "train"}
    other.__dict__["videos"] = store.videos.assign(split=store.videos["split"].replace(sides))
    other.__dict__["fingerprint"] = "of another store"
    with pytest.raises(LeakError, match="saw 20 of these videos in another store"):
        calibrate(folder, other, method="none")
    sides = {"train": "test", "test": "val", "val": "train"}
    other.__dict__["videos"] = store.videos.assign(split=store.videos["split"].replace(sides))
    for _ in range(2):  # once more is no harm: these it has seen for nothing else
        calibrate(folder, other, method="none")


def test_a_scan_gives_what_the_store_gives(folder: Path, store: FaceStore, benchmark: Path) -> None:
    """Calibrated probability and rank of distance, of one video of the test side."""
    bundle = load_bundle(folder)
    reference = bundle.reference
    assert reference is not None
    card = replace(bundle.card, calibration=Calibration("platt", scale=0.3, shift=-0.7))
    bundle = replace(bundle, card=card)
    video = store.videos.loc[store.videos["split"] == "test"].iloc[0]
    rows = np.flatnonzero(store.index["video_key"] == video["video_key"])[:, None]
    logits, distances = score_with_distances(
        bundle.model, reference, rows, np.ones(len(rows), np.int64), read=store.read
    )
    found = Scanner.of(bundle, config.ExtractConfig(frames=10)).scan(benchmark / video["path"])
    (person,) = found.people
    expected = float(calibrated(logits.mean(), card.calibration))
    assert person.fake_probability == pytest.approx(expected, abs=1e-5)
    assert person.distance_rank == pytest.approx(reference.rank(distances.mean()), abs=1e-5)
    for said, logit in zip(person.scores, logits, strict=True):
        assert said.fake_probability == pytest.approx(sigmoid(0.3 * logit - 0.7), abs=1e-5)
    entry = json.loads(json.dumps(file_entry(found)))
    assert entry["distance_rank"] == entry["people"][0]["distance_rank"]
    assert from_entry(entry).distance_rank == pytest.approx(person.distance_rank, abs=1e-6)


def test_pictures_and_clips_have_points_of_their_own(folder: Path) -> None:
    frames = table(40)
    pictures = set(frames.videos[np.isin(frames.groups, [str(n) for n in range(25)])])
    bundle = load_bundle(folder)
    made = with_calibration(bundle, frames, method="none", pictures=pictures)
    chosen = np.isin(frames.videos, list(pictures))
    expected = expected_points(frames.rows(~chosen), Calibration())
    expected += expected_points(frames.rows(chosen), Calibration(), media=PICTURE)
    assert made.card.operating_points == expected
    assert {(one.name, one.media) for one in expected} >= {
        (name, media) for name in ("flag", "clear") for media in (CLIP, PICTURE)
    }
    update_card(folder, made)
    assert load_bundle(folder).card.operating_points == expected
    # Real pictures without manipulated ones give none.
    real = set(frames.videos[(frames.labels == 0) & chosen])
    made = with_calibration(bundle, frames, method="none", pictures=real)
    assert {one.media for one in made.card.operating_points} == {CLIP}
