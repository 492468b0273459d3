"""Pictures of embeddings: what a run started from, and what each point stands for."""

import numpy as np
import pandas as pd
import pytest
import torch

from deeptell.config import TrainConfig
from deeptell.errors import DataError, WeightsError
from deeptell.evaluation import projections as module
from deeptell.evaluation.projections import AFTER, BEFORE, projections, untrained
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.models.bundle import Bundle, load_encoder, save_encoder
from deeptell.models.ensemble import Ensemble
from deeptell.models.families import make
from deeptell.records import BundleCard, Face, Frame
from deeptell.training.networks import network_of

CARD = BundleCard("one", "", "", "", (), ())
FRAME = {"model": "test_resnet", "size": 32, "seed": 5}


def begun(*, cached=None, **settings):
    """A configuration, and the model that training with it starts from.

    `cached` is where the encoder lies whose features were cached.
    """
    config = TrainConfig(**settings)
    torch.manual_seed(config.seed)  # as training does before it makes anything
    encoder = load_encoder(cached).network if cached else None
    return config, network_of(config, encoder=encoder)[0].eval()


def moved(model):
    """The same model with other weights everywhere, as if it had been trained."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.25)
    return model


def bundle_of(model, config, *, embeddings=None) -> Bundle:
    return Bundle(model, CARD, {"config": config.model_dump(), "embeddings": embeddings})


def assert_same(one, other) -> None:
    assert type(one) is type(other)
    assert one.spec == other.spec
    theirs = other.state_dict()
    assert one.state_dict().keys() == theirs.keys()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


@pytest.mark.parametrize(
    "settings",
    [
        FRAME,
        {"model": "c3d_small", "size": 32, "frames": 4},
        {"model": "lstm", "encoder": "test_resnet", "size": 32, "frames": 4},
        {"model": "metric", "encoder": "test_resnet", "size": 32, "scaling": "unit"},
    ],
    ids=lambda settings: settings["model"],
)
def test_weights_that_were_drawn_are_drawn_again(settings):
    config, start = begun(**settings)
    _, trained = begun(**settings)
    state = torch.get_rng_state()
    found = untrained(bundle_of(moved(trained), config))
    assert torch.equal(state, torch.get_rng_state())
    assert not found.training
    assert_same(found, start)


@pytest.fixture
def encoder(tmp_path):
    save_encoder(tmp_path / "encoder", make("backbone", {"backbone": "test_resnet", "size": 32}))
    return tmp_path / "encoder"


def test_an_encoder_whose_features_were_cached_is_as_it_came(encoder):
    config, start = begun(model="metric", cached=encoder)
    _, trained = begun(model="metric", cached=encoder)
    moved(trained.head)
    assert_same(untrained(bundle_of(trained, config, embeddings={"encoder": "x"})), start)


def test_an_encoder_that_came_as_a_bundle_and_was_trained_on(encoder):
    settings = {"model": "lstm", "encoder": str(encoder), "frames": 4}
    config, start = begun(**settings)
    trained = moved(begun(**settings)[1])
    assert_same(untrained(bundle_of(trained, config)), start)


def test_members_of_a_vote_all_began_alike():
    config, start = begun(**FRAME)
    members = [moved(begun(**FRAME)[1]) for _ in range(2)]
    found = untrained(bundle_of(Ensemble(members=members, vote="max"), config))
    for member in found.members:
        assert_same(member, start)


def test_a_start_that_is_not_known_any_more(tmp_path):
    config, model = begun(**FRAME)
    with pytest.raises(DataError, match="bundle 'one' does not say how it was trained"):
        untrained(Bundle(model, CARD, {}))
    gone = config.model_copy(update={"weights": str(tmp_path / "gone.safetensors")})
    with pytest.raises(WeightsError, match="There are no weights at"):
        untrained(bundle_of(model, gone))


class World:
    """A store of noise: 6 videos of 8 faces each, the last of them in "train"."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        face = Face((20.0, 20.0, 60.0, 60.0), ((30.0, 30.0),) * 5, 0.9)
        keys = [f"set/{number}" for number in range(6)]
        self.index = pd.DataFrame(
            {
                "video_key": np.repeat(keys, 8),
                "track": 0,
                "frame_index": np.tile(np.arange(8) * 3, 6),
            }
        )
        self.videos = pd.DataFrame(
            {
                "video_key": keys,
                "label": [0, 1] * 3,
                "method": ["real", "Face2Face"] * 3,
                "target_id": ["anna", "anna", "bert", "bert", "carl", "carl"],
                "compression": ["c23", "c40"] * 3,
                "split": ["test"] * 5 + ["train"],
            }
        )
        self.crops = [
            store_crop(cut_crop(Frame(picture, number, 0.0), face, 0))
            for number, picture in enumerate(rng.integers(0, 256, (48, 80, 80, 3), dtype=np.uint8))
        ]

    def read(self, rows):
        return [self.crops[row] for row in rows]


def test_every_point_says_what_it_shows(monkeypatch):
    monkeypatch.setattr(module, "MOST", 20)
    config, model = begun(**FRAME)
    store = World()
    found = projections(bundle_of(moved(model), config), store, split="test")
    assert found.groupby(["when", "method"]).size().to_dict() == {
        (when, method): 20 for when in (BEFORE, AFTER) for method in ("PCA", "t-SNE")
    }
    assert np.isfinite(found[["x", "y"]].to_numpy()).all()
    picture = found.loc[(found["when"] == AFTER) & (found["method"] == "PCA")]
    assert picture["video_key"].value_counts().to_dict() == {f"set/{k}": 4 for k in range(5)}
    # Spread from the first face of the side to its last.
    assert picture["frame_index"].iloc[[0, -1]].tolist() == [0, 21]
    videos = store.videos.set_index("video_key").loc[picture["video_key"]]
    assert (picture["identity"].to_numpy() == videos["target_id"].to_numpy()).all()
    assert (picture["manipulation"].to_numpy() == videos["method"].to_numpy()).all()
    assert (picture["compression"].to_numpy() == videos["compression"].to_numpy()).all()
    assert ((picture["class"] == "fake").to_numpy() == videos["label"].to_numpy()).all()
    before = found.loc[(found["when"] == BEFORE) & (found["method"] == "PCA")]
    assert not np.allclose(before[["x", "y"]], picture[["x", "y"]])
    again = projections(bundle_of(model, config), store, split="test")
    pd.testing.assert_frame_equal(found, again)


def test_a_side_without_faces():
    config, model = begun(**FRAME)
    with pytest.raises(DataError, match="at least 4"):
        projections(bundle_of(model, config), World(), split="val")
