"""The networks of MTCNN answer as facenet-pytorch's do, from the same weights."""

import pytest
import torch
from facenet_pytorch.models import mtcnn

from deeptell.faces.mtcnn_networks import load_network


@pytest.mark.parametrize(("name", "side"), [("pnet", 40), ("rnet", 24), ("onet", 48)])
def test_answers_are_those_of_facenet_pytorch(name: str, side: int) -> None:
    theirs = {"pnet": mtcnn.PNet, "rnet": mtcnn.RNet, "onet": mtcnn.ONet}[name]()
    pictures = torch.rand(5, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        logits, *others = load_network(name)(pictures)
        *expected, probability = theirs(pictures)
    torch.testing.assert_close(logits.softmax(dim=1), probability)
    for found, wanted in zip(others, expected, strict=True):
        torch.testing.assert_close(found, wanted)
