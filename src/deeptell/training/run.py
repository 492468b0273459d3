"""From a store and a configuration to a bundle.

Nothing here can see a test set: only the videos of the splits "train" and "val" are read, and the
epoch, the thresholds and the error rates in the bundle come from the validation people. What of a
test set stands in those two as well, by group, person, bytes or look, is refused, or with
`as_published` told of in the bundle. The bundle carries a mark of each video of those two, so that
one that is called a test video elsewhere is known again.
"""

import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from deeptell.config import TrainConfig
from deeptell.data.embeddings import ENCODER, Embeddings
from deeptell.data.fingerprints import marks_of
from deeptell.data.leaks import check_leaks, leak_counts
from deeptell.data.manifest import COLUMNS
from deeptell.data.samples import Samples, spread
from deeptell.data.scores import score_videos
from deeptell.data.splits import choosing_side, only
from deeptell.errors import ConfigError, DataError
from deeptell.evaluation.calibration import check_groups
from deeptell.faces.store import FaceStore
from deeptell.files import replacing
from deeptell.models.bundle import CARD, Bundle, load_encoder, save_bundle, update_card
from deeptell.models.contract import Head, Model
from deeptell.models.ensemble import Ensemble
from deeptell.models.heads import LINEAR
from deeptell.models.on_encoder import Metric, OnEncoder
from deeptell.models.reference import MOST_SAMPLES, Reference, embed_features
from deeptell.models.scoring import Read, embed, score, score_features
from deeptell.records import FAKE, REAL, BundleCard
from deeptell.training.batches import Material, check_fakes, learnt_from
from deeptell.training.calibrate import AUTO, with_calibration
from deeptell.training.classifiers import fit_classifier, fit_linear
from deeptell.training.epochs import chosen_epochs
from deeptell.training.fit import fit, precision_of
from deeptell.training.folder import claim
from deeptell.training.losses import metric_loss
from deeptell.training.networks import hold, network_of
from deeptell.training.tasks import Objective, balanced_log_loss

CROSS_ENTROPY = "cross_entropy"
SHORT_TRACKS = "short_tracks.csv"
AT_ONCE = 4096  # samples whose embeddings are held in memory
LOOKED_AT = 512  # training samples from which it is told whether a model learnt anything

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Run:
    """What the steps of one run share."""

    folder: Path
    config: TrainConfig
    store: FaceStore
    embeddings: Embeddings | None
    trained: pd.DataFrame
    validated: pd.DataFrame
    leaks: pd.DataFrame
    progress: Progress | None


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
    videos = usable(store)
    leaks = check_leaks(videos, as_published=config.as_published)
    chosen = only(videos, methods=config.methods, compressions=config.compressions)
    trained, validated = choosing_side(chosen, "train"), choosing_side(chosen, "val")
    if embeddings is not None:
        embeddings.check(store=store)
    this = _Run(run, config, store, embeddings, trained, validated, leaks, progress)
    model, record = _new_model(this)
    material = _material(this, model)
    trained = learnt_from(material.without_short(trained), config.fakes)
    this = replace(this, trained=trained, validated=material.without_short(validated))
    if config.calibration != AUTO:  # what cannot work is said before the training, not after it
        validated = this.validated
        check_groups(validated["label"], validated["group"], method=config.calibration)
    precision = precision_of(config.precision, _learnt(this, model))
    claim(run, config=config, store=store, embeddings=embeddings, precision=precision)
    _name_short_tracks(this, material)
    if config.chunks:
        members = [
            _trained(replace(this, folder=run / f"chunk-{number}", trained=chunk))
            for number, chunk in enumerate(balanced_chunks(trained, seed=config.seed))
        ]
        model = Ensemble(members=members, vote=config.vote, shared=embeddings is not None)
    else:
        model = _trained(this)
    provenance = _provenance(this, model, material, record) | _choices(this)
    made = Bundle(model, _card(this, model), provenance)
    return _validated(this, save_bundle(run / "bundle", made))


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


def _new_model(this: _Run) -> tuple[Model, str | None]:
    L.seed_everything(this.config.seed, workers=True, verbose=False)
    encoder = None
    if this.embeddings is not None:
        packed = load_encoder(this.embeddings.path / ENCODER)
        this.embeddings.check(encoder=packed.sha256)
        encoder = packed.network
    return network_of(this.config, encoder=encoder)


def _material(this: _Run, model: Model) -> Material:
    videos = pd.concat([this.trained, this.validated])
    return Material(this.store, videos, model.spec, this.embeddings)


def _trained(this: _Run) -> Model:
    """A model trained on the videos of a run, or of one chunk of it."""
    config = this.config
    model, _ = _new_model(this)
    material = _material(this, model)
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


def _learnt(this: _Run, model: Model) -> Model | Head:
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


def _fit_classifier(this: _Run, model: Metric, material: Material) -> None:
    """Fit the classifier on the embeddings of the training samples, after the metric loss."""
    per_video = None if this.embeddings is not None else this.config.frames_per_video
    parts = list(material.parts(this.trained, this.config.fakes, per_video=per_video))
    embeddings = np.concatenate(
        [_embedded(this, model, material.samples[one.numbers], read=one.read) for one in parts]
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


def _embedded(
    this: _Run, model: Model, samples: Samples, *, read: Read | None = None
) -> NDArray[np.float32]:
    if this.embeddings is not None and isinstance(model, OnEncoder | Ensemble):
        return embed_features(model, this.embeddings.values, samples.rows, samples.lengths)
    return embed(model, samples.rows, samples.lengths, read=read or this.store.read)


def _scored(
    this: _Run, model: Model, samples: Samples, *, read: Read | None = None
) -> NDArray[np.float64]:
    if this.embeddings is not None and isinstance(model, OnEncoder | Ensemble):
        return score_features(model, this.embeddings.values, samples.rows, samples.lengths)
    return score(model, samples.rows, samples.lengths, read=read or this.store.read)


def _name_short_tracks(this: _Run, material: Material) -> None:
    """List in `run/short_tracks.csv` the videos with tracks that are too short for a sample."""
    short = material.short_tracks
    if len(short):
        with replacing(this.folder / SHORT_TRACKS) as temporary:
            short.rename_axis("video_key").rename("tracks").to_csv(temporary)


def _card(this: _Run, model: Model) -> BundleCard:
    statement = this.config.statement or _statement(this)
    return BundleCard(
        name=this.config.model,
        sha256="",
        architecture=_architecture(this.config, model),
        statement=f"{statement}{_warning(this)}",
        operating_points=(),
        measurements=(),
    )


def _statement(this: _Run) -> str:
    reals, fakes = _counts(this)
    of = f"videos of {', '.join(sorted(this.trained['dataset'].unique()))}"
    if this.config.fakes == "self_blended":
        return (
            f"Trained on {reals} real {of} and on self-blends of their faces: no manipulated video "
            "decided weights or epoch, only calibration and thresholds."
        )
    also = ", and on self-blends of the real faces" if this.config.fakes == "both" else ""
    return f"Trained on {reals} real and {fakes} manipulated {of}{also}."


def _counts(this: _Run) -> tuple[int, int]:
    """Real and manipulated videos that were learnt from."""
    fakes = int((this.trained["label"] == FAKE).sum())
    return len(this.trained) - fakes, fakes


def _warning(this: _Run) -> str:
    """What whoever reads the bundle must know of a published test set, or ""."""
    leaks = int(this.leaks["leak"].sum())
    if not leaks:
        return ""
    return (
        f" Its test set, as published, leaks into training ({leaks} groups, people or copies): "
        "figures on that set say little about new people."
    )


def _architecture(config: TrainConfig, model: Model) -> str:
    spec = model.spec
    faces = "one face at a time"
    if spec.frames > 1:
        faces = f"{spec.frames} consecutive faces" if spec.consecutive else "faces in order"
    many = f", {len(model.members)} models that vote" if isinstance(model, Ensemble) else ""
    return f"{config.model} at {spec.size} px, {faces}{many}"


def _provenance(this: _Run, model: Model, material: Material, record: str | None) -> dict[str, Any]:
    """What it was made from, and whether it learnt anything: `train_loss` near 0.69 is chance."""
    reals, fakes = _counts(this)
    return {
        "config": this.config.model_dump(mode="json"),
        "store": this.store.fingerprint,
        "embeddings": asdict(this.embeddings.origin) if this.embeddings else None,
        "weights": record,
        "real_videos": reals,
        "fake_videos": fakes,
        "leaks": leak_counts(this.leaks),
        "short_tracks": int(material.short_tracks.sum()),
        "train_loss": _training_loss(this, model, material),
        "python": platform.python_version(),
    }


def _choices(this: _Run) -> dict[str, Any]:
    """Which epochs were kept, and marks of the videos that decided it or were learnt from."""
    used = pd.concat([this.trained, this.validated])["video_key"]
    seen = {*marks_of(this.store, used).values(), *_inherited(this.config)}
    return {"epochs": chosen_epochs(this.folder), "seen": " ".join(sorted(seen))}


def _inherited(config: TrainConfig) -> set[str]:
    """Marks of the videos that the bundles saw which this model starts from, or stands on."""
    cards = [Path(name) / CARD for name in (config.weights, config.encoder)]
    held = [json.loads(path.read_text(encoding="utf-8")) for path in cards if path.is_file()]
    return {mark for one in held for mark in one.get("training", {}).get("seen", "").split()}


def _training_loss(this: _Run, model: Model, material: Material) -> float:
    """Balanced log-loss on training samples, as they are, after the shift that suits it best.

    Without the shift, a classifier that keeps to the shares of the training set would seem to know
    less than it does.
    """
    rng = np.random.default_rng(this.config.seed)
    answers, truths = [], []
    for part in material.parts(this.trained, this.config.fakes):
        for label in np.unique(part.labels):
            chosen = rng.permutation(part.numbers[part.labels == label])[: LOOKED_AT // 2]
            answers.append(_scored(this, model, material.samples[chosen], read=part.read))
            truths.append(np.full(len(chosen), label))
    logits = torch.from_numpy(np.concatenate(answers))
    labels = torch.from_numpy(np.concatenate(truths))
    found = minimize_scalar(
        lambda shift: float(balanced_log_loss(logits - shift, labels.double())),
        bounds=(float(logits.min()), float(logits.max()) + 1e-6),
        method="bounded",
    )
    return round(float(found.fun), 6)  # beyond that it is the order in which floats were added


def _validated(this: _Run, bundle: Bundle) -> Bundle:
    """Measure what validation decides, with the weights as they were saved, on every sample."""
    material = _material(this, bundle.model)
    frames = score_videos(
        this.store,
        this.validated,
        material.samples,
        lambda samples: _scored(this, bundle.model, samples),
    )
    bundle = with_calibration(bundle, frames, method=this.config.calibration)
    reference = _reference(this, bundle.model, material)
    card = replace(bundle.card, reference_videos=len(set(frames.videos)))
    measured = replace(bundle, card=card, reference=reference)
    update_card(this.folder / "bundle", measured)
    return measured


def _reference(this: _Run, model: Model, material: Material) -> Reference:
    """How far the training data reach, and how far from them the validation videos are.

    A video is as far as the farthest of its tracks, and a track as the mean of its samples: the
    rule by which logits are pooled.
    """
    per_video = max(1, MOST_SAMPLES // len(this.trained))
    learnt = [
        _embedded(
            this,
            model,
            material.samples[spread(one.numbers, count=MOST_SAMPLES)],
            read=one.read,
        )
        for one in material.parts(this.trained, this.config.fakes, per_video=per_video)
    ]
    reference = Reference.fit(np.concatenate(learnt))

    def far(samples: Samples) -> NDArray[np.float64]:
        parts = [samples[start : start + AT_ONCE] for start in range(0, len(samples), AT_ONCE)]
        return np.concatenate([reference.distances(_embedded(this, model, part)) for part in parts])

    frames = score_videos(this.store, this.validated, material.samples, far)
    return reference.ranked(frames.pooled().logits)
