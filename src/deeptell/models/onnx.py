"""An encoder that comes as an ONNX file and is run by onnxruntime."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from deeptell.errors import BundleError, ConfigError, MissingExtraError
from deeptell.inputs import InputSpec
from deeptell.models.contract import Encoder

if TYPE_CHECKING:
    import onnxruntime

FILE = "encoder.onnx"


class OnnxEncoder(Encoder):
    """One face -> features, by a graph of somebody else's.

    The file says the size of its input; that its pixels are (x - 127.5) / 128, RGB, is what
    embeddings of faces commonly take, and an assumption. Nothing but the graph is read: weights
    kept in further files are refused.

    Args:
        size: side of the square input in pixels.
        margin: side of the square cut around the face, in face boxes.
    """

    differentiable = False
    exportable = False

    def __init__(self, *, size: int, margin: float = 1.3) -> None:
        super().__init__()
        self.options = {"size": size, "margin": margin}
        scale = 128 / 255
        self.spec = InputSpec(size=size, margin=margin, std=(scale, scale, scale))
        self._content = b""
        self._session: onnxruntime.InferenceSession | None = None

    @classmethod
    def of(cls, file: Path, *, margin: float | None = None) -> "OnnxEncoder":
        """The encoder in a file.

        Raises:
            ConfigError: it cannot be read, or does not take batches of square RGB images.
        """
        try:
            content = file.read_bytes()
            session = _session(content)
        except (OSError, BundleError) as error:
            raise ConfigError(f"The encoder {file} cannot be used: {error}") from None
        size = _input_size(session)
        if size is None:
            shapes = [taken.shape for taken in session.get_inputs()]
            raise ConfigError(
                f"The encoder {file} must take one batch (N, 3, S, S), got inputs {shapes}."
            )
        encoder = cls(size=size) if margin is None else cls(size=size, margin=margin)
        encoder.restore({FILE: content})
        return encoder

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`(N, 3, size, size)` -> `(N, D)`, computed on the CPU."""
        assert self._session is not None, "the graph is restored before it is asked"
        name = self._session.get_inputs()[0].name
        # One at a time where the graph was written for a batch of one.
        fixed = self._session.get_inputs()[0].shape[0] == 1
        faces = batch.detach().float().cpu()
        parts = torch.split(faces, 1) if fixed else (faces,)
        answers = [self._session.run(None, {name: part.numpy()})[0] for part in parts]
        return torch.cat([torch.from_numpy(a).flatten(1) for a in answers]).to(batch.device)

    def files(self) -> dict[str, bytes]:
        """The graph."""
        return {FILE: self._content}

    def restore(self, files: Mapping[str, bytes]) -> None:
        """Take the graph; a `BundleError` if it is missing or onnxruntime cannot."""
        if FILE not in files:
            raise BundleError(f"The bundle names no {FILE}: copy the whole folder again.")
        self._content = files[FILE]
        self._session = _session(self._content)


def _session(content: bytes) -> "onnxruntime.InferenceSession":
    onnxruntime = runtime()
    if _refers_to_files(content):
        raise BundleError("its weights are kept in further files; join them into the one.")
    try:
        return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common parent but this
        first = str(error).splitlines()[0]
        raise BundleError(f"onnxruntime cannot read the graph: {first}") from None


def _refers_to_files(content: bytes) -> bool:
    """Whether a graph names files to read weights from, which might be any on this machine."""
    import onnx
    from onnx.external_data_helper import uses_external_data

    try:
        graph = onnx.load_model_from_string(content).graph
    except Exception as error:  # protobuf's, whose package is not ours to import
        raise BundleError(f"it is no ONNX graph ({type(error).__name__}).") from None
    return any(uses_external_data(tensor) for tensor in graph.initializer)


def runtime() -> Any:
    """The module onnxruntime; a `MissingExtraError` where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError(
            "ONNX needs the extra 'onnx': pip install 'deeptell[onnx]'."
        ) from None
    onnxruntime.set_default_logger_severity(3)  # errors only
    return onnxruntime


def _input_size(session: "onnxruntime.InferenceSession") -> int | None:
    shapes = [taken.shape for taken in session.get_inputs()]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1] != 3:
        return None
    height, width = shapes[0][2:]
    return height if isinstance(height, int) and height == width else None
