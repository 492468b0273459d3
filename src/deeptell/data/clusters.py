"""What must stay together: videos of one group, copies of each other, and the people in them."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from deeptell.data.looks import COPY, close_pairs, is_look, packed

Numbers = NDArray[np.int64]
Links = tuple[Numbers, Numbers]  # numbers of videos, and of a thing that each has


def clusters(videos: pd.DataFrame) -> Numbers:
    """Number of the cluster of each video, `(N,)`: joined by group, by bytes, or by look.

    A video without a group is a group of its own. Bytes and looks join what `probe` has seen.
    """
    group = videos["group"].where(videos["group"] != "", videos["video_key"])
    links = [_known(videos["dataset"] + "\0" + group)]
    if "sha256" in videos:
        links.append(_known(videos["sha256"]))
    if "phash" in videos:
        links.append(_looks(videos["phash"]))
    return components(len(videos), links)


def people(videos: pd.DataFrame) -> tuple[Numbers, Numbers]:
    """Numbers of the people in each video, target and source, twice `(N,)`.

    Where one is unknown it is taken to be the other; both are -1 where nobody is known.
    """
    names = [videos[column].fillna("").to_numpy(str) for column in ("target_id", "source_id")]
    datasets = videos["dataset"].to_numpy(str)
    keys = np.concatenate([np.char.add(np.char.add(datasets, "\0"), name) for name in names])
    _, numbers = np.unique(keys, return_inverse=True)
    numbers = np.where(np.concatenate(names) == "", -1, numbers).astype(np.int64)
    target, source = np.split(numbers, 2)
    return np.where(target < 0, source, target), np.where(source < 0, target, source)


def components(count: int, links: list[Links]) -> Numbers:
    """Number the components of `count` videos that the links join, `(count,)`."""
    offset, starts = count, []
    for _, things in links:
        starts.append(offset)
        offset += int(things.max(initial=-1)) + 1
    rows = np.concatenate([videos for videos, _ in links])
    columns = np.concatenate([t + start for (_, t), start in zip(links, starts, strict=True)])
    graph = coo_array((np.ones(len(rows), bool), (rows, columns)), shape=(offset, offset))
    return np.asarray(connected_components(graph, directed=False)[1][:count], np.int64)


def _known(things: "pd.Series[str]") -> Links:
    known = np.flatnonzero(things.fillna("") != "")
    _, numbers = np.unique(things.to_numpy(str)[known], return_inverse=True)
    return known, numbers.astype(np.int64)


def _looks(looks: "pd.Series[str]") -> Links:
    """Link each video with the looks that are near its own, chained."""
    seen = np.flatnonzero(looks.fillna("").map(is_look))
    distinct, own = np.unique(looks.to_numpy(str)[seen], return_inverse=True)
    if not len(distinct):
        return seen, seen
    bits = packed(list(distinct))
    near = [(ones, others) for ones, others, _ in close_pairs(bits, bits, within=COPY)]
    chained = components(len(distinct), near)
    return seen, chained[own]
