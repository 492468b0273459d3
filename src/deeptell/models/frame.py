"""Frame models: an image network and the head of the reference system.

The head follows Kumar, Bhavsar and Verma (IWBF 2020): pooling, 512 units with ReLU, dropout; two
softmax outputs there are one logit here, and the two dropouts of 0.4 and 0.5 in a row are one.
"""

from torch import Tensor, nn

from deeptell.models.backbones import heat_layer, make_backbone, spec_of
from deeptell.models.contract import Encoder, Model


class Backbone(Encoder):
    """An image network without a classifier: its pooled features are the embedding.

    Args:
        backbone: a name of `backbones.OWN`, or that timm knows; its weights start random unless
            something fills them.
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
