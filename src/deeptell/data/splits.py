"""Videos are shared out among training, validation and test so that nothing leaks between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.data.clusters import Numbers, clusters, components, people
from deeptell.data.leaks import check_leaks
from deeptell.data.manifest import check_manifest
from deeptell.errors import ConfigError, DataError, LeakError
from deeptell.records import FAKE, REAL

By = Literal["group", "person"]
CLASSES = ((REAL, "real"), (FAKE, "fake"))
CHOOSING = ("train", "val")  # the sides on which weights, epoch, threshold, calibration are chosen


@dataclass(frozen=True)
class Split:
    """A manifest with its new sides, and what that cost."""

    manifest: pd.DataFrame = field(repr=False)  # the rows given, in their order, and `split_by`
    left_out: pd.DataFrame  # video_key, split (the side it had), reason
    leaks: pd.DataFrame  # of `find_leaks`: what is left is no leak, or was asked for


def split(
    manifest: pd.DataFrame,
    *,
    by: By,
    val: float,
    test: float,
    seed: int,
    keep_test: bool = False,
    as_published: bool = False,
) -> Split:
    """Give every video a side, "" for those that can have none.

    Groups, and with them copies by bytes and look where `probe` has put them into the table, always
    stay together. By person, people are shared out, and a video whose two people fall on two sides
    is left out; people who are linked to few others stay together with them.

    Args:
        val, test: shares of the videos; by person, of the people, weighed by their videos.
        seed: other seeds give other splits; the order of the rows does not matter.
        keep_test: the videos of "test" stay there, and what leaks from them into the others leaves;
            `val` counts of what remains, `test` not at all. Videos that had no side get none.
        as_published: with `keep_test`; nothing leaves, and the leaks of the test set stay.

    Raises:
        ConfigError: a share, or the combination, makes no sense.
        DataError: a side would lack real or fake videos.
    """
    check_manifest(manifest, what="The manifest")
    _check(manifest, by, val, test, keep_test, as_published)
    videos = manifest.sort_values("video_key", ignore_index=True)
    cluster = clusters(videos)
    tested, free = _free(videos, keep_test)
    reasons = np.full(len(videos), "", dtype=object)
    if keep_test and not as_published:
        tainted = free & _touches(tested, videos, cluster, by)
        reasons[tainted] = f"its {by}, or a copy of it, stands in the test set"
        free &= ~tainted
    shares = {"train": 1 - val - (0 if keep_test else test), "val": val}
    shares |= {} if keep_test else {"test": test}
    sides = np.where(tested, "test", "").astype(object)
    sides[free], reasons[free] = _share_out(videos.loc[free], cluster[free], by, shares, seed)
    new = pd.DataFrame({"split": sides, "reason": reasons}, index=videos["video_key"])
    _check_sides(videos, sides, by, [name for name, share in shares.items() if share])
    result = manifest.assign(split=manifest["video_key"].map(new["split"]), split_by=by)
    out = manifest[["video_key", "split"]].assign(reason=manifest["video_key"].map(new["reason"]))
    return Split(
        manifest=result,
        left_out=out.loc[out["reason"] != ""].reset_index(drop=True),
        leaks=check_leaks(result, as_published=as_published),
    )


def side(videos: pd.DataFrame, split: str) -> pd.DataFrame:
    """The videos of one side; a `DataError` where it lacks real or fake videos."""
    chosen = videos.loc[videos["split"] == split]
    for label, name in CLASSES:
        if not (chosen["label"] == label).any():
            raise DataError(f"The split '{split}' holds no {name} video with a usable face.")
    return chosen


def choosing_side(videos: pd.DataFrame, split: str) -> pd.DataFrame:
    """The videos of a side on which weights, epoch, threshold or calibration may be chosen.

    Raises:
        LeakError: the side is not "train" or "val".
        DataError: as `side`.
    """
    if split not in CHOOSING:
        raise LeakError(
            f"Nothing is chosen on the side '{split}': what is tested decides neither weights nor "
            f"epoch, threshold or calibration; take one of {' and '.join(CHOOSING)}."
        )
    return side(videos, split)


def only(
    videos: pd.DataFrame, *, methods: Sequence[str] = (), compressions: Sequence[str] = ()
) -> pd.DataFrame:
    """The videos of some manipulations, beside all real ones, and of some compressions.

    Args:
        methods, compressions: none named means all of them.

    Raises:
        ConfigError: no video has one of the names.
    """
    if methods:
        fake = videos["label"] == FAKE
        _check_names(methods, videos.loc[fake, "method"], kind="manipulation")
        videos = videos.loc[~fake | videos["method"].isin(methods)]
    if compressions:
        _check_names(compressions, videos["compression"], kind="compression")
        videos = videos.loc[videos["compression"].isin(compressions)]
    return videos


def _check_names(wished: Sequence[str], column: "pd.Series[str]", *, kind: str) -> None:
    held = sorted(set(column))
    unknown = [name for name in wished if name not in held]
    if unknown:
        raise ConfigError(
            f"No video here has the {kind} '{unknown[0]}'; there are {', '.join(held)}."
        )


def _check(
    manifest: pd.DataFrame, by: str, val: float, test: float, keep_test: bool, as_published: bool
) -> None:
    if by not in get_args(By):
        raise ConfigError(f"A split is made by 'group' or by 'person', got '{by}'.")
    if not (val >= 0 and test >= 0 and val + (0 if keep_test else test) < 1):
        raise ConfigError(
            "The shares of val and test must be 0 or more and leave something to train on, got "
            f"{val} and {test}."
        )
    if as_published and not keep_test:
        raise ConfigError("A split as published keeps the published test set: set keep_test too.")
    if keep_test and not (manifest["split"] == "test").any():
        raise DataError("The manifest has no test set that could be kept: leave out keep_test.")


def _check_sides(
    videos: pd.DataFrame, sides: NDArray[np.object_], by: str, wished: list[str]
) -> None:
    for name in wished:
        for label, word in CLASSES:
            if not ((sides == name) & (videos["label"] == label)).any():
                raise DataError(
                    f"This split by {by} would leave '{name}' without {word} videos: give it a "
                    "larger share, another seed, or split by another rule."
                )


def _free(videos: pd.DataFrame, keep_test: bool) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which videos are tested whatever happens, and which are to be shared out."""
    old = videos["split"].to_numpy(str)
    if not keep_test:
        return np.zeros(len(old), bool), np.ones(len(old), bool)
    tested, placed = old == "test", np.isin(old, ("train", "val"))
    # Where the owners say only what is tested, all the rest is free.
    return tested, placed if placed.any() else ~tested


def _touches(
    tested: NDArray[np.bool_], videos: pd.DataFrame, cluster: Numbers, by: By
) -> NDArray[np.bool_]:
    """Which videos share a cluster, or by person also a person, with a test video."""
    touching = np.isin(cluster, cluster[tested])
    if by == "person":
        target, source = people(videos)
        known = np.setdiff1d(np.concatenate([target[tested], source[tested]]), [-1])
        touching |= np.isin(target, known) | np.isin(source, known)
    return np.asarray(touching)


def _share_out(
    videos: pd.DataFrame, cluster: Numbers, by: By, shares: Mapping[str, float], seed: int
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """The side of each video, and why it has none."""
    one, other = (cluster, cluster) if by == "group" else _units(videos, cluster)
    _, units = np.unique(np.concatenate([one, other]), return_inverse=True)
    one, other = np.split(units, 2)
    weights = np.zeros((units.max(initial=-1) + 1, 2))
    for unit in (one, other):  # a video of two people counts half for each
        np.add.at(weights, (unit, videos["label"].to_numpy(np.int64)), 0.5)
    names = np.array([name for name, share in shares.items() if share], dtype=object)
    chosen = _assign(weights, np.array([share for share in shares.values() if share]), seed)
    torn = chosen[one] != chosen[other]
    sides = np.where(torn, "", names[chosen[one]])
    reasons = np.where(torn, "its two people stand on two sides", "").astype(object)
    strays = ~torn & (sides != _majority(cluster, sides))
    sides[strays], reasons[strays] = "", "more of its group, or of its copies, stand elsewhere"
    return sides, reasons


def _units(videos: pd.DataFrame, cluster: Numbers) -> tuple[Numbers, Numbers]:
    """The two things of each video that are put on a side: people, or all that hangs together.

    Where more than half of a data set hangs together by its people, as in Celeb-DF, only tearing
    them apart gives sides; elsewhere nothing need be lost.
    """
    target, source = people(videos)
    known, every = np.flatnonzero(target >= 0), np.arange(len(videos))
    held_by = (np.tile(known, 2), np.concatenate([target[known], source[known]]))
    whole = components(len(videos), [(every, cluster), held_by])
    held = pd.DataFrame({"dataset": videos["dataset"].to_numpy(str), "whole": whole}).iloc[known]
    sizes = held.groupby(["dataset", "whole"]).size()
    large = sizes.loc[sizes > sizes.groupby("dataset").transform("sum") / 2]
    torn = np.isin(whole, large.index.get_level_values("whole")) & (target >= 0)
    first = whole.max(initial=-1) + 1  # numbers of people come after those of what stays whole
    return np.where(torn, first + target, whole), np.where(torn, first + source, whole)


def _assign(weights: NDArray[np.float64], shares: NDArray[np.float64], seed: int) -> Numbers:
    """Put each unit on the side that is farthest from full; large units first, else at random.

    The sum over sides and classes of filled² / share is least where all are filled as wished; each
    step adds least to it.

    Args:
        weights: `(U, 2)` reals and fakes of each unit.
        shares: of the sides, which sum to 1.
    """
    parts = weights / np.maximum(weights.sum(axis=0), 1)
    order = np.random.default_rng(seed).permutation(len(parts))
    order = order[np.argsort(-parts[order].sum(axis=1), kind="stable")]
    filled = np.zeros((len(shares), 2))
    chosen = np.zeros(len(parts), np.int64)
    for unit in order:
        added = ((2 * filled + parts[unit]) * parts[unit]).sum(axis=1) / shares
        chosen[unit] = place = int(added.argmin())
        filled[place] += parts[unit]
    return chosen


def _majority(cluster: Numbers, sides: NDArray[np.object_]) -> NDArray[np.object_]:
    """For each video the side on which most of its cluster stand; "" where none does."""
    table = pd.DataFrame({"cluster": cluster, "side": sides})
    counts = (
        table.loc[table["side"] != ""].groupby(["cluster", "side"]).size().reset_index(name="n")
    )
    most = counts.sort_values(["cluster", "n", "side"]).drop_duplicates("cluster", keep="last")
    found = table["cluster"].map(most.set_index("cluster")["side"]).fillna("")
    return found.to_numpy(object)
