"""Frame models: an image network of timm and the head of the reference system.

The head follows Kumar, Bhavsar and Verma (IWBF 2020): pooling, 512 units with ReLU, dropout; two
softmax outputs there are one logit here, and the two dropouts of 0.4 and 0.5 in a row are one.
"""

import timm
import timm.data
from torch import Tensor, nn

from deeptell.catalog import unknown_name
from deeptell.inputs import InputSpec
from deeptell.models.contract import Encoder, Model

HEAT_STRIDE = 16  # finer than the last stage, still near the decision


class Backbone(Encoder):
    """An image network of timm without a classifier: its pooled features are the embedding.

    Args:
        backbone: a name that timm knows; its weights start random unless something fills them.
        size: side of the square input in pixels.
        margin: side of the square cut around the face, in face boxes.
    """

    trunk = "backbone"

    def __init__(self, *, backbone: str, size: int, margin: float = 1.3) -> None:
        super().__init__()
        self.options = {"backbone": backbone, "size": size, "margin": margin}
        self.backbone = make_backbone(backbone)
        self.spec = spec_of(self.backbone, size=size, margin=margin)
        self.heat_layer = heat_layer(self.backbone)

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`(N, 3, size, size)` -> `(N, D)` pooled features."""
        features: Tensor = self.backbone(batch)
        return features


class FrameModel(Model):
    """One face, one logit.

    Args:
        backbone, size, margin: as in `Backbone`.
        dropout: share of the 512 features dropped in training.
    """

    trunk = "backbone"

    def __init__(
        self, *, backbone: str, size: int, margin: float = 1.3, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.options = {"backbone": backbone, "size": size, "margin": margin, "dropout": dropout}
        self.backbone = make_backbone(backbone)
        self.spec = spec_of(self.backbone, size=size, margin=margin)
        width = int(self.backbone.head_hidden_size)  # type: ignore[arg-type]
        self.features = nn.Sequential(nn.Linear(width, 512), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.logit = nn.Linear(512, 1)
        self.heat_layer = heat_layer(self.backbone)

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`(N, 3, size, size)` -> `(N, 512)`, after the ReLU."""
        features: Tensor = self.features(self.backbone(batch))
        return features

    def classify(self, embedding: Tensor) -> Tensor:
        """`(N, 512)` -> `(N,)` logits."""
        logits: Tensor = self.logit(self.dropout(embedding))
        return logits.squeeze(1)


def make_backbone(name: str) -> nn.Module:
    """An untrained network of timm without its classifier; raises `ConfigError` for no such."""
    if name not in timm.list_models():
        raise unknown_name(name, timm.list_models(), kind="timm backbone")
    backbone: nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    return backbone


def spec_of(backbone: nn.Module, *, size: int, margin: float) -> InputSpec:
    """The input of a timm network, with the normalisation it is meant for."""
    data = timm.data.resolve_model_data_config(backbone)
    return InputSpec(size=size, margin=margin, mean=data["mean"], std=data["std"])


def heat_layer(backbone: nn.Module) -> str | None:
    """The deepest stage whose map is at most `HEAT_STRIDE` times smaller than the input."""
    stages = [
        stage
        for stage in getattr(backbone, "feature_info", [])
        if stage["reduction"] <= HEAT_STRIDE and stage["module"]
    ]
    return f"backbone.{stages[-1]['module']}" if stages else None
