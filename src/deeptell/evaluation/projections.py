"""The points of a picture of embeddings, before a model was trained and after."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from deeptell.data.samples import Samples, keys_of, samples_of, spread
from deeptell.errors import DataError, WeightsError
from deeptell.explain.projection import pca, tsne
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import Bundle, load_encoder
from deeptell.models.contract import Encoder, Model
from deeptell.models.ensemble import Ensemble
from deeptell.models.families import build, describe
from deeptell.models.on_encoder import OnEncoder
from deeptell.models.onnx import OnnxEncoder
from deeptell.models.scoring import embed
from deeptell.models.weights import DOWNLOAD, fill, is_here
from deeptell.records import FAKE

MOST, MOST_FACES = 1000, 4000  # samples in a picture, and faces in all of them
BEFORE, AFTER = "before training", "after training"


def projections(bundle: Bundle, store: FaceStore, *, split: str) -> pd.DataFrame:
    """Where samples of a side lie in a model's embedding, as points of a plane.

    Of the side's samples at most `MOST` are taken, of `MOST_FACES` faces, spread over its videos.

    Returns:
        A row for each sample in each picture. `when` ("before training", "after training") and
        `method` ("PCA", "t-SNE") name the picture, `x` and `y` the place in it; `class` ("real",
        "fake"), `manipulation`, `identity` (the person seen) and `compression` are what it may be
        coloured by; `video_key` and `frame_index` say which face is in the sample's middle.

    Raises:
        DataError: the side has too few samples, or the bundle does not say where it started.
        WeightsError: the weights that it started from are gone.
    """
    model = bundle.model
    samples = _spread(store, samples_of(store.index, model.spec), split=split)
    about = _about(store, samples)
    pictures = []
    for when, network in ((BEFORE, untrained(bundle)), (AFTER, model)):
        values = embed(network, samples.rows, samples.lengths, read=store.read)
        for method, points in (("PCA", pca(values)), ("t-SNE", tsne(values))):
            x, y = points.T
            pictures.append(about.assign(when=when, method=method, x=x, y=y))
    return pd.concat(pictures, ignore_index=True)


def untrained(bundle: Bundle) -> Model:
    """The model that the training of a bundle started from, in eval mode.

    Weights that were drawn are drawn again from the run's seed, in the same order; an encoder
    that came trained is as it came.

    Raises:
        DataError: the bundle does not say how it was trained.
        WeightsError, BundleError: the weights or the encoder that it started from are gone.
    """
    config = bundle.training.get("config")
    if not isinstance(config, Mapping) or "seed" not in config:
        raise DataError(
            f"The bundle '{bundle.card.name}' does not say how it was trained, so there is no "
            "picture from before: take a bundle that 'deeptell train' wrote."
        )
    cached = bool(bundle.training.get("embeddings"))
    start = _start(bundle.model, config, cached=cached)
    start.spec = bundle.model.spec
    return start.eval()


def _start(model: Model, config: Mapping[str, Any], *, cached: bool) -> Model:
    if isinstance(model, Ensemble):  # each member began like the others
        members = [
            _start(member, config, cached=cached)
            for member in model.members
            if isinstance(member, Model)
        ]
        return build("ensemble", {**model.options, "members": members})
    made = describe(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config["seed"])
        # The encoder is made in any case, as it was then: what is drawn later depends on it.
        start = build(made["family"], made["options"])
    if not (isinstance(start, OnEncoder) and isinstance(model, OnEncoder)):
        _fill(start, config["weights"])
    elif (came := _encoder(model, config, cached=cached)) is not None:
        start.encoder = came
    else:
        _fill(start.encoder, config["weights"])
    return start


def _fill(network: Encoder, weights: str) -> None:
    if weights == DOWNLOAD and not is_here(network):
        raise WeightsError(
            "The weights that it started from are not in this machine's cache, and measuring "
            "fetches nothing: 'deeptell embed ... --weights download' does."
        )
    fill(network, weights)


def _encoder(model: OnEncoder, config: Mapping[str, Any], *, cached: bool) -> Encoder | None:
    """The encoder that came trained; None where it was made for this run."""
    if cached or isinstance(model.encoder, OnnxEncoder):  # nothing of it was trained
        return model.encoder
    folder = Path(config["encoder"])
    return load_encoder(folder).network if folder.is_dir() else None


def _spread(store: FaceStore, samples: Samples, *, split: str) -> Samples:
    wanted = store.videos.loc[store.videos["split"] == split, "video_key"]
    chosen = np.flatnonzero(keys_of(store.index, samples.middle).isin(wanted))
    count = min(MOST, MOST_FACES // samples.rows.shape[1])
    return samples[spread(chosen, count=count)]


def _about(store: FaceStore, samples: Samples) -> pd.DataFrame:
    """What each sample shows; see `projections`."""
    keys = keys_of(store.index, samples.middle)
    videos = store.videos.set_index("video_key").loc[keys]
    return pd.DataFrame(
        {
            "video_key": keys,
            "frame_index": store.index["frame_index"].to_numpy()[samples.middle],
            "class": np.where(videos["label"] == FAKE, "fake", "real"),
            "manipulation": videos["method"].to_numpy(),
            "identity": videos["target_id"].to_numpy(),
            "compression": videos["compression"].to_numpy(),
        }
    )
