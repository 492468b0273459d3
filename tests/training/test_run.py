"""Training from a store to a bundle, in the small world of conftest."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from deeptell import config
from deeptell.data.augment import gentle, plain, varied
from deeptell.data.embeddings import Embeddings
from deeptell.data.samplers import (
    SAMPLERS,
    BalancedSampler,
    EpochSampler,
    PairedSampler,
    ShuffledSampler,
)
from deeptell.data.samples import Samples, samples_of
from deeptell.data.sampling import FaceDataset, FeatureDataset
from deeptell.errors import ConfigError, DataError, LeakError
from deeptell.evaluation.evaluate import as_document, evaluate, scorer_of
from deeptell.evaluation.few_frames import few, few_frames, possible
from deeptell.faces.store import FaceStore
from deeptell.inputs import InputSpec, cut
from deeptell.models.bundle import load_bundle
from deeptell.models.families import make
from deeptell.training.embed import embed_store
from deeptell.training.networks import encoder_of, hold, network_of
from deeptell.training.run import balanced_chunks, train

BACKBONE = "test_resnet"


def singles(store: FaceStore) -> Samples:
    """Every face of a store for itself."""
    return samples_of(store.index, InputSpec(size=16))


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
        sampler = PairedSampler(singles(store), store.index, videos, per_video=3, seed=1)
        drawn = list(sampler)
        assert len(drawn) == len(sampler) == 2 * 16 * 3
        whole = pd.read_parquet(store.path / "index.parquet")
        faces = whole.iloc[[row for row, _ in drawn]].merge(videos, on="video_key")
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
        sampler = PairedSampler(singles(store), store.index, videos, per_video=50, seed=1)
        rows = [row for row, _ in sampler][1::2]
        reals = store.index.iloc[rows].merge(videos, on="video_key")
        shares = reals["target_id"].value_counts(normalize=True)
        assert set(shares.index) == {"000", "001", "002", "003"}
        assert shares["000"] == pytest.approx(0.25, abs=0.05)

    def test_an_epoch_depends_on_seed_and_number_only(self, store: FaceStore) -> None:
        videos = store.videos.loc[store.videos["split"] == "train"]

        def drawn(seed: int, epoch: int) -> list[tuple[int, int]]:
            sampler = PairedSampler(singles(store), store.index, videos, per_video=4, seed=seed)
            sampler.set_epoch(epoch)
            return list(sampler)

        assert drawn(0, 3) == drawn(0, 3)
        assert drawn(0, 3) != drawn(0, 4)
        assert drawn(0, 3) != drawn(1, 3)

    @pytest.mark.parametrize("name", SAMPLERS)
    @pytest.mark.parametrize("frames", [1, 4])
    def test_every_sampler_draws_samples_of_the_training_videos(
        self, store: FaceStore, name: str, frames: int
    ) -> None:
        videos = store.videos.loc[store.videos["split"] == "train"]
        samples = samples_of(store.index, InputSpec(size=32, frames=frames))
        sampler: EpochSampler = SAMPLERS[name](samples, store.index, videos, per_video=3, seed=1)
        drawn = [sample for sample, _ in sampler]
        assert len(drawn) == len(sampler)
        keys = store.index["video_key"].to_numpy()[samples.middle[drawn]]
        assert set(keys) <= set(videos["video_key"])
        labels = videos.set_index("video_key")["label"].loc[keys].to_numpy()
        if isinstance(sampler, ShuffledSampler):
            assert pd.Series(keys).value_counts().tolist() == [3] * 20
        else:
            assert labels.tolist() == [1, 0] * (len(labels) // 2)
        if isinstance(sampler, BalancedSampler):
            reals = keys[1::2]
            assert len(set(reals)) == 4  # strangers too, not only the fake's own

    def test_items_are_faces_with_labels(self, store: FaceStore) -> None:
        spec = InputSpec(size=48)
        labels = np.arange(len(store.index)) % 2
        fixed = FaceDataset(store, singles(store), labels, spec=spec, augment=plain)
        changed = FaceDataset(store, singles(store), labels, spec=spec, augment=gentle)
        face, length, label = fixed[5]
        assert face.shape == (3, 48, 48)
        assert (length, label) == (1, 1.0)
        assert torch.equal(face, fixed[5][0])
        assert torch.equal(changed[5, 1][0], changed[5, 1][0])
        assert not torch.equal(changed[5, 1][0], changed[5, 2][0])

    def test_the_frames_of_a_clip_are_changed_alike(self, store: FaceStore) -> None:
        """One draw of a repeated face gives one picture, as often as it is repeated."""
        spec = InputSpec(size=48, frames=3)
        repeated = Samples(np.array([[4, 4, 4]]), np.array([3]))
        data = FaceDataset(store, repeated, np.array([1]), spec=spec, augment=gentle)
        clip = data[0, 9][0]
        assert clip.shape == (3, 3, 48, 48)
        assert torch.equal(clip[:, 0], clip[:, 1])
        assert torch.equal(clip[:, 0], clip[:, 2])

    def test_features_come_as_faces_do(self) -> None:
        features = torch.arange(12.0).reshape(6, 2)
        samples = Samples(np.array([[0, 1, 2], [3, 4, 4]]), np.array([3, 2]))
        data = FeatureDataset(features, samples, np.array([0, 1]))
        inputs, lengths, labels = data.__getitems__([(1, 77), 0])
        assert inputs[0].tolist() == [[6, 7], [8, 9], [8, 9]]
        assert (lengths.tolist(), labels.tolist()) == ([2, 3], [1, 0])
        assert torch.equal(data[1][0], inputs[0])

    def test_gentle_changes_keep_the_picture_recognisable(self, store: FaceStore) -> None:
        crop, spec = store.read([0])[0], InputSpec(size=64)
        image = gentle(crop, spec, np.random.default_rng(0))
        assert image.shape == (64, 64, 3)
        grey = [cut(crop, spec).mean(2), image.mean(2), image[:, ::-1].mean(2)]
        alike = [np.corrcoef(grey[0].ravel(), other.ravel())[0, 1] for other in grey[1:]]
        assert max(alike) > 0.8

    def test_varied_changes_are_alike_for_a_pair_and_leave_a_face(self, store: FaceStore) -> None:
        crop, spec = store.read([0])[0], InputSpec(size=64)
        plain_grey = cut(crop, spec).mean(2)
        alike = []
        for seed in range(40):
            image, again = (varied(crop, spec, np.random.default_rng(seed)) for _ in range(2))
            assert (image.shape, image.dtype) == ((64, 64, 3), np.uint8)
            np.testing.assert_array_equal(image, again)
            ways = (image.mean(2), image[:, ::-1].mean(2))
            alike.append(max(np.corrcoef(plain_grey.ravel(), way.ravel())[0, 1] for way in ways))
        assert np.median(alike) > 0.7
        assert min(alike) < 0.9


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
        settings = config.TrainConfig(model=BACKBONE, size=64, epochs=2, frames_per_video=4)

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
        settings = config.TrainConfig(model=BACKBONE, size=96, epochs=20, patience=20)
        learnt = train(store, tmp_path / "run", config=settings)
        result = evaluate(learnt, store, split="train", data="seen people")
        auc = next(m for m in result.measurements if (m.level, m.metric) == ("video", "auc"))
        assert auc.value > 0.75

    def test_a_leak_or_a_missing_class_is_refused(self, store: FaceStore, tmp_path: Path) -> None:
        settings = config.TrainConfig(model=BACKBONE, size=64)
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
        with pytest.raises(ConfigError, match=r"no model named 'lstn'\. Did you mean 'lstm'"):
            train(store, tmp_path, config=settings.model_copy(update={"model": "lstn"}))
        assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def features(store: FaceStore, tmp_path_factory: pytest.TempPathFactory) -> Embeddings:
    """A cache in which the label can be read off: a head learns from it in a few steps."""
    folder = tmp_path_factory.mktemp("features") / "cache"
    torch.manual_seed(0)
    made = embed_store(store, make("backbone", {"backbone": "test_resnet", "size": 48}), folder)
    labels = store.index["video_key"].map(store.videos.set_index("video_key")["label"])
    rng = np.random.default_rng(0)
    values = rng.normal(size=made.values.shape)
    values[:, :8] += 1.5 * labels.to_numpy()[:, None]
    np.save(folder / "embeddings.npy", values.astype(np.float16))
    return Embeddings(folder)


SMALL_HEAD = {"widths": (32, 16), "epochs": 6, "batch_size": 64, "learning_rate": 1e-2}


class TestHeads:
    @pytest.mark.parametrize(
        ("model", "settings"),
        [
            ("metric", {}),
            ("metric", {"loss": "triplet", "mining": "semi_hard"}),
            ("metric", {"loss": "triplet", "mining": "batch_all", "classifier": "sgd"}),
            ("metric", {"loss": "triplet", "cross_entropy": 1.0, "sampler": "balanced"}),
            ("metric", {"loss": "supcon", "classifier": "logistic_regression"}),
            ("metric", {"loss": "contrastive", "loss_margin": 1.0}),
            ("metric", {"loss": "align_uniform", "sampler": "shuffled", "class_weight": True}),
            ("random_forest", {}),
            ("lstm", {"frames": 5}),
            ("temporal_max", {"frames": 5}),
            ("metric", {"chunks": True, "vote": "mean", "sampler": "shuffled"}),
            ("metric", {"chunks": True, "loss": "triplet", "sampler": "balanced"}),
        ],
        ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
    )
    def test_every_kind_learns_and_its_bundle_is_whole(
        self,
        store: FaceStore,
        features: Embeddings,
        tmp_path: Path,
        model: str,
        settings: dict[str, Any],
    ) -> None:
        chosen = config.TrainConfig(model=model, **{**SMALL_HEAD, **settings})
        made = train(store, tmp_path / "run", config=chosen, embeddings=features)
        assert made.training["train_loss"] < 0.65
        result = evaluate(made, store, split="test", data="test", embeddings=features)
        auc = next(m for m in result.measurements if (m.level, m.metric) == ("video", "auc"))
        assert auc.value > 0.8
        loaded = load_bundle(tmp_path / "run" / "bundle")
        samples = samples_of(store.index, loaded.model.spec)[:5]
        from_faces = scorer_of(loaded, store)(samples)
        made_of_faces = scorer_of(made, store)(samples)
        np.testing.assert_array_equal(from_faces, made_of_faces)

    def test_chunks_hold_every_real_and_share_the_fakes(self, store: FaceStore) -> None:
        videos = store.videos.loc[store.videos["split"] == "train"]
        chunks = balanced_chunks(videos, seed=0)
        assert len(chunks) == 4
        reals = set(videos.loc[videos["label"] == 0, "video_key"])
        fakes = [set(chunk.loc[chunk["label"] == 1, "video_key"]) for chunk in chunks]
        assert all(reals <= set(chunk["video_key"]) for chunk in chunks)
        assert [len(part) for part in fakes] == [4] * 4
        assert set().union(*fakes) | reals == set(videos["video_key"])

    def test_a_recurrent_model_end_to_end(self, store: FaceStore, tmp_path: Path) -> None:
        settings = config.TrainConfig(
            model="gru", encoder=BACKBONE, size=48, frames=3, epochs=1, frames_per_video=1
        )
        made = train(store, tmp_path / "run", config=settings)
        assert made.model.spec.frames == 3
        result = evaluate(made, store, split="test", data="test", levels=("video",))
        assert result.coverage == 1

    def test_metric_learning_end_to_end(self, store: FaceStore, tmp_path: Path) -> None:
        """Backbone and head are trained together; "frozen" leaves the backbone as it was."""
        settings = config.TrainConfig(
            model="metric",
            encoder=BACKBONE,
            size=48,
            widths=(16,),
            loss="triplet",
            cross_entropy=0.5,
            epochs=1,
            frames_per_video=2,
        )
        trained = train(store, tmp_path / "all", config=settings)
        frozen = settings.model_copy(update={"tune": "frozen"})
        torch.manual_seed(0)
        before, _ = encoder_of(frozen)
        kept = train(store, tmp_path / "frozen", config=frozen)
        name = next(n for n, _ in before.named_parameters())
        name = f"encoder.{name}"
        same = [
            torch.allclose(one.model.state_dict()[name], again.model.state_dict()[name])
            for one, again in ((trained, kept), (kept, kept))
        ]
        assert same == [False, True]
        assert before.state_dict().keys() == kept.model.get_submodule("encoder").state_dict().keys()

    @pytest.mark.parametrize("tune", ["everything", "norms", "head", "frozen"])
    def test_what_is_trained(self, tune: Any) -> None:
        settings = config.TrainConfig(model=BACKBONE, size=48, tune=tune)
        model, _ = network_of(settings, encoder=None)
        still = hold(model, settings)
        learnt = {name for name, p in model.named_parameters() if p.requires_grad}
        backbone = {name for name in learnt if name.startswith("backbone.")}
        assert {"features.0.weight", "logit.weight"} <= learnt
        if tune == "everything":
            assert len(learnt) == len(list(model.parameters()))
        elif tune == "norms":
            assert backbone
            tensors = dict(model.named_parameters())
            assert all(tensors[name].ndim == 1 for name in backbone)
        else:
            assert not backbone
        assert (still is not None) == (tune == "frozen")

    @pytest.mark.parametrize("size", [16, 64, 512])
    @pytest.mark.parametrize("precision", ["fp32", "bf16"])
    def test_triplets_are_stable(
        self, store: FaceStore, features: Embeddings, tmp_path: Path, size: int, precision: Any
    ) -> None:
        settings = config.TrainConfig(
            model="metric",
            loss="triplet",
            batch_size=size,
            epochs=2,
            frames_per_video=20,
            precision=precision,
        )
        made = train(store, tmp_path / "run", config=settings, embeddings=features)
        assert all(tensor.isfinite().all() for tensor in made.model.head.state_dict().values())  # type: ignore[union-attr]
        assert np.isfinite(made.training["train_loss"])


class TestRefused:
    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"model": "metric"}, "stands on an encoder"),
            ({"model": "metric", "encoder": "facenet"}, "20180402-114759-vggface2.pt"),
            ({"model": "metric", "encoder": "lstm"}, "is no encoder"),
            ({"model": "lstm", "encoder": "c3d_small"}, "reads single faces"),
            ({"model": BACKBONE, "encoder": "resnet50"}, "stands on no encoder"),
            ({"model": BACKBONE, "frames": 8}, "'frames' is no setting"),
            ({"model": BACKBONE, "loss": "triplet"}, "trains no classifier"),
            ({"model": BACKBONE, "sampler": "pared"}, "Did you mean 'paired'"),
            ({"model": BACKBONE, "augment": "gentel"}, "Did you mean 'gentle'"),
        ],
    )
    def test_settings_that_do_not_go_together(
        self, store: FaceStore, tmp_path: Path, settings: dict[str, Any], said: str
    ) -> None:
        small = {} if settings["model"] in ("lstm", "metric") else {"size": 48}
        with pytest.raises(ConfigError, match=said):
            train(store, tmp_path / "run", config=config.TrainConfig(**small, **settings))

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"model": "metric", "classifier": "sgd"}, "trained by a metric loss"),
            ({"model": "metric", "loss": "triplets"}, "Did you mean 'triplet'"),
            ({"model": "metric", "loss": "triplet", "mining": "semihard"}, "'semi_hard'"),
            ({"model": "lstm", "loss": "triplet"}, "trains no classifier"),
            ({"model": "knn", "class_weight": True}, "cannot weigh classes"),
            ({"model": "resnet50"}, "stands on no encoder"),
        ],
    )
    def test_with_a_cache(
        self,
        store: FaceStore,
        features: Embeddings,
        tmp_path: Path,
        settings: dict[str, Any],
        said: str,
    ) -> None:
        with pytest.raises(ConfigError, match=said):
            train(
                store,
                tmp_path / "run",
                config=config.TrainConfig(**settings),
                embeddings=features,
            )

    def test_a_cache_of_another_store(
        self, store: FaceStore, features: Embeddings, tmp_path: Path
    ) -> None:
        other = FaceStore(store.path)
        other.__dict__["fingerprint"] = "0" * 64
        settings = config.TrainConfig(model="metric")
        with pytest.raises(DataError, match="another store"):
            train(other, tmp_path / "run", config=settings, embeddings=features)

    def test_fewer_faces_than_a_clip_needs(self, store: FaceStore, tmp_path: Path) -> None:
        settings = config.TrainConfig(model="c3d_small", frames=32)
        with pytest.raises(DataError, match="32 consecutive faces"):
            train(store, tmp_path / "run", config=settings)


class TestClips:
    def test_short_tracks_are_counted_and_videos_not_scored_are_named(
        self, store: FaceStore, tmp_path: Path
    ) -> None:
        """One test video loses the middle of its frames: no clip, never padded."""
        settings = config.TrainConfig(
            model="c3d_small", size=32, frames=8, epochs=1, frames_per_video=1
        )
        lost = store.videos.loc[store.videos["split"] == "test", "video_key"].iloc[0]
        changed = FaceStore(store.path)
        middle = store.index["frame_index"].between(4, 5) & (store.index["video_key"] == lost)
        changed.__dict__["index"] = store.index.loc[~middle].reset_index(drop=True)
        trained = store.videos.loc[store.videos["split"] == "train", "video_key"].iloc[1]
        rest = changed.index["frame_index"].lt(7) | (changed.index["video_key"] != trained)
        changed.__dict__["index"] = changed.index.loc[rest].reset_index(drop=True)
        made = train(changed, tmp_path / "run", config=settings)
        assert made.training["short_tracks"] == 1
        named = (tmp_path / "run" / "short_tracks.csv").read_text()
        assert named.splitlines() == ["video_key,tracks", f"{trained},1"]
        result = evaluate(made, changed, split="test", data="test")
        assert result.not_scored.to_dict("records") == [
            {"video_key": lost, "reason": "no track holds 8 consecutive faces"}
        ]


class TestFewFrames:
    def test_it_sees_so_many_frames_and_no_more(self, store: FaceStore) -> None:
        spec = InputSpec(size=16)
        for count in (1, 3, 5, 10):
            samples = few(store.index, spec, count=count)
            seen = store.index.iloc[samples.rows.ravel()]
            frames = seen.groupby("video_key")["frame_index"].nunique()
            assert frames.max() == count
        keys = store.videos["video_key"]
        assert possible((1, 3, 5, 10, 25), store.index, keys, spec) == [1, 3, 5, 10]

    def test_clip_models_begin_at_their_own_length(self, store: FaceStore) -> None:
        spec, keys = InputSpec(size=16, frames=4), store.videos["video_key"]
        assert possible((1, 3, 5, 10, 25), store.index, keys, spec) == [5, 10]
        samples = few(store.index, spec, count=10)
        clips = pd.Series(store.index["video_key"].to_numpy()[samples.middle]).value_counts()
        assert clips.max() == 2
        assert (np.diff(store.index["frame_index"].to_numpy()[samples.rows]) == 1).all()

    def test_sequences_are_as_long_as_what_is_seen(self, store: FaceStore) -> None:
        spec = InputSpec(size=16, frames=25, consecutive=False)
        samples = few(store.index, spec, count=3)
        assert samples.lengths.max() == 3

    def test_all_frames_give_the_figures_of_evaluation(
        self, store: FaceStore, bundle: Path
    ) -> None:
        loaded = load_bundle(bundle)
        points = few_frames(loaded, store, split="test", data="test")
        assert [point.frames for point in points] == [1, 3, 5, 10]
        whole = evaluate(loaded, store, split="test", data="test", levels=("video",))
        auc = next(m for m in whole.measurements if (m.subset, m.metric) == ("all", "auc"))
        assert points[-1].auc.value == auc.value


class TestEvaluation:
    def test_rows_per_manipulation_and_coverage(self, store: FaceStore, bundle: Path) -> None:
        result = evaluate(load_bundle(bundle), store, split="test", data="test people")
        subsets = {one.subset for one in result.measurements if one.by == "manipulation"}
        assert subsets == {"Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"}
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
