"""Frame models: an image network of timm and the head of the reference system.

The head follows Kumar, Bhavsar and Verma (IWBF 2020): pooling, 512 units with ReLU, dropout; two
softmax outputs there are one logit here, and the two dropouts of 0.4 and 0.5 in a row are one.
"""

import timm
import timm.data
from torch import Tensor, nn

from deeptell.catalog import unknown_name
from deeptell.inputs import InputSpec
from deeptell.models.contract import Model

HEAT_STRIDE = 16  # finer than the last stage, still near the decision


class FrameModel(Model):
    """One face, one logit.

    Args:
        backbone: a name that timm knows; its weights start random unless a bundle fills them.
        size: side of the square input in pixels.
        margin: side of the square cut around the face, in face boxes.
        dropout: share of the 512 features dropped in training.
    """

    def __init__(
        self, *, backbone: str, size: int, margin: float = 1.3, dropout: float = 0.5
    ) -> None:
        super().__init__()
        if backbone not in timm.list_models():
            raise unknown_name(backbone, timm.list_models(), kind="timm backbone")
        self.options = {"backbone": backbone, "size": size, "margin": margin, "dropout": dropout}
        self.backbone = timm.create_model(backbone, pretrained=False, num_classes=0)
        data = timm.data.resolve_model_data_config(self.backbone)
        self.spec = InputSpec(size=size, margin=margin, mean=data["mean"], std=data["std"])
        self.features = nn.Sequential(nn.Linear(self.backbone.head_hidden_size, 512), nn.ReLU())
        self.dropout = nn.Dropout(dropout)
        self.logit = nn.Linear(512, 1)
        self.heat_layer = _heat_layer(self.backbone)

    def embed(self, batch: Tensor) -> Tensor:
        """`(N, 3, size, size)` -> `(N, 512)`, after the ReLU."""
        features: Tensor = self.features(self.backbone(batch))
        return features

    def forward(self, batch: Tensor) -> Tensor:
        """`(N, 3, size, size)` -> `(N,)` logits."""
        logits: Tensor = self.logit(self.dropout(self.embed(batch)))
        return logits.squeeze(1)


def _heat_layer(backbone: nn.Module) -> str | None:
    """The deepest stage whose map is at most `HEAT_STRIDE` times smaller than the input."""
    stages = [
        stage
        for stage in getattr(backbone, "feature_info", [])
        if stage["reduction"] <= HEAT_STRIDE and stage["module"]
    ]
    return f"backbone.{stages[-1]['module']}" if stages else None
