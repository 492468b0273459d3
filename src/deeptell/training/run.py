"""From a store and a configuration to a bundle.

Nothing here can see a test set: only the videos of the splits "train" and "val" are read, and the
epoch, the thresholds and the error rates in the bundle come from the validation people. What of a
test set stands in those two as well, by group, person, bytes or look, is refused, or with
`as_published` told of in the bundle. The bundle carries a mark of each video of those two, so that
one that is called a test video elsewhere is known again.
"""

from dataclasses import replace
from pathlib import Path

import lightning as L
import numpy as np
import pandas as pd
import torch

from deeptell.config import TrainConfig
from deeptell.data.embeddings import ENCODER, Embeddings
from deeptell.data.leaks import check_leaks
from deeptell.data.manifest import COLUMNS
from deeptell.data.splits import choosing_side, only
from deeptell.errors import ConfigError, DataError
from deeptell.evaluation.calibration import check_groups
from deeptell.faces.store import FaceStore
from deeptell.files import replacing
from deeptell.models.bundle import Bundle, load_encoder
from deeptell.models.contract import Head, Model
from deeptell.models.ensemble import Ensemble
from deeptell.models.heads import LINEAR
from deeptell.models.on_encoder import Metric, OnEncoder
from deeptell.progress import Progress
from deeptell.records import FAKE, REAL
from deeptell.training.batches import Material, check_fakes
from deeptell.training.calibrate import AUTO
from deeptell.training.classifiers import fit_classifier, fit_linear
from deeptell.training.finish import finish
from deeptell.training.fit import fit, precision_of
from deeptell.training.folder import claim
from deeptell.training.losses import metric_loss
from deeptell.training.networks import hold, network_of
from deeptell.training.steps import Run
from deeptell.training.tasks import Objective

CROSS_ENTROPY = "cross_entropy"
SHORT_TRACKS = "short_tracks.csv"


def train(
    store: FaceStore,
    run: Path,
    *,
    config: TrainConfig,
    embeddings: Embeddings | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """Train one model; write `run/bundle`, `run/run.json` and the training curves.

    Tracks that are too short for the model are left out, counted in the bundle, and named in
    `run/short_tracks.csv`.

    A run that was cut off goes on from its last epoch when it is started again.

    Args:
        store: faces whose videos carry label, split, group and the ids of their people.
        run: the folder of this run.
        embeddings: of that store; the model is then a head on their encoder.
        progress: called with the steps done, and how many there are at most.

    Raises:
        DataError: a class is missing from "train" or "val", or gives no sample that is long
            enough; the embeddings are of another store; the validation videos are too few for the
            calibration that is asked for.
        LeakError: a person, a group or a copy stands on two sides; see `check_leaks`.
        ConfigError: a name is unknown, also of a manipulation or compression in this store, or
            `run` holds a run with other settings or faces.
    """
    check_fakes(config, cached=embeddings is not None)
    this = run_of(store, run, config=config, embeddings=embeddings, progress=progress)
    model, record = _new_model(this)
    material = this.material(model)
    this = this.without_short(material)
    if config.calibration != AUTO:  # what cannot work is said before the training, not after it
        validated = this.validated
        check_groups(validated["label"], validated["group"], method=config.calibration)
    precision = precision_of(config.precision, _learnt(this, model))
    claim(run, config=config, store=store, embeddings=embeddings, precision=precision)
    _name_short_tracks(this, material)
    if config.chunks:
        members = [
            _trained(replace(this, folder=run / f"chunk-{number}", trained=chunk))
            for number, chunk in enumerate(balanced_chunks(this.trained, seed=config.seed))
        ]
        model = Ensemble(members=members, vote=config.vote, shared=embeddings is not None)
    else:
        model = _trained(this)
    return finish(this, model, material, weights=record)


def run_of(
    store: FaceStore,
    folder: Path,
    *,
    config: TrainConfig,
    embeddings: Embeddings | None = None,
    progress: Progress | None = None,
) -> Run:
    """The videos of a store that a configuration asks for, by side; raises as `train`."""
    videos = usable(store)
    leaks = check_leaks(videos, as_published=config.as_published)
    chosen = only(videos, methods=config.methods, compressions=config.compressions)
    trained, validated = choosing_side(chosen, "train"), choosing_side(chosen, "val")
    if embeddings is not None:
        embeddings.check(store=store)
    return Run(folder, config, store, embeddings, trained, validated, leaks, progress)


def usable(store: FaceStore) -> pd.DataFrame:
    """The videos of a store that have at least one stored face."""
    videos = store.videos
    missing = set(COLUMNS) - set(videos.columns)
    if missing:
        raise DataError(
            f"The store {store.path} does not say the {min(missing)} of its videos; "
            "extract it from a manifest made by 'deeptell index'."
        )
    seen = store.index["video_key"].cat.remove_unused_categories().cat.categories
    return videos.loc[videos["video_key"].isin(seen)]


def balanced_chunks(videos: pd.DataFrame, *, seed: int) -> list[pd.DataFrame]:
    """Split into chunks of all reals and an equal share of the fakes each.

    As in the reference system (FACTS A.6: seven chunks for Celeb-DF's 5,299 fakes and 712 reals),
    which dropped the fakes left over; here they are shared out.
    """
    reals, fakes = (videos.loc[videos["label"] == label] for label in (REAL, FAKE))
    count = max(1, len(fakes) // len(reals))
    order = np.random.default_rng(seed).permutation(len(fakes))
    return [pd.concat([reals, fakes.iloc[np.sort(part)]]) for part in np.array_split(order, count)]


def _new_model(this: Run) -> tuple[Model, str | None]:
    L.seed_everything(this.config.seed, workers=True, verbose=False)
    encoder = None
    if this.embeddings is not None:
        packed = load_encoder(this.embeddings.path / ENCODER)
        this.embeddings.check(encoder=packed.sha256)
        encoder = packed.network
    return network_of(this.config, encoder=encoder)


def _trained(this: Run) -> Model:
    """A model trained on the videos of a run, or of one chunk of it."""
    config = this.config
    model, _ = _new_model(this)
    material = this.material(model)
    network = _learnt(this, model)
    still = hold(model, config) if this.embeddings is None else None
    objective = _objective(config, model, this.trained)
    if objective is not None and any(p.requires_grad for p in network.parameters()):
        fit(
            network,
            material.loaders(this.trained, this.validated, config),
            this.folder,
            objective=objective,
            config=config,
            still=still,
            progress=this.progress,
        )
    model.eval()
    if isinstance(model, Metric) and (objective is None or not objective.cross_entropy):
        _fit_classifier(this, model, material)
    return model


def _learnt(this: Run, model: Model) -> Model | Head:
    """What is trained: of a model on cached embeddings, its head."""
    return model.head if isinstance(model, OnEncoder) and this.embeddings else model


def _objective(config: TrainConfig, model: Model, videos: pd.DataFrame) -> Objective | None:
    """None for a model that has nothing to learn by gradient."""
    counts = videos["label"].value_counts()
    weight = float(counts[REAL] / counts[FAKE]) if config.class_weight else 1.0
    classic = isinstance(model, Metric) and model.options["classifier"] != LINEAR
    if config.loss == CROSS_ENTROPY:
        if classic and model.options["widths"]:
            raise ConfigError(
                f"The head below '{model.options['classifier']}' is trained by a metric loss: set "
                "'loss', for instance to triplet."
            )
        return None if classic else Objective(None, 1.0, weight)
    metric = metric_loss(
        config.loss, mining=config.mining, margin=config.loss_margin, distance=config.distance
    )
    if not isinstance(model, Metric) and not config.cross_entropy:
        raise ConfigError(
            f"The loss '{config.loss}' alone trains no classifier for '{config.model}': set "
            "'cross_entropy' above 0, or take the model 'metric'."
        )
    return Objective(metric, 0.0 if classic else config.cross_entropy, weight)


def _fit_classifier(this: Run, model: Metric, material: Material) -> None:
    """Fit the classifier on the embeddings of the training samples, after the metric loss."""
    per_video = None if this.embeddings is not None else this.config.frames_per_video
    parts = list(material.parts(this.trained, this.config.fakes, per_video=per_video))
    embeddings = np.concatenate(
        [this.embed(model, material.samples[one.numbers], read=one.read) for one in parts]
    )
    labels = np.concatenate([one.labels for one in parts])
    groups = np.concatenate([material.groups[one.numbers] for one in parts])
    name, seed = str(model.options["classifier"]), this.config.seed
    if name == LINEAR:
        weight, bias = fit_linear(embeddings, labels, seed=seed)
        linear = model.head.classifier
        assert isinstance(linear, torch.nn.Linear)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(np.asarray(weight)).reshape(1, -1))
            linear.bias.fill_(float(bias))
    else:
        model.head.classifier = fit_classifier(
            name, embeddings, labels, groups, seed=seed, balanced=this.config.class_weight
        )


def _name_short_tracks(this: Run, material: Material) -> None:
    """List in `run/short_tracks.csv` the videos with tracks that are too short for a sample."""
    short = material.short_tracks
    if len(short):
        with replacing(this.folder / SHORT_TRACKS) as temporary:
            short.rename_axis("video_key").rename("tracks").to_csv(temporary)
