"""Heads: what stands on the features of an encoder."""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deeptell.catalog import lookup
from deeptell.models.classic import ClassicClassifier
from deeptell.models.contract import Head

LINEAR = "linear"


class MetricHead(Head):
    """Features -> a small embedding in which distance means difference, and a classifier on it.

    The reference (Kumar et al., IWBF 2020) uses widths 256, 256, 128, 64 with dropout 0.1 after
    each but the last, ReLU between them, and leaves the embedding unnormalised; here it is
    normalised to length 1 unless told otherwise. Without widths the features are the embedding.

    Args:
        inputs: number of features.
        classifier: "linear", or the name of a classic classifier, which `restore` brings.
    """

    def __init__(
        self,
        *,
        inputs: int,
        widths: Sequence[int],
        dropout: float,
        normalise: bool,
        classifier: str,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip([inputs, *widths], widths, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers[:-2])  # the last one is linear
        self.normalise = normalise
        self.width = widths[-1] if widths else inputs
        linear = nn.Linear(self.width, 1)
        self.classifier: nn.Module | None = linear if classifier == LINEAR else None

    def embed(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`(N, inputs)` -> `(N, widths[-1])`."""
        embedding: Tensor = self.layers(features)
        return F.normalize(embedding.float()) if self.normalise else embedding

    def classify(self, embedding: Tensor) -> Tensor:
        """`(N, widths[-1])` -> `(N,)` logits."""
        assert self.classifier is not None, "a classic classifier is fitted or restored first"
        logits: Tensor = self.classifier(embedding)
        return logits if isinstance(self.classifier, ClassicClassifier) else logits.squeeze(1)


class RecurrentHead(Head):
    """Features of T faces in order -> one logit.

    As in the reference: `lstm` is an LSTM of 32, `bilstm` a bidirectional LSTM of 256 below an
    LSTM of 32, `temporal_max` a bidirectional LSTM of 256 and the maximum over time. `gru`, which
    its README names and its code lacks, is a GRU of 32. Frames past a sample's length change
    nothing.
    """

    def __init__(self, *, inputs: int, cell: str, dropout: float) -> None:
        super().__init__()
        self.body = lookup(CELLS, cell, kind="recurrent cell")(inputs)
        self.dropout = nn.Dropout(dropout)
        self.logit = nn.Linear(int(self.body.width), 1)

    def embed(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`(N, T, inputs)`, `(N,)` -> `(N, E)`."""
        if lengths is None:
            lengths = features.new_full((len(features),), features.shape[1], dtype=torch.int64)
        summary: Tensor = self.body(features, lengths)
        return summary

    def classify(self, embedding: Tensor) -> Tensor:
        """`(N, E)` -> `(N,)` logits."""
        logits: Tensor = self.logit(self.dropout(embedding))
        return logits.squeeze(1)


class _Last(nn.Module):
    """A recurrent layer's output at each sample's last own frame; what follows is never reached."""

    width = 32

    def __init__(self, layer: nn.LSTM | nn.GRU) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        outputs, _ = self.layer(features)
        last = (lengths - 1).view(-1, 1, 1).expand(-1, 1, outputs.shape[2])
        return torch.gather(outputs, 1, last).squeeze(1)


class _BothWays(nn.Module):
    """A bidirectional LSTM whose backward pass begins at each sample's last own frame.

    PyTorch would pack the sequences for that, which ONNX cannot express; turning each sample's
    own frames around and back says the same.
    """

    width = 512

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.onward = nn.LSTM(inputs, 256, batch_first=True)
        self.backward_ = nn.LSTM(inputs, 256, batch_first=True)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        onward, _ = self.onward(features)
        backward, _ = self.backward_(_turned(features, lengths))
        return torch.cat([onward, _turned(backward, lengths)], dim=2)


def _turned(sequence: Tensor, lengths: Tensor) -> Tensor:
    """`(N, T, D)` with each sample's own frames in reverse, and the others where they were."""
    place = torch.arange(sequence.shape[1], device=sequence.device)[None]
    mirrored = lengths[:, None] - 1 - place
    source = torch.where(mirrored >= 0, mirrored, place)
    return torch.gather(sequence, 1, source[:, :, None].expand(-1, -1, sequence.shape[2]))


class _BiLstm(nn.Module):
    width = 32

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.both = _BothWays(inputs)
        self.last = _Last(nn.LSTM(_BothWays.width, self.width, batch_first=True))

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        summary: Tensor = self.last(self.both(features, lengths), lengths)
        return summary


class _TemporalMax(nn.Module):
    width = 512

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.both = _BothWays(inputs)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        outputs: Tensor = self.both(features, lengths)
        own = torch.arange(outputs.shape[1], device=outputs.device)[None] < lengths[:, None]
        return outputs.masked_fill(~own[:, :, None], -1.0).amax(dim=1)  # outputs lie in (-1, 1)


def _lstm(inputs: int) -> _Last:
    return _Last(nn.LSTM(inputs, _Last.width, batch_first=True))


def _gru(inputs: int) -> _Last:
    return _Last(nn.GRU(inputs, _Last.width, batch_first=True))


CELLS: Mapping[str, Callable[[int], _Last | _BiLstm | _TemporalMax]] = {
    "lstm": _lstm,
    "gru": _gru,
    "bilstm": _BiLstm,
    "temporal_max": _TemporalMax,
}
