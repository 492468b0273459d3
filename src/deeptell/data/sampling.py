"""Which samples make an epoch, and the data sets that read them."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from deeptell.data.augment import Augment
from deeptell.data.samples import Samples, samples_of, spread
from deeptell.errors import DataError
from deeptell.faces.store import FaceStore
from deeptell.inputs import InputSpec, normalise, prepare
from deeptell.records import FAKE, REAL

Key = int | tuple[int, int]
Item = tuple[Tensor, Tensor, Tensor]  # faces or features, length, label


class FaceDataset(Dataset[Item]):
    """Map-style data set over samples of a store.

    An item is `(faces, length, label)`: `(3, size, size)` or `(3, frames, size, size)` float32,
    int64, and float32 with FAKE = 1. Its key is the number of a sample, or `(sample, draw)`:
    equal draws give equal random changes, so workers need no state, and the frames of one sample
    are changed alike.
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
        sample, draw = key if isinstance(key, tuple) else (key, 0)
        crops = self.store.read(self.samples.rows[sample].tolist())
        images = [self.augment(crop, self.spec, np.random.default_rng(draw)) for crop in crops]
        faces = torch.from_numpy(normalise(np.stack(images), self.spec))
        faces = faces[0] if self.spec.frames == 1 else faces.transpose(0, 1).contiguous()
        label = torch.tensor(float(self.labels[sample]), dtype=torch.float32)
        return faces, torch.tensor(int(self.samples.lengths[sample])), label


class FeatureDataset(Dataset[Item]):
    """The same over features that were cached, in memory.

    An item holds `(D,)` features, or `(frames, D)` of a sequence; a whole batch is fetched at
    once, so a `DataLoader` over it needs `collate_fn=as_fetched`.
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


class EpochSampler(Sampler[tuple[int, int]]):
    """Draws `(sample, draw)` keys; the sequence depends on seed and epoch only.

    Args:
        samples: of the whole store.
        index: the store's.
        videos: those to train on, with label, dataset, compression and target_id.
        per_video: how often each video is drawn in an epoch.
    """

    def __init__(
        self,
        samples: Samples,
        index: pd.DataFrame,
        videos: pd.DataFrame,
        *,
        per_video: int,
        seed: int,
    ) -> None:
        keys = index["video_key"].to_numpy()[samples.middle]
        of_video = pd.Series(np.arange(len(samples))).groupby(keys).indices
        self.videos = videos.loc[videos["video_key"].isin(of_video)]
        self.of_video = [np.asarray(of_video[key], np.int64) for key in self.videos["video_key"]]
        self.frames = index["frame_index"].to_numpy()[samples.rows[:, 0]]
        self.fakes = np.flatnonzero(self.videos["label"] == FAKE)
        self.reals = np.flatnonzero(self.videos["label"] == REAL)
        self.per_video, self.seed, self.epoch = per_video, seed, 0

    @abstractmethod
    def __len__(self) -> int:
        """Keys in an epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return self.draws(np.random.default_rng((self.seed, self.epoch)))

    @abstractmethod
    def draws(self, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """The keys of one epoch."""


class ShuffledSampler(EpochSampler):
    """Every video equally often, in random order: the classes come as they are in the data."""

    def __len__(self) -> int:
        return len(self.of_video) * self.per_video

    def draws(self, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """As the reference system's batches."""
        for turn in rng.permutation(len(self)):
            yield int(rng.choice(self.of_video[turn % len(self.of_video)])), _draw(rng)


class BalancedSampler(EpochSampler):
    """Fake and real in turn, so that every batch holds as many of each: weighted sampling.

    Every fake video comes `per_video` times, a random real one beside each.
    """

    def __len__(self) -> int:
        return 2 * len(self.fakes) * self.per_video

    def draws(self, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """M-per-class batches."""
        for turn in rng.permutation(len(self.fakes) * self.per_video):
            fake = self.fakes[turn % len(self.fakes)]
            for video in (fake, rng.choice(self.reals)):
                yield int(rng.choice(self.of_video[video])), _draw(rng)


class PairedSampler(EpochSampler):
    """Every epoch draws each fake video `per_video` times, and a real sample beside each draw.

    Fakes outnumber reals four to one in FaceForensics++ and seven to one in Celeb-DF; here both
    weigh the same. The real sample is of the video that the fake was made from, at the same
    moment, and both are changed alike: what differs between them is the manipulation. A small
    network trained from scratch finds it in 400 steps, where balanced batches of strangers left it
    at chance. Real videos without a fake take their share of the places.

    Yields fake and real in turn.
    """

    def __init__(
        self,
        samples: Samples,
        index: pd.DataFrame,
        videos: pd.DataFrame,
        *,
        per_video: int,
        seed: int,
    ) -> None:
        super().__init__(samples, index, videos, per_video=per_video, seed=seed)
        origin = ["dataset", "compression", "target_id"]
        known = self.videos.iloc[self.reals][origin].itertuples(index=False)
        place = dict(zip(known, self.reals, strict=True))
        found = self.videos.iloc[self.fakes][origin].itertuples(index=False)
        self._real_of = [int(place.get(key, -1)) for key in found]
        self._alone = np.setdiff1d(self.reals, self._real_of)
        self._share_alone = len(self._alone) / max(1, len(self.reals))

    def __len__(self) -> int:
        return 2 * len(self.fakes) * self.per_video

    def draws(self, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """Pairs."""
        for turn in rng.permutation(len(self.fakes) * self.per_video):
            fake = int(turn) % len(self.fakes)
            sample = int(rng.choice(self.of_video[self.fakes[fake]]))
            draw = _draw(rng)
            yield sample, draw
            yield self._beside(sample, self._real_of[fake], rng), draw

    def _beside(self, sample: int, real: int, rng: np.random.Generator) -> int:
        """A sample of the real video at the moment of the fake's, or of a video without fakes."""
        if rng.random() < self._share_alone:
            real = int(rng.choice(self._alone))
        elif real < 0:
            real = int(rng.choice(self.reals))
        mine = self.of_video[real]
        return int(mine[np.argmin(np.abs(self.frames[mine] - self.frames[sample]))])


def _draw(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


SAMPLERS: Mapping[str, Callable[..., EpochSampler]] = {
    "paired": PairedSampler,
    "balanced": BalancedSampler,
    "shuffled": ShuffledSampler,
}
