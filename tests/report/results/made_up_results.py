"""Made-up results of four models: one of everything that a results page can show."""

import math
from dataclasses import replace
from functools import cache

import drawn_people
import numpy as np

from deeptell.evaluation.metrics import FIGURES, measure
from deeptell.figures import Difference, FewFrames, Measurement
from deeptell.records import Calibration, OperatingPoint
from deeptell.report.results.records import (
    Chosen,
    Corrupted,
    CrossTable,
    Epoch,
    Extracted,
    HardFace,
    Measured,
    NotScored,
    Projection,
    Results,
    Robustness,
    VideoScores,
)

DATA = "generated people, c23, test side"
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
# Name, note, level, how far apart the classes are.
MODELS = (
    ("efficientnet_b0", "Frame model; ImageNet weights, all layers trained.", "frame", 3.2),
    ("r3d_18", "Clip model; Kinetics-400 weights.", "clip", 2.2),
    ("bilstm", "Recurrent head on features of efficientnet_b0.", "frame", 2.7),
    ("triplets, semi-hard, then sgd", "Metric learning on frozen FaceNet.", "frame", 1.1),
)
CORRUPTIONS = ("jpeg", "h264", "downscale", "blur", "noise", "colour_cast")
SETTINGS = (("detector", "mtcnn", True), ("detector", "packaged", False),
            ("margin", "1.3 of the box", True), ("margin", "1.8 of the box", False),
            ("alignment", "eyes", False))  # fmt: skip
BANDS = {
    "compression": ("c23", "c40"),
    "face size": ("under 48 px", "48 to 96 px", "96 to 192 px", "192 px and more"),
    "quality": ("lowest third", "middle third", "highest third"),
}


def video_scores(*, groups=12, apart=2.0, seed=0, ranks=True):
    """One real and four fakes of each group, as many times over as there are groups."""
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1, 1, 1, 1], groups)
    names = np.repeat([f"{i:03d}" for i in range(groups)], 5)
    shared = np.repeat(rng.normal(0, 0.6, groups), 5)
    logits = apart * (labels - 0.5) * 2 * 0.8 + shared + rng.normal(0, 1.2, 5 * groups)
    keys = [f"{name}/{kind}" for name, kind in zip(names, ("real", *METHODS) * groups, strict=True)]
    return VideoScores(
        keys=tuple(keys),
        labels=tuple(labels.tolist()),
        groups=tuple(names.tolist()),
        fake_probability=tuple((1 / (1 + np.exp(-logits))).tolist()),
        distance_rank=tuple(rng.beta(2, 1.4, 5 * groups).tolist()) if ranks else (),
    )


def measurement(
    value, *, metric="auc", level="video", by="all", subset="all", groups=12, data=DATA
):
    """A figure with a made-up interval; a count has none."""
    spread = 0.0 if value > 1 else 0.05
    low = max(0.0, value - 1.2 * spread) if spread else math.nan
    high = min(1.0, value + 0.7 * spread) if spread else math.nan
    return Measurement(data, by, subset, level, metric, value, low, high, 5 * groups, groups)


def measurements(scores, threshold, *, level="frame", groups=12):
    """Every figure of all videos as it is; the others are a little off."""
    whole = measure(scores.labels, scores.fake_probability, threshold=threshold)
    rows = []
    places = [("all", "all")] + [("manipulation", name) for name in METHODS]
    places += [(by, subset) for by, names in BANDS.items() for subset in names]
    for rank, where in enumerate((level, "track", "video")):
        for i, (by, subset) in enumerate(places):
            off = 0.01 * (i % 5) + 0.02 * (2 - rank)
            for metric in FIGURES:
                value = getattr(whole, metric)
                value = value if value > 1 else max(0.0, value - off * (value > 0))
                rows.append(
                    measurement(
                        value, metric=metric, level=where, by=by, subset=subset, groups=groups
                    )
                )
    return tuple(rows)


def epochs(n=12):
    return tuple(
        Epoch(i, 0.7 * math.exp(-i / 4), 0.3 + 0.4 * math.exp(-i / 3) + 0.006 * i) for i in range(n)
    )


def projection(*, n=120, seed=0, identities=24, method="t-SNE"):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 5 > 0
    after = rng.normal(0, 1, (n, 2)) + 4 * labels[:, None] * [1, 0.4]
    methods = [("", *METHODS)[i % 5] for i in range(n)]
    return Projection(
        method=method,
        before=tuple(map(tuple, rng.normal(0, 3, (n, 2)).tolist())),
        after=tuple(map(tuple, after.tolist())),
        labels=tuple(labels.astype(int).tolist()),
        manipulations=tuple(methods),
        identities=tuple(f"{i % identities:03d}" for i in range(n)),
        compressions=tuple(("c23", "c40")[i // 5 % 2] for i in range(n)),
    )


def robustness(auc):
    points = [Corrupted("none", 0, measurement(auc), 1.0)]
    for i, name in enumerate(CORRUPTIONS):
        for severity in range(1, 6):
            worse = max(0.4, auc - 0.015 * severity * (i + 1))
            points.append(Corrupted(name, severity, measurement(worse), 1 - 0.01 * severity))
    drops = tuple(
        (name, measurement(0.08 * (i + 1), metric="mean_relative_drop"))
        for i, name in enumerate(CORRUPTIONS)
    )
    return Robustness(tuple(points), measurement(0.243, metric="mean_relative_drop"), drops)


def extractions(auc):
    rows = []
    for i, (setting, value, own) in enumerate(SETTINGS):
        difference = Difference(
            value, "its own", "extraction", DATA, "auc", -0.02 * i, -0.05, 0.01, 12
        )
        rows.append(
            Extracted(
                setting=setting,
                value=value,
                own=own,
                auc=measurement(auc - 0.02 * i),
                accuracy=measurement(auc - 0.1 - 0.03 * i, metric="accuracy"),
                auc_difference=difference,
                accuracy_difference=replace(difference, metric="accuracy", value=-0.03 * i),
                coverage=1 - 0.02 * i,
            )
        )
    return tuple(rows)


def few_frames(auc):
    return tuple(
        FewFrames(
            n, measurement(auc - 0.1 / n), measurement(auc - 0.12 - 0.1 / n, metric="accuracy")
        )
        for n in (1, 3, 5, 10, 25)
    )


@cache
def face(seed, size=160):
    return drawn_people.jpeg(drawn_people.draw_face(seed, size=size))


def hard_faces(scores, label, n=5):
    order = np.argsort(scores.fake_probability)
    rows = [i for i in (order if label else order[::-1]) if scores.labels[i] == label][:n]
    return tuple(
        HardFace(face(int(i)), scores.keys[i], label, scores.fake_probability[i],
                 scores.keys[i].split("/")[1] if label else "")
        for i in rows
    )  # fmt: skip


def model(name, note, level, apart, *, groups=12, seed=0):
    """A model of which everything was measured."""
    scores = video_scores(groups=groups, apart=apart, seed=seed)
    rows = measurements(scores, 0.64, level=level, groups=groups)
    auc = next(r.value for r in rows if (r.level, r.subset, r.metric) == ("video", "all", "auc"))
    missed = (NotScored("x/017", "No face was found."), NotScored("x/018", "No face was found."),
              NotScored("x/031", "no track holds 16 consecutive faces"))  # fmt: skip
    return Measured(
        name=name,
        note=note,
        data=DATA,
        level=level,
        measurements=rows,
        scores=scores,
        chosen=Chosen(
            threshold=0.64,
            threshold_from="validation: at most 5 % of 24 real videos reach it",
            calibration=Calibration("temperature", scale=0.8),
            calibration_from="fitted on 120 validation videos of 24 groups",
            epoch=8,
            epoch_from="of 12, the lowest validation loss",
        ),
        videos=5 * groups + len(missed),
        not_scored=missed,
        operating_points=(
            OperatingPoint("flag", 0.64, 1 / 24, 91 / 96, 24, 96),
            OperatingPoint("clear", 0.33, 4 / 24, 93 / 96, 24, 96),
        ),
        shifts=(measurement(0.71, data="the same videos at c40"),
                measurement(0.93, data="real clips of other cameras")),
        few_frames=few_frames(auc),
        epochs=epochs(),
        projections=(projection(seed=seed), projection(seed=seed + 50, method="PCA")),
        robustness=robustness(auc),
        extractions=extractions(auc),
        false_alarms=hard_faces(scores, 0),
        misses=hard_faces(scores, 1),
    )  # fmt: skip


def cross_table():
    names = METHODS[:3]
    cells = [
        (f"all but {row}", column, measurement(0.93 if row != column else 0.66 + 0.05 * i))
        for i, row in enumerate(names)
        for column in METHODS
    ]
    seen = tuple((f"all but {row}", c) for row in names for c in METHODS if c != row)
    return CrossTable("AUC of videos by manipulation left out", "Trained on", "Tested on",
                      tuple(cells), seen)  # fmt: skip


def differences():
    first, second, third, fourth = (name for name, *_ in MODELS)
    return (
        Difference(first, second, "comparison", DATA, "auc", 0.043, 0.005, 0.081, 12, 0.021, 0.063),
        Difference(first, fourth, "comparison", DATA, "auc", 0.21, 0.13, 0.3, 12, 2e-5, 1e-4),
        Difference(third, second, "comparison", DATA, "balanced_accuracy", 0.02, -0.03, 0.07, 12,
                   0.4, 0.8),
        Difference(third, fourth, "comparison", DATA, "balanced_accuracy", 0.12, 0.06, 0.2, 12),
    )  # fmt: skip


@cache
def everything(*, groups=12, models=4):
    """Results that fill every section."""
    return Results(
        title="Four families on generated people",
        about=(
            "Generated people who do not exist, 12 pairs for testing, seen in none of the "
            "training.",
        ),
        statement="Nothing was chosen on these videos: weights, calibration and threshold come "
        "from training and validation videos, which share no source group with them.",
        models=tuple(
            model(*given, groups=groups, seed=i) for i, given in enumerate(MODELS[:models])
        ),
        differences=differences(),
        cross_tables=(cross_table(),),
        protocol="cross_manipulation",
        protocol_hash="5f2b" * 16,
        warnings=("2 pairs of near copies stand on both sides of the published split.",),
    )


@cache
def sparse():
    """One model of which only scores are known: what a file of scores gives."""
    scores = video_scores(groups=40, ranks=False)
    return Results(
        title="scores.csv",
        about=("Scores of another tool.",),
        statement="What was chosen on these videos is not known.",
        models=(
            Measured("other", "", DATA, "video", measurements(scores, 0.5, level="frame"), scores,
                     Chosen(0.5, "one half"), 200),
        ),
    )  # fmt: skip
