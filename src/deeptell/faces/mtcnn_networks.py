"""The three networks of MTCNN (Zhang et al., 2016, arXiv 1604.02878), with published weights.

The weights are files of facenet-pytorch. Its own networks are not imported: that takes a second.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

Name = Literal["pnet", "rnet", "onet"]


class Network(nn.Module):
    """Layers, and what is read off their last features.

    Args:
        layers: from pictures `(N, 3, H, W)` to features.
        heads: the first two of them give logits against and for a face, and the shifts of its
            box's corners; the third, if any, landmarks.
    """

    def __init__(self, layers: nn.Sequential, *heads: nn.Module) -> None:
        super().__init__()
        self.layers, self.heads = layers, nn.ModuleList(heads)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """The heads' answers, `(N, K)` each, or `(N, K, h, w)` of the network for proposals."""
        features = self.layers(pictures)
        return [head(features) for head in self.heads]


class _Flattened(nn.Module):
    """Features in a row as Caffe, in which the authors trained, had them after MATLAB."""

    def forward(self, features: Tensor) -> Tensor:
        return features.permute(0, 3, 2, 1).flatten(1)


def _layers(name: Name) -> Network:
    if name == "pnet":
        layers = [*_convolved(3, 10), _pooled(2), *_convolved(10, 16), *_convolved(16, 32)]
        return Network(nn.Sequential(*layers), nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1))
    if name == "rnet":
        layers = [*_convolved(3, 28), _pooled(3), *_convolved(28, 48), _pooled(3)]
        layers += [*_convolved(48, 64, side=2), *_connected(576, 128)]
        return Network(nn.Sequential(*layers), nn.Linear(128, 2), nn.Linear(128, 4))
    layers = [*_convolved(3, 32), _pooled(3), *_convolved(32, 64), _pooled(3)]
    layers += [*_convolved(64, 64), _pooled(2), *_convolved(64, 128, side=2)]
    layers += _connected(1152, 256)
    return Network(nn.Sequential(*layers), *(nn.Linear(256, width) for width in (2, 4, 10)))


def _convolved(inputs: int, outputs: int, *, side: int = 3) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, side), nn.PReLU(outputs)]


def _connected(inputs: int, outputs: int) -> list[nn.Module]:
    return [_Flattened(), nn.Linear(inputs, outputs), nn.PReLU(outputs)]


def _pooled(side: int) -> nn.Module:
    return nn.MaxPool2d(side, 2, ceil_mode=True)


def load_network(name: Name) -> Network:
    """One of the three, ready to be asked."""
    package = find_spec("facenet_pytorch")
    places = package.submodule_search_locations if package else None
    assert places
    file = Path(places[0]) / "data" / f"{name}.pt"
    network = _layers(name)
    published = torch.load(file, map_location="cpu", weights_only=True)
    # Other names for the same layers, in the same order.
    state = dict(zip(network.state_dict(), published.values(), strict=True))
    network.load_state_dict(state)
    # Channels last: on a processor pooling, half of the time otherwise, is far faster so.
    return network.eval().to(memory_format=torch.channels_last)
