"""Training from a store to a bundle, in the small world of conftest."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from deeptell import config
from deeptell.data.augment import gentle, plain
from deeptell.data.sampling import FaceDataset, PairedSampler, spread_rows
from deeptell.errors import ConfigError, DataError, LeakError
from deeptell.evaluation.protocol import as_document, evaluate
from deeptell.faces.store import FaceStore
from deeptell.inputs import InputSpec, cut
from deeptell.models.bundle import load_bundle
from deeptell.training.run import train

BACKBONE = "test_resnet"


def with_videos(store: FaceStore, videos: pd.DataFrame) -> FaceStore:
    """The same faces under another table of videos."""
    changed = FaceStore(store.path)
    changed.__dict__["videos"] = videos
    return changed


class TestSampling:
    def test_each_fake_comes_equally_often_beside_the_real_it_was_made_from(
        self, store: FaceStore
    ) -> None:
        videos = store.videos.loc[store.videos["split"] == "train"]
        sampler = PairedSampler(store.index, videos, per_video=3, seed=1)
        drawn = list(sampler)
        assert len(drawn) == len(sampler) == 2 * 16 * 3
        faces = store.index.iloc[[row for row, _ in drawn]].merge(videos, on="video_key")
        fakes, reals = faces.iloc[::2], faces.iloc[1::2]
        assert (fakes["label"] == 1).all()
        assert (reals["label"] == 0).all()
        assert fakes["video_key"].value_counts().tolist() == [3] * 16
        assert fakes["target_id"].tolist() == reals["target_id"].tolist()
        assert np.abs(fakes["seconds"].to_numpy() - reals["seconds"].to_numpy()).max() < 0.2
        draws = [draw for _, draw in drawn]
        assert draws[::2] == draws[1::2]

    def test_reals_without_a_fake_take_their_share(self, store: FaceStore) -> None:
        videos = store.videos.loc[store.videos["split"] == "train"]
        alone = videos.loc[videos["target_id"] == "000"].index
        videos = videos.drop([i for i in alone if videos.loc[i, "label"] == 1])
        sampler = PairedSampler(store.index, videos, per_video=50, seed=1)
        rows = [row for row, _ in sampler][1::2]
        reals = store.index.iloc[rows].merge(videos, on="video_key")
        shares = reals["target_id"].value_counts(normalize=True)
        assert set(shares.index) == {"000", "001", "002", "003"}
        assert shares["000"] == pytest.approx(0.25, abs=0.05)

    def test_an_epoch_depends_on_seed_and_number_only(self, store: FaceStore) -> None:
        videos = store.videos.loc[store.videos["split"] == "train"]

        def drawn(seed: int, epoch: int) -> list[tuple[int, int]]:
            sampler = PairedSampler(store.index, videos, per_video=4, seed=seed)
            sampler.set_epoch(epoch)
            return list(sampler)

        assert drawn(0, 3) == drawn(0, 3)
        assert drawn(0, 3) != drawn(0, 4)
        assert drawn(0, 3) != drawn(1, 3)

    def test_rows_are_spread_over_each_video(self) -> None:
        index = pd.DataFrame({"video_key": ["a"] * 9 + ["b"] * 2})
        assert spread_rows(index, per_video=3).tolist() == [0, 4, 8, 9, 10]

    def test_items_are_faces_with_labels(self, store: FaceStore) -> None:
        spec = InputSpec(size=48)
        labels = np.arange(len(store.index)) % 2
        fixed = FaceDataset(store, labels, spec=spec, augment=plain)
        changed = FaceDataset(store, labels, spec=spec, augment=gentle)
        face, label = fixed[5]
        assert face.shape == (3, 48, 48)
        assert label == 1.0
        assert torch.equal(face, fixed[5][0])
        assert torch.equal(changed[5, 1][0], changed[5, 1][0])
        assert not torch.equal(changed[5, 1][0], changed[5, 2][0])

    def test_gentle_changes_keep_the_picture_recognisable(self, store: FaceStore) -> None:
        crop, spec = store.read([0])[0], InputSpec(size=64)
        image = gentle(crop, spec, np.random.default_rng(0))
        assert image.shape == (64, 64, 3)
        grey = [cut(crop, spec).mean(2), image.mean(2), image[:, ::-1].mean(2)]
        alike = [np.corrcoef(grey[0].ravel(), other.ravel())[0, 1] for other in grey[1:]]
        assert max(alike) > 0.8


class TestTraining:
    def test_the_bundle_knows_where_it_comes_from(self, bundle: Path, store: FaceStore) -> None:
        loaded = load_bundle(bundle)
        assert loaded.training["store"] == store.fingerprint
        assert loaded.training["real_videos"] == 4
        assert loaded.training["fake_videos"] == 16
        assert loaded.card.statement.startswith("Trained on 4 real and 16 manipulated videos")
        points = {point.name: point for point in loaded.card.operating_points}
        assert points["flag"].threshold >= points["clear"].threshold
        assert (points["flag"].real_videos, points["flag"].fake_videos) == (2, 8)

    def test_the_same_seed_gives_the_same_weights_and_a_cut_off_run_goes_on(
        self, store: FaceStore, bundle: Path, tmp_path: Path
    ) -> None:
        settings = config.TrainConfig(backbone=BACKBONE, size=64, epochs=2, frames_per_video=4)

        class Killed(Exception):
            pass

        def kill(done: int, total: int) -> None:
            if done > total * 3 // 4:
                raise Killed

        with pytest.raises(Killed):
            train(store, tmp_path / "run", config=settings, progress=kill)
        assert not (tmp_path / "run" / "bundle").exists()
        again = train(store, tmp_path / "run", config=settings)
        assert again.card.sha256 == load_bundle(bundle).card.sha256
        other = settings.model_copy(update={"epochs": 3})
        with pytest.raises(ConfigError, match="another epochs"):
            train(store, tmp_path / "run", config=other)

    def test_it_can_learn(self, store: FaceStore, tmp_path: Path) -> None:
        """Given enough steps, the people it saw are told apart: gradients and labels are right."""
        settings = config.TrainConfig(backbone=BACKBONE, size=96, epochs=12, patience=12)
        learnt = train(store, tmp_path / "run", config=settings)
        videos = store.videos.assign(
            split=store.videos["split"].replace({"train": "test", "test": ""})
        )
        result = evaluate(learnt, with_videos(store, videos), split="test", data="seen people")
        auc = next(m for m in result.measurements if (m.level, m.metric) == ("video", "auc"))
        assert auc.value > 0.75

    def test_a_leak_or_a_missing_class_is_refused(self, store: FaceStore, tmp_path: Path) -> None:
        settings = config.TrainConfig(backbone=BACKBONE, size=64)
        videos = store.videos
        leaky = videos.copy()
        leaky.loc[leaky["video_key"].str.endswith("Deepfakes/c23/000_001"), "split"] = "val"
        with pytest.raises(LeakError):
            train(with_videos(store, leaky), tmp_path, config=settings)
        no_reals = videos.loc[(videos["label"] == 1) | (videos["split"] != "val")]
        with pytest.raises(DataError, match="'val' holds no real"):
            train(with_videos(store, no_reals), tmp_path, config=settings)
        with pytest.raises(DataError, match="does not say the group"):
            train(with_videos(store, videos.drop(columns="group")), tmp_path, config=settings)
        with pytest.raises(ConfigError, match="no model family named 'fram'"):
            train(store, tmp_path, config=settings.model_copy(update={"model": "fram"}))
        assert not list(tmp_path.iterdir())


class TestEvaluation:
    def test_rows_per_manipulation_and_coverage(self, store: FaceStore, bundle: Path) -> None:
        result = evaluate(load_bundle(bundle), store, split="test", data="test people")
        subsets = {one.subset for one in result.measurements}
        assert subsets == {"all", "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"}
        assert result.coverage == 1
        assert json.loads(json.dumps(as_document(result), allow_nan=False))["videos"] == 10

    def test_a_video_without_a_face_counts_against_coverage(
        self, store: FaceStore, bundle: Path
    ) -> None:
        lost = store.videos.iloc[[0]].assign(
            video_key="x", split="test", target_id="x", source_id="", group="x", reason="no face"
        )
        videos = pd.concat([store.videos, lost], ignore_index=True)
        result = evaluate(load_bundle(bundle), with_videos(store, videos), split="test", data="t")
        assert result.not_scored.to_dict("records") == [{"video_key": "x", "reason": "no face"}]
        assert result.coverage == pytest.approx(10 / 11)
