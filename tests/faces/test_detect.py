"""Detectors on generated people, against facenet-pytorch's own cascade."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from facenet_pytorch.models.mtcnn import ONet, PNet, RNet
from facenet_pytorch.models.utils.detect_face import detect_face

from deeptell.errors import ConfigError
from deeptell.faces.detect import DETECTORS, Detector, create_detector
from deeptell.forge.clip import draw_frame, make_clip
from deeptell.records import Face, Image


@pytest.fixture(scope="module")
def mtcnn() -> Detector:
    return create_detector("mtcnn")


@pytest.fixture(scope="module")
def people() -> list[Image]:
    return [draw_frame(make_clip(seed, 1), 0) for seed in (1, 2, 3, 4)]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    inside = np.prod(np.maximum(high - low, 0))
    return float(inside / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inside))


def test_mtcnn_agrees_with_the_cascade_it_replaces(mtcnn: Detector, people: list[Image]) -> None:
    nets = [net(pretrained=True).eval() for net in (PNet, RNet, ONet)]
    device = torch.device("cpu")
    for image, faces in zip(people, mtcnn.detect(people, min_face=20), strict=True):
        with torch.no_grad():
            theirs, marks = detect_face(image, 20, *nets, [0.6, 0.7, 0.7], 0.709, device)
        sure = [(box, mark) for box, mark in zip(theirs[0], marks[0], strict=True) if box[4] >= 0.9]
        ours = [face for face in faces if face.score >= 0.9]
        assert len(ours) == len(sure) == 1
        assert overlap(np.array(ours[0].box_xyxy), sure[0][0][:4]) > 0.75
        np.testing.assert_allclose(
            ours[0].landmarks, sure[0][1].astype(float), atol=0.08 * ours[0].size
        )


def test_the_answer_does_not_depend_on_batch_mates_or_threads(
    mtcnn: Detector, people: list[Image]
) -> None:
    together = mtcnn.detect(people, min_face=20)
    assert [mtcnn.detect([image], min_face=20)[0] for image in people] == together
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    assert mtcnn.detect(people, min_face=20) == together
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_boxes_of_a_reduced_picture_are_mapped_back(mtcnn: Detector, people: list[Image]) -> None:
    small = mtcnn.detect(people[:1], min_face=20)[0][0]
    large = cv2.resize(people[0], None, fx=5, fy=5, interpolation=cv2.INTER_CUBIC)
    found = mtcnn.detect([large], min_face=20)[0][0]
    assert overlap(np.array(found.box_xyxy) / 5, np.array(small.box_xyxy)) > 0.8
    np.testing.assert_allclose(
        np.array(found.landmarks) / 5, small.landmarks, atol=0.08 * small.size
    )


@pytest.mark.parametrize("name", ["mtcnn", "yunet"])
def test_a_face_is_followed_to_where_it_went(
    name: str, people: list[Image], request: pytest.FixtureRequest
) -> None:
    weights = request.getfixturevalue("yunet") if name == "yunet" else None
    detector = create_detector(name, weights=weights)
    for image in people:
        face = detector.detect([image], min_face=20)[0][0]
        step = round(face.size / 4)
        moved = np.roll(image, (step // 2, step), axis=(0, 1))
        (seen,) = detector.follow(moved, [face])
        assert seen is not None
        wanted = np.array(face.box_xyxy) + np.array([step, step // 2] * 2)
        assert overlap(np.array(seen.box_xyxy), wanted) > 0.8
        assert detector.follow(np.full_like(image, 90), [face]) == [None]
        assert detector.follow(image, []) == []


def check_order(face: Face) -> None:
    """Eye, eye, nose, mouth, mouth: left before right, eyes above the nose above the mouth."""
    marks = np.array(face.landmarks)
    assert marks[0, 0] < marks[2, 0] < marks[1, 0]
    assert marks[3, 0] < marks[4, 0]
    assert marks[:2, 1].max() < marks[2, 1] < marks[3:, 1].min()


def test_landmarks_come_in_the_order_that_records_promise(
    mtcnn: Detector, people: list[Image]
) -> None:
    for faces in mtcnn.detect(people, min_face=20):
        check_order(faces[0])


@pytest.mark.parametrize("shape", [(1, 1), (11, 400), (30, 30), (400, 20), (256, 320)])
def test_pictures_without_a_face(mtcnn: Detector, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for image in (np.zeros((*shape, 3), np.uint8), rng.integers(0, 255, (*shape, 3), np.uint8)):
        assert [face for face in mtcnn.detect([image], min_face=20)[0] if face.score > 0.9] == []
    assert mtcnn.detect([], min_face=20) == []


def test_yunet_finds_the_same_people(mtcnn: Detector, people: list[Image], yunet: Path) -> None:
    detector = create_detector("yunet", weights=yunet)
    for image, faces in zip(people, detector.detect(people, min_face=20), strict=True):
        check_order(faces[0])
        theirs = mtcnn.detect([image], min_face=20)[0][0]
        assert overlap(np.array(faces[0].box_xyxy), np.array(theirs.box_xyxy)) > 0.5
    assert detector.detect([np.zeros((64, 64, 3), np.uint8)], min_face=20) == [[]]


@pytest.fixture
def yunet() -> Path:
    weights = Path(__file__).parents[3] / "shared" / "data" / "weights"
    found = sorted(weights.glob("face_detection_yunet_*.onnx"))
    if not found:
        pytest.skip("no YuNet weights beside the repository")
    return found[0]


def test_wrong_names_and_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'mtcnn'"):
        create_detector("mtcn")
    with pytest.raises(ConfigError, match="brings its own weights"):
        create_detector("mtcnn", weights=tmp_path / "w.onnx")
    with pytest.raises(ConfigError, match="needs its weights"):
        create_detector("yunet")
    with pytest.raises(ConfigError, match="There is no file"):
        create_detector("yunet", weights=tmp_path / "w.onnx")
    (tmp_path / "w.onnx").write_text("no model")
    with pytest.raises(ConfigError, match="not a YuNet model"):
        create_detector("yunet", weights=tmp_path / "w.onnx")


def test_every_detector_names_its_licence_and_the_origin_of_its_weights() -> None:
    assert all(entry.licence and entry.weights for entry in DETECTORS.values())
