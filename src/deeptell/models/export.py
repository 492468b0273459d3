"""A model becomes one ONNX file, and the proof that it answers the same."""

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deeptell.errors import BundleError
from deeptell.files import replacing
from deeptell.models.contract import Model
from deeptell.models.onnx import runtime

MOST_DIFFERENCE = 1e-3  # of fake_probability, in fp32
OPSET = 18


def export(model: Model, target: Path, *, proof: tuple[Tensor, Tensor]) -> float:
    """Write a model in eval mode as ONNX, once it has been shown to answer the same.

    Its inputs are "faces", float32 as `inputs.prepare` makes them, and "lengths" for models whose
    samples may be short; its output is "fake_probability" `(N,)`. The InputSpec stands in the
    file's metadata as JSON, under "input".

    Args:
        proof: faces and lengths of the samples on which both are asked.

    Returns:
        The largest difference of fake_probability between the two, in fp32.

    Raises:
        BundleError: the model cannot be expressed as ONNX, or the file answers otherwise.
    """
    if not model.exportable:
        raise BundleError(
            "This model cannot be exported: classic classifiers and encoders that came as ONNX are "
            "no torch networks. Share the bundle instead."
        )
    runtime()
    with replacing(target) as temporary:
        _write(model, temporary)
        with torch.inference_mode():
            ours = torch.sigmoid(model(*proof)).numpy()
        largest = float(np.abs(ours - run(temporary, *proof)).max())
        if not largest <= MOST_DIFFERENCE:
            raise BundleError(
                f"The ONNX file answers otherwise than the model, by up to {largest:.2g} "
                f"({MOST_DIFFERENCE} is allowed), and was not kept; share the bundle instead."
            )
    return largest


def _write(model: Model, target: Path) -> None:
    arguments = example(model, count=2)[: 1 + _may_be_short(model)]
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about its own exporter
        program = torch.onnx.export(
            _Probability(model),
            arguments,
            input_names=["faces", "lengths"][: len(arguments)],
            output_names=["fake_probability"],
            dynamic_shapes=tuple({0: batch} for _ in arguments),
            opset_version=OPSET,
            dynamo=True,
            optimize=_by_patterns(model),
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props["input"] = json.dumps(asdict(model.spec))
    program.save(target, external_data=False)


def _by_patterns(model: Model) -> bool:
    """Whether torch simplifies the graph by matching patterns.

    onnxruntime misreads convolutions without a bias where it does not; for a Swin transformer,
    which has none, it takes many minutes.
    """
    return not any(type(part).__name__ == "SwinTransformer3d" for part in model.modules())


def run(file: Path, faces: Tensor, lengths: Tensor) -> NDArray[np.float32]:
    """`fake_probability` `(N,)` of a batch, as onnxruntime answers."""
    session = runtime().InferenceSession(str(file), providers=["CPUExecutionProvider"])
    named: Mapping[str, Tensor] = {"faces": faces, "lengths": lengths}
    taken = {one.name: named[one.name].numpy() for one in session.get_inputs()}
    answer: NDArray[np.float32] = session.run(["fake_probability"], taken)[0]
    return answer


def example(model: Model, *, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A batch of noise of the model's shape, with the lengths of its samples."""
    spec = model.spec
    frames = () if spec.frames == 1 else (spec.frames,)
    generator = torch.Generator().manual_seed(seed)
    faces = torch.randn(count, 3, *frames, spec.size, spec.size, generator=generator)
    return faces, torch.full((count,), spec.frames)


def _may_be_short(model: Model) -> bool:
    return model.spec.frames > 1 and not model.spec.consecutive


class _Probability(nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, faces: Tensor, lengths: Tensor | None = None) -> Tensor:
        return torch.sigmoid(self.model(faces, lengths))
