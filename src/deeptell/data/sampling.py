"""The data sets that read samples, and batches of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from deeptell.data.augment import Augment
from deeptell.data.samples import Samples, samples_of, spread
from deeptell.data.self_blends import self_blended
from deeptell.errors import DataError
from deeptell.faces.store import FaceStore
from deeptell.inputs import InputSpec, normalise, prepare
from deeptell.records import Image, StoredCrop

Key = int | tuple[int, int] | tuple[int, int, bool]
Item = tuple[Tensor, Tensor, Tensor]  # faces or features, length, label


class FaceDataset(Dataset[Item]):
    """Map-style data set over samples of a store.

    An item is `(faces, length, label)`: `(3, size, size)` or `(3, frames, size, size)` float32,
    int64, and float32 with FAKE = 1. Its key is the number of a sample, or `(sample, draw)`:
    equal draws give equal random changes, so workers need no state, and the frames of one sample
    are changed alike. `(sample, draw, True)` is the self-blend of a real sample, FAKE, and
    `(sample, draw, False)` what that is to be told from. A whole batch is fetched at once, so a
    `DataLoader` over it needs `collate_fn=as_fetched`.
    """

    def __init__(
        self,
        store: FaceStore,
        samples: Samples,
        labels: NDArray[np.int64],
        *,
        spec: InputSpec,
        augment: Augment,
    ) -> None:
        self.store, self.samples, self.labels = store, samples, labels
        self.spec, self.augment = spec, augment

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: Key) -> Item:
        faces, lengths, labels = self.__getitems__([key])
        return faces[0], lengths[0], labels[0]

    def __getitems__(self, keys: Sequence[Key]) -> Item:
        asked = [_Asked(*key) if isinstance(key, tuple) else _Asked(key) for key in keys]
        chosen = np.array([one.sample for one in asked])
        crops = self.store.read(self.samples.rows[chosen].ravel().tolist())
        images: list[Image] = []
        for place, one in enumerate(asked):
            start = place * self.spec.frames
            images += self._changed(crops[start : start + self.spec.frames], one)
        labels = [
            self.labels[one.sample] if one.self_blend is None else one.self_blend for one in asked
        ]
        return (
            torch.from_numpy(normalise(images, self.spec)),
            torch.from_numpy(self.samples.lengths[chosen]),
            torch.from_numpy(np.array(labels, np.float32)),
        )

    def _changed(self, crops: Sequence[StoredCrop], asked: "_Asked") -> list[Image]:
        """The cut faces of one sample."""
        if asked.self_blend is not None:
            crops = self_blended(crops, draw=asked.draw, fake=asked.self_blend)
        return [self.augment(crop, self.spec, np.random.default_rng(asked.draw)) for crop in crops]


class _Asked(NamedTuple):
    """A key in full."""

    sample: int
    draw: int = 0
    self_blend: bool | None = None  # None: as it is stored


class FeatureDataset(Dataset[Item]):
    """The same over features that were cached, in memory.

    An item holds `(D,)` features, or `(frames, D)` of a sequence.
    """

    def __init__(self, features: Tensor, samples: Samples, labels: NDArray[np.int64]) -> None:
        self.features = features
        self.rows = torch.from_numpy(samples.rows)
        self.lengths = torch.from_numpy(samples.lengths)
        self.labels = torch.tensor(labels, dtype=torch.float32)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, key: Key) -> Item:
        inputs, lengths, labels = self.__getitems__([key])
        return inputs[0], lengths[0], labels[0]

    def __getitems__(self, keys: Sequence[Key]) -> Item:
        chosen = torch.tensor([key[0] if isinstance(key, tuple) else key for key in keys])
        inputs = self.features[self.rows[chosen]]
        single = self.rows.shape[1] == 1
        return inputs.squeeze(1) if single else inputs, self.lengths[chosen], self.labels[chosen]


def as_fetched(batch: Any) -> Any:
    """A batch that is whole already."""
    return batch


def spread_batch(store: FaceStore, spec: InputSpec, *, count: int) -> tuple[Tensor, Tensor]:
    """At most `count` samples spread over a store: their faces and lengths, as a model takes them.

    Raises:
        DataError: no track of the store is long enough for one.
    """
    samples = samples_of(store.index, spec)
    if not len(samples):
        raise DataError(f"No track of {store.path} has {spec.frames} consecutive faces.")
    chosen = samples[spread(np.arange(len(samples)), count=count)]
    faces = prepare(store.read(chosen.rows.ravel().tolist()), spec)
    return torch.from_numpy(faces), torch.from_numpy(chosen.lengths)
