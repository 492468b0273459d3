"""Which samples make an epoch: what is drawn from the index alone, without torch."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from deeptell.data.samples import Samples, places
from deeptell.records import FAKE, REAL

# Sample and draw; for self-blends also whether it is one, or what one is to be told from.
Drawn = tuple[int, int] | tuple[int, int, bool]


class EpochSampler(ABC):
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
        keys, spans = places(index, samples)
        self.videos = videos.loc[videos["video_key"].isin(keys)]
        # (V, 2): the first sample of each video, and that after its last.
        self.of_video = spans[keys.get_indexer(pd.Index(self.videos["video_key"]))]
        self.rows, self.frames = samples.rows, index["frame_index"].to_numpy()
        self.fakes = np.flatnonzero(self.videos["label"] == FAKE)
        self.reals = np.flatnonzero(self.videos["label"] == REAL)
        self.per_video, self.seed, self.epoch = per_video, seed, 0

    @abstractmethod
    def __len__(self) -> int:
        """Keys in an epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[Drawn]:
        return self.draws(np.random.default_rng((self.seed, self.epoch)))

    def _one_of(self, video: int, rng: np.random.Generator) -> int:
        """A random sample of a video."""
        return int(rng.integers(*self.of_video[video]))

    @abstractmethod
    def draws(self, rng: np.random.Generator) -> Iterator[Drawn]:
        """The keys of one epoch."""


class ShuffledSampler(EpochSampler):
    """Every video equally often, in random order: the classes come as they are in the data."""

    def __len__(self) -> int:
        return len(self.of_video) * self.per_video

    def draws(self, rng: np.random.Generator) -> Iterator[Drawn]:
        """As the reference system's batches."""
        for turn in rng.permutation(len(self)):
            yield self._one_of(turn % len(self.of_video), rng), _draw(rng)


class BalancedSampler(EpochSampler):
    """Fake and real in turn, so that every batch holds as many of each: weighted sampling.

    Every fake video comes `per_video` times, a random real one beside each.
    """

    def __len__(self) -> int:
        return 2 * len(self.fakes) * self.per_video

    def draws(self, rng: np.random.Generator) -> Iterator[Drawn]:
        """M-per-class batches."""
        for turn in rng.permutation(len(self.fakes) * self.per_video):
            fake = self.fakes[turn % len(self.fakes)]
            for video in (fake, rng.choice(self.reals)):
                yield self._one_of(video, rng), _draw(rng)


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

    def draws(self, rng: np.random.Generator) -> Iterator[Drawn]:
        """Pairs."""
        for turn in rng.permutation(len(self.fakes) * self.per_video):
            yield from self._pair(int(turn) % len(self.fakes), rng)

    def _pair(self, fake: int, rng: np.random.Generator) -> Iterator[Drawn]:
        sample = self._one_of(self.fakes[fake], rng)
        draw = _draw(rng)
        yield sample, draw
        yield self._beside(sample, self._real_of[fake], rng), draw

    def _beside(self, sample: int, real: int, rng: np.random.Generator) -> int:
        """A sample of the real video at the moment of the fake's, or of a video without fakes."""
        if rng.random() < self._share_alone:
            real = int(rng.choice(self._alone))
        elif real < 0:
            real = int(rng.choice(self.reals))
        first, after = self.of_video[real]
        begins = self.frames[self.rows[first:after, 0]]
        return int(first + np.argmin(np.abs(begins - self.frames[self.rows[sample, 0]])))


class SelfBlendedSampler(EpochSampler):
    """Every real video `per_video` times, each sample first as a self-blend; no fake at all.

    Yields the self-blend and the real sample that it is to be told from in turn.
    """

    def __len__(self) -> int:
        return 2 * len(self.reals) * self.per_video

    def draws(self, rng: np.random.Generator) -> Iterator[Drawn]:
        """Pairs."""
        for turn in rng.permutation(len(self.reals) * self.per_video):
            yield from _self_blend(self._one_of(self.reals[turn % len(self.reals)], rng), rng)


class BothSampler(PairedSampler):
    """The pairs of `PairedSampler`, and among them those of `SelfBlendedSampler`."""

    def __len__(self) -> int:
        return 2 * (len(self.fakes) + len(self.reals)) * self.per_video

    def draws(self, rng: np.random.Generator) -> Iterator[Drawn]:
        """Self-blending counts as one manipulation more."""
        for turn in rng.permutation(len(self) // 2):
            video = int(turn) // self.per_video
            if video < len(self.fakes):
                yield from self._pair(video, rng)
            else:
                real = self.reals[video - len(self.fakes)]
                yield from _self_blend(self._one_of(real, rng), rng)


def _self_blend(sample: int, rng: np.random.Generator) -> Iterator[Drawn]:
    draw = _draw(rng)
    yield sample, draw, True
    yield sample, draw, False


def _draw(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


SAMPLERS: Mapping[str, Callable[..., EpochSampler]] = {
    "paired": PairedSampler,
    "balanced": BalancedSampler,
    "shuffled": ShuffledSampler,
}

# By what the fakes are: to be told from the very face they were made from, they come in pairs.
SELF_BLENDED: Mapping[str, Callable[..., EpochSampler]] = {
    "self_blended": SelfBlendedSampler,
    "both": BothSampler,
}
