"""What every model must do, tried against every family's members."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from deeptell.errors import BundleError, ConfigError
from deeptell.explain.gradcam import grad_cam
from deeptell.inputs import InputSpec
from deeptell.models.bundle import Bundle, load_bundle, save_bundle
from deeptell.models.contract import Model
from deeptell.models.families import FAMILIES, build
from deeptell.records import BundleCard, Measurement

# One small member per family, and for each public option another value.
SMALL: Mapping[str, dict[str, Any]] = {
    "frame": {"backbone": "test_resnet", "size": 64},
}
OTHER: Mapping[str, dict[str, Any]] = {
    "frame": {"backbone": "resnet10t", "size": 96, "margin": 1.7, "dropout": 0.1},
}
BIG = [
    ("frame", {"backbone": name, "size": 96})
    for name in ("resnet10t", "efficientnet_b0", "legacy_xception", "convnext_atto")
]
MEMBERS = [
    *(pytest.param(family, options, id=family) for family, options in SMALL.items()),
    *(
        pytest.param(family, options, id=options["backbone"], marks=pytest.mark.slow)
        for family, options in BIG
    ),
]


def made(family: str, options: Mapping[str, Any]) -> Model:
    torch.manual_seed(0)
    return build(family, options).eval()


def batch_for(spec: InputSpec, n: int = 3) -> torch.Tensor:
    frames = () if spec.frames == 1 else (spec.frames,)
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 3, *frames, spec.size, spec.size, generator=generator)


def card() -> BundleCard:
    nan = float("nan")
    row = Measurement("tests", "all", "video", "auc", 0.5, nan, nan, videos=2, groups=1)
    return BundleCard("test", "", "small", "Trained on nothing.", (), (row,))


def test_every_family_is_tried() -> None:
    assert set(SMALL) == set(OTHER) == set(FAMILIES)


@pytest.mark.parametrize(("family", "options"), MEMBERS)
class TestContract:
    def test_shapes(self, family: str, options: dict[str, Any]) -> None:
        model = made(family, options)
        batch = batch_for(model.spec)
        assert model(batch).shape == (3,)
        assert model.embed(batch).ndim == 2
        assert len(model.embed(batch)) == 3

    def test_eval_is_deterministic_and_independent_of_batch_mates(
        self, family: str, options: dict[str, Any]
    ) -> None:
        model = made(family, options)
        batch = batch_for(model.spec)
        with torch.inference_mode():
            together = model(batch)
            assert torch.equal(together, model(batch))
            alone = torch.cat([model(sample[None]) for sample in batch])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)

    def test_gradients_reach_every_parameter(self, family: str, options: dict[str, Any]) -> None:
        model = made(family, options).train()
        model(batch_for(model.spec, n=4)).square().sum().backward()
        without = [name for name, p in model.named_parameters() if p.grad is None]
        assert not without

    def test_a_bundle_gives_the_model_back(
        self, family: str, options: dict[str, Any], tmp_path: Path
    ) -> None:
        model = made(family, options)
        saved = save_bundle(tmp_path / "bundle", Bundle(model, card(), {"seed": 0}))
        again = load_bundle(tmp_path / "bundle")
        batch = batch_for(model.spec)
        with torch.inference_mode():
            assert torch.equal(saved.model(batch), again.model(batch))
            # Rounding the weights to fp16 moves probabilities, but not by much.
            difference = torch.sigmoid(model(batch)) - torch.sigmoid(again.model(batch))
        assert difference.abs().max() < 5e-3
        assert again.model.spec == model.spec
        assert again.training == {"seed": 0}
        assert again.card.statement == "Trained on nothing."
        assert np.isnan(again.card.measurements[0].low)

    def test_heat_map(self, family: str, options: dict[str, Any]) -> None:
        model = made(family, options)
        if model.heat_layer is None:
            return
        batch = batch_for(model.spec)
        heat = grad_cam(model, batch)
        assert heat.shape == (3, model.spec.size, model.spec.size)
        assert heat.min() >= 0
        assert heat.max() <= 1
        torch.testing.assert_close(heat[1:2], grad_cam(model, batch[1:2]), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_each_option_changes_something(family: str) -> None:
    plain = made(family, SMALL[family])
    for name, value in OTHER[family].items():
        changed = made(family, {**SMALL[family], name: value})
        same_spec = changed.spec == plain.spec
        assert not (same_spec and str(changed) == str(plain)), name


class TestBadBundles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        model = made("frame", SMALL["frame"])
        save_bundle(tmp_path / "bundle", Bundle(model, card(), {}))
        return tmp_path / "bundle"

    def test_wrong_names_suggest_the_right_one(self) -> None:
        with pytest.raises(ConfigError, match="Did you mean 'frame'"):
            build("frames", {})
        with pytest.raises(ConfigError, match="Did you mean 'resnet50'"):
            build("frame", {"backbone": "resnet5O", "size": 64})

    def test_not_a_bundle(self, tmp_path: Path) -> None:
        with pytest.raises(BundleError, match="is not a bundle"):
            load_bundle(tmp_path)

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", '{"schema_version": 1}', '{"schema_version": 99}', "\x00"]
    )
    def test_damaged_card(self, folder: Path, text: str) -> None:
        (folder / "bundle.json").write_text(text)
        with pytest.raises(BundleError, match=r"bundle\.json"):
            load_bundle(folder)

    def test_other_weights_are_refused_by_hash(self, folder: Path) -> None:
        weights = folder / "model.safetensors"
        tensors = load_file(weights)
        tensors["logit.bias"] += 1
        save_file(tensors, weights)
        with pytest.raises(BundleError, match="SHA-256"):
            load_bundle(folder)

    def test_missing_weights(self, folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        with pytest.raises(BundleError, match=r"has no model\.safetensors"):
            load_bundle(folder)

    def test_weights_of_another_architecture(self, folder: Path) -> None:
        text = (folder / "bundle.json").read_text()
        (folder / "bundle.json").write_text(text.replace("test_resnet", "resnet10t"))
        with pytest.raises(BundleError, match="other weights"):
            load_bundle(folder)
