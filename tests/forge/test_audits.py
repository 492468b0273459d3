"""What the generated material promises: faces a detector finds, forgeries no shortcut finds."""

from functools import partial

import numpy as np
import pytest

from deeptell.config import ExtractConfig, SynthConfig
from deeptell.data.samples import samples_of
from deeptell.data.scores import score_videos
from deeptell.data.sources import faceforensics
from deeptell.evaluation.evaluate import scorer_of
from deeptell.evaluation.metrics import measure as figures
from deeptell.evaluation.metrics import sigmoid
from deeptell.faces.detect import create_detector
from deeptell.faces.extract import extract
from deeptell.faces.store import FaceStore
from deeptell.files import default_bundle
from deeptell.forge.benchmark import write_pair, write_splits
from deeptell.forge.clip import draw_frame, make_clip
from deeptell.forge.manipulations import MANIPULATIONS
from deeptell.forge.plan import plan, spread
from deeptell.forge.shortcuts import held_out_auc, measure
from deeptell.media.decode import open_video
from deeptell.models.bundle import load_bundle

CONFIG = SynthConfig(
    pairs={"train": 20, "val": 0, "test": 20}, seconds=0.4, compressions=("c23",), seed=7
)
FRAMES = (1, 4, 7)


def _found(seeds):
    images = [draw_frame(make_clip(seed, 30), frame) for seed in seeds for frame in (4, 24)]
    faces = create_detector("mtcnn").detect(images, min_face=20)
    return np.mean([bool(f) and f[0].score >= 0.9 for f in faces])


def test_mtcnn_finds_the_faces_of_some_people():
    assert _found(range(500, 515)) >= 0.9  # of 30 frames


@pytest.mark.slow
def test_mtcnn_finds_the_faces_of_many_people():
    assert _found(range(600, 720)) >= 0.98


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A benchmark of 40 pairs whom no packaged detector has seen: another seed than the demo's."""
    root = tmp_path_factory.mktemp("audit")
    spread(partial(write_pair, root, CONFIG), plan(CONFIG), jobs=2, progress=None)
    write_splits(root, plan(CONFIG))
    return root


@pytest.fixture(scope="module")
def measured(root):
    """(method, held out, features) of every video; boxes as found in the target's own clip."""
    detector, rows = create_detector("mtcnn"), []
    for pair in plan(CONFIG):
        for target, source in pair.directions:
            path = root / f"original_sequences/youtube/c23/videos/{target:03d}.mp4"
            faces = detector.detect(_frames(path), min_face=20)
            boxes = [found[0].box_xyxy if found else None for found in faces]
            paths = {None: path} | {
                method: root / f"manipulated_sequences/{method}/c23/videos"
                f"/{target:03d}_{source:03d}.mp4"
                for method in MANIPULATIONS
            }
            for method, video in paths.items():
                features = measure(
                    zip(_frames(video), boxes, strict=True),
                    file_bytes=video.stat().st_size,
                    seconds=CONFIG.seconds,
                )
                if features is not None:
                    rows.append((method, pair.split == "test", features))
    return rows


def _frames(path):
    with open_video(path) as video:
        images = [frame.image for frame in video]
    return [images[k] for k in FRAMES]


def _both_ways(rows, kind):
    """The mean of fitting on one half of the people and scoring the other, and the reverse."""
    fake = np.array([method is not None for method, _, _ in rows])
    half = np.array([held_out for _, held_out, _ in rows])
    features = np.stack([getattr(found, kind) for _, _, found in rows])
    return (held_out_auc(features, fake, half) + held_out_auc(features, fake, ~half)) / 2


@pytest.mark.slow
def test_the_file_and_the_scene_say_nothing(measured):
    assert _both_ways(measured, "scene") < 0.60


@pytest.mark.slow
@pytest.mark.parametrize("method", MANIPULATIONS)
def test_global_statistics_of_the_face_say_little(measured, method):
    rows = [row for row in measured if row[0] in (None, method)]
    assert _both_ways(rows, "face") <= 0.80


@pytest.fixture(scope="module")
def scored(root, tmp_path_factory):
    """What the packaged detector says of the test people."""
    videos = faceforensics.index(root)
    videos = videos.loc[videos["split"] == "test"]
    faces = tmp_path_factory.mktemp("faces") / "store"
    extract(videos, faces, config=ExtractConfig(frames=6), root=root, jobs=2)
    bundle, store = load_bundle(default_bundle()), FaceStore(faces)
    samples = samples_of(store.index, bundle.model.spec)
    return score_videos(store, videos, samples, scorer_of(bundle, store)).pooled()


@pytest.mark.slow
@pytest.mark.parametrize("method", MANIPULATIONS)
def test_the_packaged_detector_is_far_ahead_of_them(measured, scored, method):
    chosen = scored.rows((scored.labels == 0) | (scored.methods == method))
    model = figures(chosen.labels, sigmoid(chosen.logits)).auc
    audit = _both_ways([row for row in measured if row[0] in (None, method)], "face")
    assert model >= audit + 0.10
