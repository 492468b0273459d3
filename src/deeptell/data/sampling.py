"""Which stored faces make an epoch, and the data set that reads them."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from deeptell.data.augment import Augment
from deeptell.faces.store import FaceStore
from deeptell.inputs import InputSpec, normalise
from deeptell.records import FAKE, REAL


def spread_rows(index: pd.DataFrame, *, per_video: int) -> NDArray[np.int64]:
    """Positions in the index of at most `per_video` faces of each video, spread over its length.

    The reference system took the first 25 frames, about one second (FACTS B).
    """
    chosen = []
    for rows in index.groupby("video_key", sort=False).indices.values():
        take = np.linspace(0, len(rows) - 1, min(per_video, len(rows))).round().astype(int)
        chosen.append(np.asarray(rows)[take])
    return np.concatenate(chosen).astype(np.int64)


class FaceDataset(Dataset[tuple[Tensor, Tensor]]):
    """Map-style data set over the rows of a store's index.

    An item is `(face, label)`: `(3, size, size)` float32 and a float32 scalar, FAKE = 1. Its key
    is a row, or `(row, draw)`: equal draws give equal random changes, so workers need no state.
    """

    def __init__(
        self, store: FaceStore, labels: NDArray[np.int64], *, spec: InputSpec, augment: Augment
    ) -> None:
        self.store, self.labels, self.spec, self.augment = store, labels, spec, augment

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, key: int | tuple[int, int]) -> tuple[Tensor, Tensor]:
        row, draw = key if isinstance(key, tuple) else (key, 0)
        crop = self.store.read([row])[0]
        face = self.augment(crop, self.spec, np.random.default_rng(draw))
        return torch.from_numpy(normalise(face, self.spec)), torch.tensor(
            float(self.labels[row]), dtype=torch.float32
        )


class PairedSampler(Sampler[tuple[int, int]]):
    """Every epoch draws each fake video `per_video` times, and a real face beside each draw.

    Fakes outnumber reals four to one in FaceForensics++ and seven to one in Celeb-DF; here both
    weigh the same. The real face is of the video that the fake was made from, at the same moment,
    and both are changed alike: what differs between them is the manipulation. A small network
    trained from scratch finds it in 400 steps, where balanced batches of strangers left it at
    chance. Real videos without a fake take their share of the places.

    Yields `(row, draw)`, fake and real in turn; the sequence depends on seed and epoch only.
    """

    def __init__(
        self, index: pd.DataFrame, videos: pd.DataFrame, *, per_video: int, seed: int
    ) -> None:
        rows_of = index.groupby("video_key").indices
        self._rows = [np.asarray(rows_of[key], np.int64) for key in videos["video_key"]]
        self._frames = index["frame_index"].to_numpy()
        self._fakes = np.flatnonzero(videos["label"] == FAKE)
        reals = np.flatnonzero(videos["label"] == REAL)
        origin = ["dataset", "compression", "target_id"]
        place = dict(zip(videos.iloc[reals][origin].itertuples(index=False), reals, strict=True))
        found = videos.iloc[self._fakes][origin].itertuples(index=False)
        self._real_of = [int(place.get(key, -1)) for key in found]
        self._alone = np.setdiff1d(reals, self._real_of)
        self._share_alone = len(self._alone) / len(reals)
        self._reals = reals
        self.per_video, self.seed, self.epoch = per_video, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return 2 * len(self._fakes) * self.per_video

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        for turn in rng.permutation(len(self._fakes) * self.per_video):
            fake = int(turn) % len(self._fakes)
            row = int(rng.choice(self._rows[self._fakes[fake]]))
            draw = int(rng.integers(2**31))
            yield row, draw
            yield self._beside(row, self._real_of[fake], rng), draw

    def _beside(self, row: int, real: int, rng: np.random.Generator) -> int:
        """A face of the real video at the moment of the fake face, or of a video without fakes."""
        if rng.random() < self._share_alone:
            real = int(rng.choice(self._alone))
        elif real < 0:
            real = int(rng.choice(self._reals))
        rows = self._rows[real]
        return int(rows[np.argmin(np.abs(self._frames[rows] - self._frames[row]))])
