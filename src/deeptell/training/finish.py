"""A trained model becomes a bundle: what it says of itself, and what validation decides."""

import platform
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from deeptell.config import TrainConfig
from deeptell.data.embeddings import ENCODER
from deeptell.data.fingerprints import marks_of
from deeptell.data.leaks import leak_counts
from deeptell.data.samples import Samples, spread
from deeptell.data.scores import score_videos
from deeptell.models.bundle import Bundle, marks_seen, save_bundle, update_card
from deeptell.models.contract import Model
from deeptell.models.ensemble import Ensemble
from deeptell.models.reference import MOST_SAMPLES, Reference
from deeptell.records import FAKE, BundleCard
from deeptell.training.batches import Material
from deeptell.training.calibrate import pictures_of, with_calibration
from deeptell.training.epochs import chosen_epochs
from deeptell.training.networks import inherited
from deeptell.training.steps import Run
from deeptell.training.tasks import balanced_log_loss

AT_ONCE = 4096  # samples whose embeddings are held in memory
LOOKED_AT = 512  # training samples from which it is told whether a model learnt anything


def finish(this: Run, model: Model, material: Material, *, weights: str | None) -> Bundle:
    """Write `bundle` into the run's folder, and measure in it what validation decides.

    Args:
        material: of all videos of "train" and "val", also of those whose tracks are too short.
        weights: where those came from that training started with; None where it had none.
    """
    provenance = _provenance(this, model, material, weights) | _choices(this)
    made = Bundle(model, _card(this, model), provenance)
    return _validated(this, save_bundle(this.folder / "bundle", made), material)


def _card(this: Run, model: Model) -> BundleCard:
    statement = this.config.statement or _statement(this)
    return BundleCard(
        name=this.config.model,
        sha256="",
        architecture=_architecture(this.config, model),
        statement=f"{statement}{_warning(this)}",
        operating_points=(),
        measurements=(),
    )


def _statement(this: Run) -> str:
    reals, fakes = _counts(this)
    of = f"videos of {', '.join(sorted(this.trained['dataset'].unique()))}"
    if this.config.fakes == "self_blended":
        return (
            f"Trained on {reals} real {of} and on self-blends of their faces: no manipulated video "
            "decided weights or epoch, only calibration and thresholds."
        )
    also = ", and on self-blends of the real faces" if this.config.fakes == "both" else ""
    return f"Trained on {reals} real and {fakes} manipulated {of}{also}."


def _counts(this: Run) -> tuple[int, int]:
    """Real and manipulated videos that were learnt from."""
    fakes = int((this.trained["label"] == FAKE).sum())
    return len(this.trained) - fakes, fakes


def _warning(this: Run) -> str:
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


def _provenance(this: Run, model: Model, material: Material, weights: str | None) -> dict[str, Any]:
    """What it was made from, and whether it learnt anything: `train_loss` near 0.69 is chance."""
    reals, fakes = _counts(this)
    return {
        "config": this.config.model_dump(mode="json"),
        "store": this.store.fingerprint,
        "embeddings": asdict(this.embeddings.origin) if this.embeddings else None,
        "weights": weights,
        "real_videos": reals,
        "fake_videos": fakes,
        "leaks": leak_counts(this.leaks),
        "short_tracks": int(material.short_tracks.sum()),
        "train_loss": _training_loss(this, model, material),
        "python": platform.python_version(),
    }


def _choices(this: Run) -> dict[str, Any]:
    """Which epochs were kept, and marks of the videos that decided it or were learnt from."""
    used = pd.concat([this.trained, this.validated])["video_key"]
    seen = set(" ".join(marks_of(this.store, used).values()).split()) | inherited(this.config)
    if this.embeddings is not None:
        seen |= marks_seen(this.embeddings.path / ENCODER)
    return {"epochs": chosen_epochs(this.folder), "seen": " ".join(sorted(seen))}


def _training_loss(this: Run, model: Model, material: Material) -> float:
    """Balanced log-loss on training samples, as they are, after the shift that suits it best.

    Without the shift, a classifier that keeps to the shares of the training set would seem to know
    less than it does.
    """
    rng = np.random.default_rng(this.config.seed)
    answers, truths = [], []
    for part in material.parts(this.trained, this.config.fakes):
        for label in np.unique(part.labels):
            chosen = rng.permutation(part.numbers[part.labels == label])[: LOOKED_AT // 2]
            answers.append(this.score(model, material.samples[chosen], read=part.read))
            truths.append(np.full(len(chosen), label))
    logits = torch.from_numpy(np.concatenate(answers))
    labels = torch.from_numpy(np.concatenate(truths))
    found = minimize_scalar(
        lambda shift: float(balanced_log_loss(logits - shift, labels.double())),
        bounds=(float(logits.min()), float(logits.max()) + 1e-6),
        method="bounded",
    )
    return round(float(found.fun), 6)  # beyond that it is the order in which floats were added


def _validated(this: Run, bundle: Bundle, material: Material) -> Bundle:
    """Measure what validation decides, with the weights as they were saved, on every sample."""
    frames = score_videos(
        this.store,
        this.validated,
        material.samples,
        lambda samples: this.score(bundle.model, samples),
    )
    bundle = with_calibration(
        bundle, frames, method=this.config.calibration, pictures=pictures_of(this.store)
    )
    reference = _reference(this, bundle.model, material)
    card = replace(bundle.card, reference_videos=len(set(frames.videos)))
    measured = replace(bundle, card=card, reference=reference)
    update_card(this.folder / "bundle", measured)
    return measured


def _reference(this: Run, model: Model, material: Material) -> Reference:
    """How far the training data reach, and how far from them the validation videos are.

    A video is as far as the farthest of its tracks, and a track as the mean of its samples: the
    rule by which logits are pooled.
    """
    per_video = max(1, MOST_SAMPLES // len(this.trained))
    learnt = [
        this.embed(
            model,
            material.samples[spread(one.numbers, count=MOST_SAMPLES)],
            read=one.read,
        )
        for one in material.parts(this.trained, this.config.fakes, per_video=per_video)
    ]
    reference = Reference.fit(np.concatenate(learnt))

    def far(samples: Samples) -> NDArray[np.float64]:
        parts = [samples[start : start + AT_ONCE] for start in range(0, len(samples), AT_ONCE)]
        return np.concatenate([reference.distances(this.embed(model, part)) for part in parts])

    frames = score_videos(this.store, this.validated, material.samples, far)
    return reference.ranked(frames.pooled().logits)
