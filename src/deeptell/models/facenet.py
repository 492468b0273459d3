"""FaceNet: the identity embedding that the reference system's metric learning stands on."""

from facenet_pytorch import InceptionResnetV1
from torch import Tensor

from deeptell.inputs import InputSpec
from deeptell.models.contract import Encoder

WEIGHTS_URL = (
    "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"
    "20180402-114759-vggface2.pt"
)


class FaceNet(Encoder):
    """InceptionResnetV1 of facenet-pytorch, for the weights trained on VGGFace2.

    Schroff et al. (CVPR 2015); the reference used the same network and weights through Keras.

    Args:
        margin: side of the square cut around the face, in face boxes.
    """

    trunk = "network"
    heat_layer = "network.repeat_2"

    def __init__(self, *, margin: float = 1.3) -> None:
        super().__init__()
        self.options = {"margin": margin}
        scale = 128 / 255  # its pixels are (x - 127.5) / 128
        self.spec = InputSpec(size=160, margin=margin, std=(scale, scale, scale))
        self.network = InceptionResnetV1(pretrained=None, classify=False)

    def embed(self, batch: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`(N, 3, 160, 160)` -> `(N, 512)` of length 1."""
        features: Tensor = self.network(batch)
        return features
