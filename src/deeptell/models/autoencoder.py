"""Small autoencoders of faces: what forges draw with. Their faces are smooth, and carry a trace.

They see the whole face at once and pass it through a narrow code, as the generators of face swaps
do. What differs between them is how the decoder enlarges, since that is what leaves the trace.
"""

from collections.abc import Callable, Mapping
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

SIZE = 128

Upsampling = Literal["shuffle", "nearest", "deconvolution"]


def _shuffle(inputs: int, outputs: int, times: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs * times**2, 3, padding=1), nn.PixelShuffle(times)
    )


def _nearest(inputs: int, outputs: int, times: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.Upsample(scale_factor=times),
        nn.Conv2d(outputs, outputs, 3, padding=1),
    )


def _deconvolution(inputs: int, outputs: int, times: int) -> nn.Module:
    return nn.ConvTranspose2d(inputs, outputs, 2 * times, stride=times, padding=times // 2)


UPSAMPLINGS: Mapping[Upsampling, Callable[[int, int, int], nn.Module]] = {
    "shuffle": _shuffle,
    "nearest": _nearest,
    "deconvolution": _deconvolution,
}


class Autoencoder(nn.Module):
    """Faces in, faces out: `(N, 3, 128, 128)` in [0, 1]; or of another side that 16 divides.

    Most of the work is done at 8 to 32 pixels a side, which two cores can train.

    Args:
        upsampling: how the decoder enlarges.
        code: channels of the narrowest part, at 8 x 8 places. The more, the sharper the faces.
    """

    def __init__(self, *, upsampling: Upsampling, code: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 48, 4, stride=4),
            nn.LeakyReLU(0.1),
            nn.Conv2d(48, 128, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(128, 256, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(256, code, 1),
        )
        enlarge = UPSAMPLINGS[upsampling]
        self.decoder = nn.Sequential(
            nn.Conv2d(code, 256, 3, padding=1),
            nn.LeakyReLU(0.1),
            enlarge(256, 128, 2),
            nn.LeakyReLU(0.1),
            enlarge(128, 64, 2),
            nn.LeakyReLU(0.1),
            enlarge(64, 16, 2),
            nn.LeakyReLU(0.1),
            enlarge(16, 3, 2),
        )

    def forward(self, faces: Tensor) -> Tensor:
        """The faces as the decoder draws them."""
        drawn: Tensor = self.decoder(self.encoder(faces))
        return drawn.sigmoid()


def unlikeness(drawn: Tensor, faces: Tensor) -> Tensor:
    """What an autoencoder is trained to make small: one less SSIM, and absolute errors.

    SSIM (Wang et al., 2004) with a flat window of 7 pixels, at every second place, keeps structure
    that a squared error alone would blur away.
    """
    means = [_local(image) for image in (drawn, faces)]
    variances = [
        _local(image * image) - mean * mean
        for image, mean in zip((drawn, faces), means, strict=True)
    ]
    shared = _local(drawn * faces) - means[0] * means[1]
    ssim = (2 * means[0] * means[1] + 1e-4) * (2 * shared + 9e-4)
    ssim = ssim / ((means[0] ** 2 + means[1] ** 2 + 1e-4) * (variances[0] + variances[1] + 9e-4))
    return 1 - ssim.mean() + 3 * (drawn - faces).abs().mean()


def _local(image: Tensor) -> Tensor:
    return F.avg_pool2d(image, 7, stride=2)
