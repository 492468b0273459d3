"""What every model must do, tried against every family's members and every name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from deeptell.errors import BundleError, ConfigError
from deeptell.explain.gradcam import grad_cam
from deeptell.figures import Measurement
from deeptell.inputs import InputSpec
from deeptell.models.bundle import (
    Bundle,
    load_bundle,
    load_encoder,
    save_bundle,
    save_encoder,
)
from deeptell.models.contract import Encoder, Model
from deeptell.models.export import MOST_DIFFERENCE, example, export
from deeptell.models.families import FAMILIES, build, make
from deeptell.models.names import NAMES, entry_of
from deeptell.models.on_encoder import CLASSIFIER, Metric
from deeptell.models.onnx import OnnxEncoder
from deeptell.records import BundleCard
from deeptell.training.classifiers import CLASSIFIERS, fit_classifier

Options = dict[str, Any]

BACKBONE: Options = {"family": "backbone", "options": {"backbone": "test_resnet", "size": 64}}
OTHER_BACKBONE: Options = {**BACKBONE, "options": {"backbone": "test_vit", "size": 160}}
FRAME: Options = {"backbone": "test_resnet", "size": 64}
METRIC: Options = {"encoder": BACKBONE, "inputs": 96, "widths": [32, 16]}

# One small member per family, and for each public option another value.
SMALL: Mapping[str, Options] = {
    "frame": FRAME,
    "clip": {"network": "c3d_small", "frames": 4, "size": 32},
    "recurrent": {"encoder": BACKBONE, "inputs": 96, "cell": "lstm", "frames": 5},
    "metric": METRIC,
    "ensemble": {"members": [{"family": "frame", "options": FRAME}] * 2, "vote": "mean"},
    "backbone": BACKBONE["options"],
    "facenet": {},
    "onnx": {"size": 64},
}
OTHER: Mapping[str, Options] = {
    "frame": {"backbone": "resnet10t", "size": 96, "margin": 1.7, "dropout": 0.1},
    "clip": {"network": "conv3d", "frames": 6, "size": 48, "margin": 1.7, "dropout": 0.1},
    "recurrent": {"cell": "temporal_max", "frames": 7, "dropout": 0.5},
    "metric": {
        "widths": [8],
        "dropout": 0.4,
        "normalise": False,
        "classifier": "sgd",
    },
    "ensemble": {"vote": "max", "members": [{"family": "frame", "options": FRAME}] * 3},
    "backbone": {"backbone": "resnet10t", "size": 96, "margin": 1.7},
    "facenet": {"margin": 1.7},
    "onnx": {"size": 96, "margin": 1.7},
}
MORE: Mapping[str, tuple[str, Options]] = {
    **{
        cell: ("recurrent", {**SMALL["recurrent"], "cell": cell})
        for cell in ("gru", "bilstm", "temporal_max")
    },
    "metric on the features": ("metric", {**METRIC, "widths": []}),
    "metric on clips": (
        "metric",
        {"encoder": {"family": "clip", "options": SMALL["clip"]}, "inputs": 128, "widths": [8]},
    ),
    "votes on one encoder": (
        "ensemble",
        {"members": [{"family": "metric", "options": METRIC}] * 2, "vote": "max", "shared": True},
    ),
    **{name: ("metric", {**METRIC, "classifier": name}) for name in ("knn", "sgd")},
}


def _of_name(name: str) -> tuple[str, Options]:
    """A named model on an encoder, or with a face as small as it takes without losing its map."""
    entry = NAMES[name]
    if entry.needs_encoder:
        options = dict(entry.options)
        extra = {} if entry.family == "recurrent" else {"widths": []}
        return entry.family, {"encoder": BACKBONE, "inputs": 96, **extra, **options}
    if entry.family == "frame":
        return "frame", {**entry.options, "size": 96}
    return entry.family, dict(entry.options)


MODELS = [family for family in SMALL if family not in ("backbone", "facenet", "onnx")]
MEMBERS = [
    *(pytest.param(family, SMALL[family], id=family) for family in MODELS),
    *(pytest.param(*member, id=name) for name, member in MORE.items()),
    *(
        pytest.param(*_of_name(name), id=f"name-{name}", marks=pytest.mark.slow)
        for name in NAMES
        if name != "facenet"
    ),
    pytest.param(
        "frame", {"backbone": "convnext_atto", "size": 96}, id="timm", marks=pytest.mark.slow
    ),
]


def made(family: str, options: Mapping[str, Any]) -> Model:
    torch.manual_seed(0)
    return fitted(build(family, options)).eval()


def fitted(model: Model) -> Model:
    """Give a model with a classic classifier one that was fitted on noise."""
    if isinstance(model, Metric) and (name := model.options["classifier"]) in CLASSIFIERS:
        width = (model.options["widths"] or [model.options["inputs"]])[-1]
        rng = np.random.default_rng(0)
        labels = np.arange(60) % 2
        x = (rng.normal(size=(60, width)) + labels[:, None]).astype(np.float32)
        groups = (np.arange(60) // 6).astype(str)
        model.head.classifier = fit_classifier(name, x, labels, groups, seed=0, balanced=False)
    return model


def batch_for(spec: InputSpec, n: int = 3) -> torch.Tensor:
    frames = () if spec.frames == 1 else (spec.frames,)
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, 3, *frames, spec.size, spec.size, generator=generator)


def card() -> BundleCard:
    nan = float("nan")
    row = Measurement("tests", "all", "all", "video", "auc", 0.5, nan, nan, videos=2, groups=1)
    return BundleCard("test", "", "small", "Trained on nothing.", (), (row,))


def test_every_family_is_tried() -> None:
    assert set(SMALL) == set(OTHER) == set(FAMILIES)


@pytest.mark.parametrize(("family", "options"), MEMBERS)
class TestContract:
    def test_answers(self, family: str, options: Options) -> None:
        """Shapes; deterministic in eval mode, and independent of batch mates."""
        model = made(family, options)
        batch = batch_for(model.spec)
        with torch.inference_mode():
            together = model(batch)
            assert together.shape == (3,)
            embedding = model.embed(batch)
            assert embedding.ndim == 2
            assert len(embedding) == 3
            assert torch.equal(together, model(batch))
            alone = torch.cat([model(sample[None]) for sample in batch])
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=2e-5)

    def test_gradients_reach_every_parameter(self, family: str, options: Options) -> None:
        model = made(family, options).train()
        if not model.differentiable:
            return
        model(batch_for(model.spec, n=4)).square().sum().backward()
        # An encoder that is a whole model keeps its own logit, which nothing above it asks for.
        without = {name for name, p in model.named_parameters() if p.grad is None}
        assert without <= {"encoder.logit.weight", "encoder.logit.bias"}

    def test_a_bundle_gives_the_model_back(
        self, family: str, options: Options, tmp_path: Path
    ) -> None:
        model = made(family, options)
        saved = save_bundle(tmp_path / "bundle", Bundle(model, card(), {"seed": 0}))
        again = load_bundle(tmp_path / "bundle")
        batch = batch_for(model.spec)
        with torch.inference_mode():
            assert torch.equal(saved.model(batch), again.model(batch))
            # Rounding the weights to fp16 moves probabilities, but not by much.
            difference = torch.sigmoid(model(batch)) - torch.sigmoid(again.model(batch))
        if model.differentiable:  # neighbours and votes jump
            assert difference.abs().max() < 5e-3
        assert again.model.spec == model.spec
        assert again.training == {"seed": 0}
        assert again.card.statement == "Trained on nothing."
        assert np.isnan(again.card.measurements[0].low)

    def test_heat_map(self, family: str, options: Options) -> None:
        model = made(family, options)
        if model.heat_layer is None:
            return
        spec = model.spec
        batch = batch_for(spec)
        heat = grad_cam(model, batch)
        frames = () if spec.frames == 1 else (spec.frames,)
        assert heat.shape == (3, *frames, spec.size, spec.size)
        assert heat.min() >= 0
        assert heat.max() <= 1
        torch.testing.assert_close(heat[1:2], grad_cam(model, batch[1:2]), rtol=1e-3, atol=2e-3)

    def test_onnx_answers_the_same(self, family: str, options: Options, tmp_path: Path) -> None:
        model = made(family, options)
        faces, lengths = example(model, count=3, seed=5)
        if model.exportable:
            largest = export(model, tmp_path / "model.onnx", proof=(faces, lengths))
            assert largest <= MOST_DIFFERENCE
        else:
            with pytest.raises(BundleError, match="cannot be exported"):
                export(model, tmp_path / "model.onnx", proof=(faces, lengths))
            assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("family", FAMILIES)
def test_each_option_changes_something(family: str) -> None:
    plain = make(family, SMALL[family])
    for name, value in OTHER[family].items():
        changed = make(family, {**SMALL[family], name: value})
        same = changed.spec == plain.spec and str(changed) == str(plain)
        if same and isinstance(plain, Metric):
            same = changed.head.normalise == plain.head.normalise  # type: ignore[union-attr]
        if same:
            same = not hasattr(plain, "members") or changed.options == plain.options
        assert not same, name


class TestEncoders:
    """Networks that make features and do not answer."""

    @pytest.fixture
    def graph(self, tmp_path: Path) -> Path:
        network = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3, stride=2), torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten()
        )
        model = torch.onnx.export(
            network.eval(), (torch.zeros(2, 3, 32, 32),), dynamo=True, verbose=False
        )
        assert model is not None
        model.save(tmp_path / "strangers.onnx")
        return tmp_path / "strangers.onnx"

    def check(self, encoder: Encoder, folder: Path, width: int) -> None:
        encoder.eval()
        batch = batch_for(encoder.spec, n=2)
        kept = save_encoder(folder / "encoder", encoder)
        again = load_encoder(folder / "encoder")
        assert again.sha256 == kept.sha256
        with torch.inference_mode():
            features = encoder.embed(batch)
            assert features.shape == (2, width)
            assert torch.equal(kept.network.embed(batch), again.network.embed(batch))
            torch.testing.assert_close(again.network.embed(batch), features, rtol=0.05, atol=0.05)
        assert again.network.spec == encoder.spec

    def test_backbone(self, tmp_path: Path) -> None:
        self.check(make("backbone", BACKBONE["options"]), tmp_path, 96)

    def test_a_strangers_graph(self, graph: Path, tmp_path: Path) -> None:
        encoder = OnnxEncoder.of(graph)
        assert encoder.spec.size == 32
        self.check(encoder, tmp_path, 16)

    def test_a_graph_with_weights_elsewhere_is_refused(self, graph: Path) -> None:
        onnx = pytest.importorskip("onnx")
        model = onnx.load(graph)
        for tensor in model.graph.initializer:
            tensor.data_location = onnx.TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="/etc/hostname")
        graph.write_bytes(model.SerializeToString())
        with pytest.raises(ConfigError, match="further files"):
            OnnxEncoder.of(graph)

    def test_not_a_graph(self, tmp_path: Path) -> None:
        (tmp_path / "no.onnx").write_bytes(b"no graph")
        with pytest.raises(ConfigError, match="cannot be used"):
            OnnxEncoder.of(tmp_path / "no.onnx")
        with pytest.raises(ConfigError, match="cannot be used"):
            OnnxEncoder.of(tmp_path / "missing.onnx")

    @pytest.mark.slow
    def test_facenet(self, tmp_path: Path) -> None:
        encoder = make("facenet", {}).eval()
        self.check(encoder, tmp_path, 512)
        lengths = encoder.embed(batch_for(encoder.spec, n=2)).norm(dim=1)
        torch.testing.assert_close(lengths, torch.ones(2))


class TestSequences:
    @pytest.mark.parametrize("cell", ["lstm", "gru", "bilstm", "temporal_max"])
    def test_frames_past_a_samples_length_change_nothing(self, cell: str) -> None:
        model = made("recurrent", {**SMALL["recurrent"], "cell": cell})
        batch = batch_for(model.spec)
        lengths = torch.tensor([2, 5, 3])
        other = batch.clone()
        other[0, :, 2:], other[2, :, 3:] = 7.0, -7.0
        with torch.inference_mode():
            torch.testing.assert_close(model(batch, lengths), model(other, lengths))
            shorter = model(batch[:1, :, :2], torch.tensor([2]))
            torch.testing.assert_close(model(batch, lengths)[:1], shorter)

    def test_bilstm_is_pytorchs(self) -> None:
        """On packed sequences, which ours stands for."""
        from deeptell.models.heads import _BothWays

        torch.manual_seed(0)
        ours, theirs = _BothWays(6), torch.nn.LSTM(6, 256, batch_first=True, bidirectional=True)
        for name, tensor in ours.onward.named_parameters():
            theirs.get_parameter(name).data.copy_(tensor)
        for name, tensor in ours.backward_.named_parameters():
            theirs.get_parameter(f"{name}_reverse").data.copy_(tensor)
        x, lengths = torch.randn(3, 5, 6), torch.tensor([5, 2, 4])
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        wanted, _ = torch.nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
        for row, length in enumerate(lengths):
            torch.testing.assert_close(ours(x, lengths)[row, :length], wanted[row, :length])


class TestReference:
    """The networks of the reference system have the size that its code gives them (FACTS A)."""

    @pytest.mark.parametrize(
        ("network", "parameters"), [("c3d", 65.4e6), ("conv3d", 22.2e6)], ids=["c3d", "conv3d"]
    )
    def test_clip_networks(self, network: str, parameters: float) -> None:
        model = build("clip", {"network": network, "frames": 32, "size": 112})
        assert sum(p.numel() for p in model.parameters()) == pytest.approx(parameters, rel=2e-3)

    @pytest.mark.parametrize(
        ("cell", "parameters"), [("lstm", 69.8e3), ("bilstm", 1.64e6), ("temporal_max", 1.58e6)]
    )
    def test_recurrent_heads(self, cell: str, parameters: float) -> None:
        """PyTorch keeps two bias vectors where Keras has one."""
        model = build("recurrent", {**SMALL["recurrent"], "inputs": 512, "cell": cell})
        biases = [p for n, p in model.head.named_parameters() if ".bias_hh" in n]  # type: ignore[union-attr]
        head = sum(p.numel() for p in model.head.parameters())  # type: ignore[union-attr]
        assert head - sum(p.numel() for p in biases) == pytest.approx(parameters, rel=3e-3)

    def test_metric_head(self) -> None:
        model = build("metric", {**METRIC, "inputs": 512, "widths": [256, 256, 128, 64]})
        layers = model.head.layers  # type: ignore[union-attr]
        assert sum(p.numel() for p in layers.parameters()) == 238_272  # type: ignore[union-attr]


class TestNames:
    def test_any_name_of_timm_is_a_frame_model(self) -> None:
        entry = entry_of("convnext_atto")
        assert entry.family == "frame"
        assert entry.options["size"] == 224

    def test_wrong_names_suggest_the_right_one(self) -> None:
        with pytest.raises(ConfigError, match="Did you mean 'frame'"):
            build("frames", {})
        with pytest.raises(ConfigError, match="Did you mean 'resnet50'"):
            build("frame", {"backbone": "resnet5O", "size": 64})
        with pytest.raises(ConfigError, match="Did you mean 'c3d_small'"):
            build("clip", {"network": "c3d_smal", "frames": 8, "size": 64})
        with pytest.raises(ConfigError, match="Did you mean 'xception'"):
            entry_of("xceptio")

    @pytest.mark.parametrize(
        ("network", "frames", "size", "said"),
        [
            ("mvit_v2_s", 8, 224, "16 frames of 224 px only"),
            ("s3d", 16, 112, "at least 14 frames of 224 px"),
            ("c3d", 8, 112, "at least 16 frames"),
        ],
    )
    def test_sizes_that_a_clip_network_does_not_take(
        self, network: str, frames: int, size: int, said: str
    ) -> None:
        with pytest.raises(ConfigError, match=said):
            build("clip", {"network": network, "frames": frames, "size": size})

    def test_features_are_no_answer(self) -> None:
        with pytest.raises(ConfigError, match="only makes features"):
            build("backbone", BACKBONE["options"])


class TestBadBundles:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        model = made("frame", SMALL["frame"])
        save_bundle(tmp_path / "bundle", Bundle(model, card(), {}))
        return tmp_path / "bundle"

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

    def test_an_encoder_is_no_detector(self, tmp_path: Path) -> None:
        save_encoder(tmp_path / "encoder", make("backbone", BACKBONE["options"]))
        with pytest.raises(BundleError, match="without a classifier"):
            load_bundle(tmp_path / "encoder")

    def test_another_classifier_is_refused_by_hash(self, tmp_path: Path) -> None:
        model = made("metric", {**METRIC, "classifier": "sgd"})
        save_bundle(tmp_path / "bundle", Bundle(model, card(), {}))
        other = made("metric", {**METRIC, "classifier": "knn"})
        (tmp_path / "bundle" / CLASSIFIER).write_bytes(other.files()[CLASSIFIER])
        with pytest.raises(BundleError, match="SHA-256"):
            load_bundle(tmp_path / "bundle")

    def test_a_classifier_that_the_card_does_not_name(self, tmp_path: Path) -> None:
        save_bundle(tmp_path / "bundle", Bundle(made("metric", METRIC), card(), {}))
        path = tmp_path / "bundle" / "bundle.json"
        text = path.read_text().replace('"classifier": "linear"', '"classifier": "sgd"')
        path.write_text(text)
        with pytest.raises(BundleError, match=r"names no classifier\.skops"):
            load_bundle(tmp_path / "bundle")

    def test_a_classifier_of_another_width(self) -> None:
        model, other = (
            made("metric", {**METRIC, "classifier": "sgd", "widths": [32, width]})
            for width in (16, 8)
        )
        with pytest.raises(BundleError, match="takes 8 values, the embedding has 16"):
            model.restore(other.files())

    def test_names_of_files_stay_in_the_folder(self, tmp_path: Path) -> None:
        model = made("metric", {**METRIC, "classifier": "sgd"})
        save_bundle(tmp_path / "bundle", Bundle(model, card(), {}))
        text = (tmp_path / "bundle" / "bundle.json").read_text()
        (tmp_path / "bundle" / "bundle.json").write_text(text.replace(CLASSIFIER, "../secret"))
        with pytest.raises(BundleError, match="has no"):
            load_bundle(tmp_path / "bundle")
