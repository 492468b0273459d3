"""Tracks are shared among people by a model of identity, here one that knows people by colour."""

import numpy as np
import pytest

from deeptell.errors import ConfigError
from deeptell.faces.crop import encode_crop
from deeptell.records import Face, StoredCrop
from deeptell.scan.identity import Identity

pytest.importorskip("onnxruntime")
SIDE = 96
LANDMARKS = ((40.0, 40.0), (56.0, 40.0), (48.0, 50.0), (42.0, 58.0), (54.0, 58.0))
RED, GREEN, BLUE = (220, 40, 40), (40, 220, 40), (40, 40, 220)


def by_colour(path, *, channels=3):
    """An ONNX file whose embedding of a face is its mean colour."""
    import onnx
    from onnx import TensorProto, helper

    taken = helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", channels, 112, 112])
    given = helper.make_tensor_value_info("colours", TensorProto.FLOAT, None)
    node = helper.make_node("GlobalAveragePool", ["faces"], ["colours"])
    graph = helper.make_graph([node], "colour", [taken], [given])
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    return path


def track(number, colour, frames):
    """Crops of one colour, slightly noisy."""
    rng = np.random.default_rng(number)
    face = Face((32.0, 32.0, 64.0, 64.0), LANDMARKS, 1.0)
    found = []
    for frame in frames:
        picture = np.clip(np.array(colour) + rng.normal(0, 8, (SIDE, SIDE, 3)), 0, 255)
        jpeg = encode_crop(picture.astype(np.uint8))
        found.append(StoredCrop(jpeg, face, number, frame, frame / 25, (0.0, 0.0), 1.0))
    return found


def shared(identity, *tracks):
    return [[crops[0].track for crops in person] for person in identity.people(tracks)]


@pytest.fixture
def identity(tmp_path):
    return Identity.of(by_colour(tmp_path / "colour.onnx"))


def test_tracks_of_one_look_are_one_person_across_cuts(identity):
    tracks = [
        *(track(0, RED, range(20)), track(1, GREEN, range(20, 40))),
        *(track(2, RED, range(40, 60)), track(3, BLUE, range(60, 70)), track(4, RED, [70, 71])),
    ]
    assert shared(identity, *tracks) == [[0, 2, 4], [1], [3]]


def test_who_is_seen_beside_another_is_somebody_else(identity):
    twins = [track(0, RED, range(20)), track(1, RED, range(10, 30)), track(2, RED, [40, 41])]
    assert shared(identity, *twins) in ([[0, 2], [1]], [[0], [1, 2]])
    assert shared(identity, track(0, RED, [3])) == [[0]]
    assert shared(identity) == []


def test_the_name_says_which_model_it_was(identity, tmp_path):
    assert identity.name.startswith("colour.onnx (")
    (tmp_path / "text.onnx").write_text("no graph")
    for path, words in (
        (tmp_path / "missing.onnx", "missing.onnx cannot be used"),
        (tmp_path / "text.onnx", "text.onnx cannot be used"),
        (by_colour(tmp_path / "grey.onnx", channels=1), "must take one batch"),
    ):
        with pytest.raises(ConfigError, match=words):
            Identity.of(path)
