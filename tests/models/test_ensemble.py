"""The votes of an ensemble against counting one sample at a time, and their maps."""

import math

import pytest
import torch

from deeptell.explain.gradcam import grad_cam
from deeptell.explain.heat import methods_for
from deeptell.models.ensemble import Ensemble
from deeptell.models.families import build
from deeptell.models.frame import FrameModel

OPTIONS = {"backbone": "resnet12", "size": 32}


@pytest.fixture(scope="module")
def members() -> list[FrameModel]:
    """Three that disagree: their logits are moved apart."""
    made = []
    for seed in range(3):
        torch.manual_seed(seed)
        model = build("frame", OPTIONS)
        assert isinstance(model, FrameModel)
        torch.nn.init.normal_(model.logit.weight, std=3)
        made.append(model.eval())
    return made


@torch.no_grad()
def test_the_mean_is_that_of_the_logits(members: list[FrameModel]) -> None:
    batch = torch.rand(6, 3, 32, 32)
    said = Ensemble(members=members, vote="mean").eval()(batch)
    for number, logit in enumerate(said):
        alone = [float(member(batch[number : number + 1])) for member in members]
        assert float(logit) == pytest.approx(math.fsum(alone) / 3, rel=1e-4, abs=1e-5)


@torch.no_grad()
def test_the_most_of_them_decide(members: list[FrameModel]) -> None:
    batch = torch.rand(6, 3, 32, 32)
    said = Ensemble(members=members, vote="max").eval()(batch)
    for number, logit in enumerate(said):
        fake = sum(float(member(batch[number : number + 1])) > 0 for member in members)
        assert float(logit) == pytest.approx(math.log((fake + 0.5) / (3 - fake + 0.5)))


def test_the_map_is_that_of_the_mean_logit(members: list[FrameModel]) -> None:
    """Where only the last linear layers differ, weights can be averaged instead of maps."""
    alike = [build("frame", OPTIONS).eval() for _ in members]
    averaged = build("frame", OPTIONS).eval()
    for model, member in zip([*alike, averaged], [*members, members[0]], strict=True):
        model.load_state_dict(members[0].state_dict())
        model.logit.load_state_dict(member.logit.state_dict())
    for name, parameter in averaged.logit.named_parameters():
        parameter.data = torch.stack([m.logit.get_parameter(name).data for m in members]).mean(0)
    batch = torch.rand(2, 3, 32, 32)
    vote = Ensemble(members=alike, vote="mean").eval()
    torch.testing.assert_close(grad_cam(vote, batch), grad_cam(averaged, batch))
    assert methods_for(vote)[0] == "grad_cam"


def test_a_vote_that_jumps_has_no_gradient_map(members: list[FrameModel]) -> None:
    assert methods_for(Ensemble(members=members, vote="max")) == ("occlusion",)
