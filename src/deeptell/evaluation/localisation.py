"""Whether a model's heat lies where a face was manipulated, with the masks as ground truth.

A data set in the layout of FaceForensics++ keeps beside each forged video one of the same frames,
255 where pixels were replaced. What a map puts inside is held against two things: the share of the
picture that the mask covers, which any map that knows nothing would put there, and the same model
with its weights drawn anew, whose maps know the middle of faces and their edges but no forgery
(Adebayo et al., NeurIPS 2018).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from deeptell.data.samples import Samples, places, samples_of, spread
from deeptell.errors import DataError
from deeptell.evaluation.masks import inside, mask_folder
from deeptell.explain.heat import heat_map, randomised
from deeptell.faces.store import FaceStore
from deeptell.figures import Measurement
from deeptell.inputs import prepare
from deeptell.models.bundle import Bundle
from deeptell.models.contract import Model
from deeptell.progress import Progress
from deeptell.records import FAKE, StoredCrop

DRAWS = 3  # of weights, whose figures are averaged: no verdict hangs on the luck of one
SAMPLES_PER_VIDEO = 4
_RESAMPLES = 1000
_TAILS = (2.5, 97.5)  # percentiles of a 95 % interval

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Located:
    """Where the heat of `(M,)` forged samples lies, the columns side by side.

    A map that is empty everywhere says as much of the place as one that is even everywhere, and
    counts as such: its energy, and its chance of pointing right, are the area.
    """

    videos: NDArray[np.str_]
    groups: NDArray[np.str_]
    methods: NDArray[np.str_]
    area: Floats  # share of the input that the mask covers
    energy: Floats  # share of the heat that lies inside
    pointed: Floats  # 1 where the hottest place lies inside (Zhang et al., ECCV 2016), else 0
    random_energy: Floats  # the same two of the model with its weights drawn anew
    random_pointed: Floats


def localisation(
    bundle: Bundle,
    store: FaceStore,
    benchmark: Path,
    *,
    method: str,
    split: str,
    data: str,
    progress: Progress | None = None,
) -> tuple[Measurement, ...]:
    """Measure how well the maps of a bundle find what was manipulated: "all", then by method.

    The metrics are those of `figures`. Samples in which nothing of the face was manipulated are
    left out, and so are manipulations that have no masks.

    Args:
        benchmark: the tree from which the store was extracted.
        method: name of a map; see `explain.heat.methods_for`.
        split: side of the store that is measured on.
        data: what the videos are, in words.
        progress: called with the videos done, and how many there are.

    Raises:
        DataError: the side holds no forged face with a mask, or a mask is missing or does not
            belong to its video.
        ConfigError: the model has no such map, or no weights that could be drawn anew.
    """
    found = locate(bundle.model, store, benchmark, method=method, split=split, progress=progress)
    level = "frame" if bundle.model.spec.frames == 1 else "clip"
    subsets = {"all": np.ones(len(found.area), bool)}
    subsets |= {str(name): found.methods == name for name in np.unique(found.methods)}
    return tuple(
        Measurement(
            data=data,
            by="all" if subset == "all" else "manipulation",
            subset=subset,
            level=level,
            metric=f"{method}_{metric}",
            value=value,
            low=low,
            high=high,
            videos=len(np.unique(found.videos[chosen])),
            groups=len(np.unique(found.groups[chosen])),
        )
        for subset, chosen in subsets.items()
        for metric, (value, low, high) in figures(found, chosen).items()
    )


def locate(
    model: Model,
    store: FaceStore,
    benchmark: Path,
    *,
    method: str,
    split: str,
    progress: Progress | None = None,
) -> Located:
    """Ask the model, and its likes with weights drawn anew, for the maps of the forged samples.

    Of each video `SAMPLES_PER_VIDEO` are taken, spread over it. For the rest see `localisation`.
    """
    models = [model, *(randomised(model, seed=seed) for seed in range(DRAWS))]
    videos = list(_forged(store, samples_of(store.index, model.spec), benchmark, split))
    rows: list[tuple[object, ...]] = []
    for done, (names, samples) in enumerate(videos, start=1):
        crops = store.read(samples.rows.ravel().tolist())
        path = mask_folder(benchmark, names.method) / names.file
        masks = inside(crops, model.spec, path, size=names.size)
        heat = _heat(models, crops, samples.lengths, method=method).reshape(-1, *masks.shape)
        for number, own in enumerate(samples.lengths):
            if (mask := masks[number, :own]).any():
                said = np.array([_where(maps, mask) for maps in heat[:, number, :own]])
                shares = (mask.mean(), *said[0], *said[1:].mean(axis=0))
                rows.append((names.video, names.group, names.method, *shares))
        if progress:
            progress(done, len(videos))
    if not rows:
        raise DataError(
            f"No face of '{split}' in {store.path} has a manipulated place in the masks of "
            f"{benchmark}: name the folder that the store was extracted from."
        )
    return Located(*(np.array(column) for column in zip(*rows, strict=True)))


def _heat(
    models: Sequence[Model],
    crops: Sequence[StoredCrop],
    lengths: NDArray[np.int64],
    *,
    method: str,
) -> NDArray[np.float32]:
    """The maps of each model of the same samples: `(models, N, ...)`."""
    batch, own = torch.from_numpy(prepare(crops, models[0].spec)), torch.from_numpy(lengths)
    maps = [heat_map(model, batch, method=method, lengths=own).numpy() for model in models]
    return np.stack(maps)


class _Names(NamedTuple):
    video: str
    group: str
    method: str
    file: str
    size: tuple[int, int]


def _forged(
    store: FaceStore, samples: Samples, benchmark: Path, split: str
) -> Iterator[tuple[_Names, Samples]]:
    """The forged videos of a side whose manipulation has masks, each with some of its samples."""
    videos = store.videos.loc[(store.videos["split"] == split) & (store.videos["label"] == FAKE)]
    columns = ("video_key", "group", "method", "path", "width", "height")
    named = {
        key: _Names(key, group, method, Path(path).name, (width, height))
        for key, group, method, path, width, height in zip(
            *(videos[column] for column in columns), strict=True
        )
        if mask_folder(benchmark, method).is_dir()
    }
    for key, (first, end) in zip(*places(store.index, samples), strict=True):
        if key in named:
            yield named[key], samples[spread(np.arange(first, end), count=SAMPLES_PER_VIDEO)]


def _where(heat: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[float, float]:
    """Share of the heat inside the mask, and whether the hottest place is; see `Located`."""
    total = heat.sum(dtype=np.float64)
    if total <= 0:
        return float(mask.mean()), float(mask.mean())
    return float(heat[mask].sum(dtype=np.float64) / total), float(mask.flat[heat.argmax()])


def figures(found: Located, chosen: NDArray[np.bool_]) -> dict[str, tuple[float, float, float]]:
    """Means over samples, and the 95 % intervals that resampling whole source groups gives.

    "area" is what chance would have of each; "energy" and "pointing" are the model's,
    "energy_to_area" is the quotient of the means. "random_" figures are those of drawn weights;
    "energy_gain" and "pointing_gain" are how much higher the model's are, on the same samples and
    the same draws of groups. An interval is NaN where there is one group only.
    """
    columns = ("area", "energy", "pointed", "random_energy", "random_pointed")
    values = np.column_stack([getattr(found, name)[chosen] for name in columns])
    keys, place = np.unique(found.groups[chosen], return_inverse=True)
    sums = np.zeros((len(keys), len(columns) + 1))
    np.add.at(sums, place, np.column_stack([values, np.ones(len(values))]))
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(keys), size=(_RESAMPLES, len(keys)))
    points = _named(sums.sum(axis=0))
    spreads = _named(sums[drawn].sum(axis=1).T)
    return {
        name: (float(value), *(_tails(spreads[name]) if len(keys) > 1 else (np.nan, np.nan)))
        for name, value in points.items()
    }


def _named(sums: Floats) -> dict[str, Floats]:
    """Figures from sums over samples, the last of which is their number: `(6, ...)`."""
    area, energy, pointed, random_energy, random_pointed = sums[:-1] / sums[-1]
    return {
        "area": area,
        "energy": energy,
        "energy_to_area": energy / area,
        "random_energy": random_energy,
        "energy_gain": energy - random_energy,
        "pointing": pointed,
        "random_pointing": random_pointed,
        "pointing_gain": pointed - random_pointed,
    }


def _tails(values: Floats) -> tuple[float, float]:
    low, high = np.percentile(values, _TAILS)
    return float(low), float(high)
