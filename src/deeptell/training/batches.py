"""The loaders of a training run, over faces or over cached embeddings."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from deeptell.catalog import lookup
from deeptell.config import TrainConfig
from deeptell.data.augment import AUGMENTS
from deeptell.data.embeddings import Embeddings
from deeptell.data.samplers import SAMPLERS, SELF_BLENDED, EpochSampler
from deeptell.data.samples import (
    Samples,
    places,
    samples_of,
    spread,
    too_short,
    video_codes,
)
from deeptell.data.sampling import FaceDataset, FeatureDataset, Item, Key, as_fetched
from deeptell.data.self_blends import reader
from deeptell.errors import ConfigError, DataError
from deeptell.faces.store import FaceStore
from deeptell.inputs import InputSpec
from deeptell.records import FAKE, REAL, StoredCrop

Loaders = tuple[DataLoader[Item], DataLoader[Item]]


@dataclass(frozen=True)
class Part:
    """Some samples that are learnt from, and how their faces are read."""

    numbers: NDArray[np.int64]  # (M,) of the samples
    labels: NDArray[np.int64]  # (M,)
    read: Callable[[Sequence[int]], list[StoredCrop]] = field(repr=False)


@dataclass(frozen=True)
class Material:
    """The samples of a store as one model takes them, with their labels.

    Attributes:
        videos: those of "train" and "val".
        embeddings: where training is on cached ones.
    """

    store: FaceStore
    videos: pd.DataFrame
    spec: InputSpec
    embeddings: Embeddings | None = None

    @cached_property
    def samples(self) -> Samples:
        """Every sample of the store, in the order of its index."""
        return samples_of(self.store.index, self.spec)

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """`(M,)`; -1 for samples of videos that are not used."""
        return self._known("label", -1).astype(np.int64)

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """`(M,)` the source group of each sample."""
        return self._known("group", "").astype(str)

    def _known(self, column: str, otherwise: Any) -> NDArray[Any]:
        codes, keys = video_codes(self.store.index)
        known = self.videos.set_index("video_key")[column].reindex(keys).fillna(otherwise)
        values: NDArray[Any] = known.to_numpy()[codes[self.samples.rows[:, 0]]]
        return values

    def of(self, videos: pd.DataFrame, *, per_video: int | None = None) -> NDArray[np.int64]:
        """Numbers of the samples of some videos, or of at most so many of each, spread over it."""
        keys, spans = self._places
        found = keys.get_indexer(pd.Index(videos["video_key"]))
        mine = [np.arange(*span, dtype=np.int64) for span in spans[found[found >= 0]]]
        if per_video is not None:
            mine = [spread(own, count=per_video) for own in mine]
        return np.concatenate(mine) if mine else np.empty(0, np.int64)

    def parts(
        self, videos: pd.DataFrame, fakes: str, *, per_video: int | None = None
    ) -> Iterator[Part]:
        """What is learnt from some videos, without the changes of augmentation.

        Args:
            fakes: `TrainConfig.fakes`. A self-blend is drawn by the first row of its sample.
            per_video: at most so many samples of each.
        """
        if fakes != "self_blended":
            numbers = self.of(videos, per_video=per_video)
            yield Part(numbers, self.labels[numbers], self.store.read)
        if fakes != "store":
            reals = self.of(videos.loc[videos["label"] == REAL], per_video=per_video)
            for label in (REAL, FAKE):
                read = reader(self.store, frames=self.spec.frames, fake=label == FAKE)
                yield Part(reals, np.full(len(reals), label, np.int64), read)

    @cached_property
    def _places(self) -> tuple["pd.Index[str]", NDArray[np.int64]]:
        return places(self.store.index, self.samples)

    def without_short(self, videos: pd.DataFrame) -> pd.DataFrame:
        """The videos that give at least one sample.

        Raises:
            DataError: none of a class does.
        """
        kept = videos.loc[videos["video_key"].isin(self._places[0])]
        for label, name in ((0, "real"), (1, "manipulated")):
            if not (kept["label"] == label).any():
                raise DataError(
                    f"No {name} video has a track with {self.spec.frames} consecutive faces, which "
                    f"this model takes; 'deeptell extract --consecutive {self.spec.frames}' keeps "
                    "them."
                )
        return kept

    @property
    def short_tracks(self) -> "pd.Series[int]":
        """How many tracks of each video give no sample, where any does."""
        short = too_short(self.store.index, self.spec)
        return short.loc[short.index.isin(self.videos["video_key"])]

    def loaders(
        self, trained: pd.DataFrame, validated: pd.DataFrame, config: TrainConfig
    ) -> Loaders:
        """Changed training samples as the sampler draws them, and fixed validation samples.

        Where every fake is a self-blend, those of validation are, too: they are drawn by the number
        of their sample, the same in every epoch.

        Raises:
            ConfigError: see `check_fakes`.
        """
        check_fakes(config, cached=self.embeddings is not None)
        sampler = _sampler(config)(
            self.samples,
            self.store.index,
            trained,
            per_video=config.frames_per_video,
            seed=config.seed,
        )
        if self.embeddings is not None:
            fixed = self.of(validated, per_video=config.frames_per_video)
            return self._feature_loaders(sampler, fixed, config)
        return self._face_loaders(sampler, self._fixed(validated, config), config)

    def _fixed(self, validated: pd.DataFrame, config: TrainConfig) -> Sequence[Key]:
        """The keys of the validation samples."""
        asked = learnt_from(validated, config.fakes)
        numbers: list[int] = self.of(asked, per_video=config.frames_per_video).tolist()
        if config.fakes != "self_blended":
            return numbers
        return [(number, number, fake) for number in numbers for fake in (True, False)]

    def _feature_loaders(
        self, sampler: EpochSampler, fixed: NDArray[np.int64], config: TrainConfig
    ) -> Loaders:
        assert self.embeddings is not None
        features = torch.from_numpy(self.embeddings.values)
        data = FeatureDataset(features, self.samples, self.labels)
        size = min(config.batch_size, len(sampler))
        return (
            DataLoader(data, size, sampler=sampler, drop_last=True, collate_fn=as_fetched),
            DataLoader(data, 4096, sampler=fixed, collate_fn=as_fetched),
        )

    def _face_loaders(
        self, sampler: EpochSampler, fixed: Sequence[Key], config: TrainConfig
    ) -> Loaders:
        augment = lookup(AUGMENTS, config.augment, kind="augmentation")
        sets = [
            FaceDataset(self.store, self.samples, self.labels, spec=self.spec, augment=change)
            for change in (augment, AUGMENTS["none"])
        ]
        workers = readers()
        size = min(config.batch_size, len(sampler))
        return (
            DataLoader(
                sets[0],
                size,
                sampler=sampler,
                drop_last=True,
                collate_fn=as_fetched,
                num_workers=workers,
                persistent_workers=True,
                pin_memory=torch.cuda.is_available(),
            ),
            DataLoader(
                sets[1], 2 * size, sampler=fixed, collate_fn=as_fetched, num_workers=workers
            ),
        )


def learnt_from(videos: pd.DataFrame, fakes: str) -> pd.DataFrame:
    """Those of the videos that weights and epoch are made from, by `TrainConfig.fakes`."""
    return videos.loc[videos["label"] == REAL] if fakes == "self_blended" else videos


def check_fakes(config: TrainConfig, *, cached: bool) -> None:
    """Refuse settings that self-blends do not go with.

    Args:
        cached: whether training is on cached embeddings.

    Raises:
        ConfigError: it is; or samples are not to be drawn in pairs, each self-blend beside its own
            real face, which leaves nothing to balance.
    """
    if config.fakes == "store":
        return
    if cached:
        raise ConfigError(
            f"fakes: {config.fakes} needs faces to blend, and embeddings hold none: leave out "
            "--embeddings and name the encoder with the setting 'encoder'."
        )
    unpaired = {"sampler": config.sampler != "paired"}
    unpaired |= {"chunks": config.chunks, "class_weight": config.class_weight}
    for setting, set_otherwise in unpaired.items():
        if set_otherwise:
            raise ConfigError(
                f"fakes: {config.fakes} draws each self-blend beside its own real face: leave out "
                f"'{setting}: {getattr(config, setting)}'."
            )


def _sampler(config: TrainConfig) -> Callable[..., EpochSampler]:
    if config.fakes != "store":
        return SELF_BLENDED[config.fakes]
    return lookup(SAMPLERS, config.sampler, kind="sampler")


def readers() -> int:
    """Processes that read faces: one for every four cores, or all but one beside a GPU."""
    cores = os.cpu_count() or 1
    return max(1, cores - 1 if torch.cuda.is_available() else cores // 4)
