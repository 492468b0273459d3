"""The comparison's plan, and the whole of it with fewer rows and epochs."""

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from deeptell.config import TrainConfig
from deeptell.errors import ConfigError, DataError
from deeptell.evaluation.scores import ScoreTable
from deeptell.models.names import entry_of
from deeptell.reproduce import run as comparison
from deeptell.reproduce.defects import VALIDATED, VOTED, vote_at_half
from deeptell.reproduce.plan import (
    COMPARISONS,
    SAME_FEATURES,
    TRIPLETS,
    Row,
    recipe,
    rows,
)
from deeptell.reproduce.run import Outcome, reproduce


class TestPlan:
    @pytest.mark.parametrize("size", ["small", "full"])
    def test_every_row_has_a_recipe_of_a_known_model(self, size) -> None:  # type: ignore[no-untyped-def]
        planned = rows(size)
        assert len({row.slug for row in planned}) == len(planned)
        for row in planned:
            settings = row.config(None)
            assert entry_of(settings.model).needs_encoder == row.cached
        families = {row.family for row in planned if row.section == "families"}
        assert families == {"frame", "clip", "recurrent", "metric"}

    def test_comparisons_name_rows(self) -> None:
        known = {row.name for size in ("small", "full") for row in rows(size)}  # type: ignore[arg-type]
        assert {name for pair in COMPARISONS for name in pair[:2]} <= known
        assert COMPARISONS[0][:2] == (TRIPLETS, SAME_FEATURES)

    def test_the_published_settings_are_the_published_ones(self) -> None:
        """FACTS A.7, A.9, A.12, A.15."""
        frame, metric = recipe("published/frame"), recipe("published/metric")
        clip, recurrent = recipe("published/clip"), recipe("published/recurrent")
        assert (frame.optimiser, frame.learning_rate, frame.batch_size) == ("nadam", 0.002, 32)
        assert (frame.scaling, frame.augment, frame.vote) == ("unit", "iwbf2020", "max")
        assert (clip.optimiser, clip.learning_rate, clip.frames) == ("sgd", 0.005, 32)
        assert (recurrent.frames, recurrent.epochs) == (25, 25)
        assert metric.widths == (256, 256, 128, 64)
        assert (metric.distance, metric.loss_margin, metric.normalise) == ("squared", 1.0, False)
        assert (metric.optimiser, metric.learning_rate) == ("adam", 3e-4)


def test_the_published_vote_calls_a_tie_real() -> None:
    """Four videos of four frames, two of each class; one fake is called in half of its frames."""
    frames = ScoreTable(
        videos=np.repeat(["a", "b", "c", "d"], 4),
        tracks=np.zeros(16, np.int64),
        groups=np.repeat(["1", "2", "1", "2"], 4),
        methods=np.repeat(["x", "x", "real", "real"], 4),
        labels=np.repeat([1, 1, 0, 0], 4),
        logits=np.array([5, 5, -1, -1, 2, 2, 2, -1, -2, -2, -2, 1, -2, -2, -2, -2.0]),
    )
    found = vote_at_half(frames, 0.5, data="tests")
    assert (found.better, found.worse) == (VALIDATED, VOTED)
    assert found.value == pytest.approx(0.25)  # "a" is found by the mean and missed by the vote


def few(size: str) -> list[Row]:
    """The rows that others stand on, one epoch each."""
    kept = {"frame CNN", "c3d_small", "lstm", TRIPLETS, SAME_FEATURES, "triplets as published"}
    kept |= {"triplets corrected", "balanced chunks, max vote", "as the data come"}
    once = {"epochs": 1, "frames_per_video": 2}
    chosen = []
    for row in rows("small"):
        if row.name not in kept:
            continue
        settings = {**row.settings, **once}
        if row.family == "frame":
            settings |= {"size": 48}
        if row.family == "clip":
            settings |= {"size": 32}
        if row.name in (TRIPLETS, "triplets as published", "triplets corrected"):
            settings |= {"classifier": "linear"}
        chosen.append(replace(row, settings=settings))
    return chosen


@pytest.fixture(scope="module")
def made(benchmark: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    out = tmp_path_factory.mktemp("reproduced")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "rows", few)
        outcome = run(out, benchmark)
    return out, outcome


def run(out: Path, data: Path) -> Outcome:
    return reproduce(
        out,
        size="small",
        data=data,
        facenet=None,
        jobs=1,
        step=lambda _: nullcontext(lambda done, total: None),
    )


class TestWhole:
    def test_every_row_is_measured(self, made: tuple[Path, Outcome]) -> None:
        _, outcome = made
        assert [model.name for model in outcome.models] == [row.name for row in few("small")]
        for model in outcome.models:
            assert (model.videos, model.scored) == (10, 10)
            subsets = {m.subset for m in model.measurements}
            assert subsets == {"all", "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"}
            assert {m.level for m in model.measurements} == {"video"}
            frames = [point.frames for point in model.few_frames]
            expected = {"clip": [10], "frame": [1, 3, 5, 10]}.get(model.family, [1, 3, 5, 10])
            assert frames == (expected if model.section == "families" else [])

    def test_the_page_and_its_figures(self, made: tuple[Path, Outcome]) -> None:
        out, outcome = made
        page = outcome.page.read_text(encoding="utf-8")
        for model in outcome.models:
            assert model.name in page
        document = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
        assert len(document["models"]) == len(outcome.models)
        assert document["differences"]

    def test_drawn_again_nothing_is_trained(
        self,
        made: tuple[Path, Outcome],
        benchmark: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        out, outcome = made
        before = outcome.page.read_bytes()

        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("trained again")

        monkeypatch.setattr(comparison, "rows", few)
        monkeypatch.setattr(comparison, "train", refuse)
        monkeypatch.setattr(comparison, "embed_store", refuse)
        again = run(out, benchmark)
        assert again.page.read_bytes() == before
        scores = pd.read_parquet(out / "c23" / "frame-CNN" / "scores.parquet")
        assert len(scores) == 100

    def test_a_row_cut_off_is_made_again_the_same(
        self, made: tuple[Path, Outcome], benchmark: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out, outcome = made
        monkeypatch.setattr(comparison, "rows", few)
        shutil.rmtree(out / "c23" / "lstm")
        again = run(out, benchmark)
        lstm = {m.name: m.measurements for m in again.models}["lstm"]
        wanted = {m.name: m.measurements for m in outcome.models}["lstm"]
        # Precision is NaN where nothing is called fake.
        np.testing.assert_array_equal([m.value for m in lstm], [m.value for m in wanted])


class TestRefused:
    def test_missing_facenet(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="no FaceNet weights"):
            reproduce(
                tmp_path,
                size="small",
                data=None,
                facenet=tmp_path / "no.pt",
                jobs=1,
                step=lambda _: nullcontext(lambda done, total: None),
            )

    def test_a_tree_that_is_none(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        with pytest.raises(DataError, match="splits/train"):
            run(tmp_path / "out", tmp_path / "data")


def test_settings_of_recipes_are_checked() -> None:
    with pytest.raises(ConfigError, match="epoch"):
        recipe("small/frame", epochs=0)
    assert isinstance(recipe("small/frame"), TrainConfig)
