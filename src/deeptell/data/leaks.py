"""What stands on two sides of a split and must not."""

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.data.looks import COPY, SCENE, close_pairs, is_look, packed
from deeptell.errors import LeakError

# How each kind is told of, worst first. The last is no leak: a person in a room seen before.
KINDS = {
    "original": "The group {what} has a fake apart from its real: it",
    "group": "The group {what}",
    "person": "The person {what}",
    "bytes": "The very file of {what}",
    "look": "A near copy of {what}",
    "scene": "The scene of {what}",
}
COLUMNS = ["kind", "what", "sides", "videos", "examples", "leak"]


def check_leaks(videos: pd.DataFrame, *, as_published: bool = False) -> pd.DataFrame:
    """Find what stands on two sides, as `find_leaks`, and refuse leaks.

    Args:
        as_published: refuse only what stands in both "train" and "val". Published test sets may
            leak into training; figures on them are comparable with published ones, no more.

    Raises:
        LeakError: it names the first leak, and how many there are.
    """
    found = find_leaks(videos)
    refused = found.loc[found["leak"]]
    if as_published:
        refused = refused.loc[refused["sides"].map({"train", "val"}.issubset)]
    if len(refused):
        first = refused.iloc[0]
        subject = KINDS[first["kind"]].format(what=first["what"])
        raise LeakError(
            f"{subject} stands in {' and '.join(first['sides'])} (for instance "
            f"{' and '.join(first['examples'])}; {len(refused)} such leaks in all); everything of "
            "a group, a person or a clip must stay on one side: 'deeptell split' sees to it."
        )
    return found


def find_leaks(videos: pd.DataFrame) -> pd.DataFrame:
    """List what stands on more than one side of a split.

    Bytes and looks are compared where `probe` has put them into the table.

    Args:
        videos: rows of a manifest; rows with split "" belong to no side.

    Returns:
        A row for each thing, the worst first: kind (of `KINDS`), what, sides (a sorted tuple),
        videos (how many), examples (a video_key of each side), and leak. That is False for scenes,
        and for people in a table that was split by group, which promises nothing about people.
    """
    used = videos.loc[videos["split"] != ""]
    found = [
        _torn(_long(used, ["group"]), "group"),
        _torn(_long(used, ["target_id", "source_id"]), "person"),
    ]
    if "sha256" in used:
        found.append(_torn(_long(used, ["sha256"]), "bytes"))
    if "phash" in used:
        found.append(_alike(used))
    table = pd.concat(found)[COLUMNS]
    rank = table["kind"].map(list(KINDS).index)
    return table.iloc[rank.argsort(kind="stable")].reset_index(drop=True)


def leak_counts(leaks: pd.DataFrame) -> dict[str, int]:
    """How many there are of each kind that occurs."""
    return {str(kind): int(count) for kind, count in leaks["kind"].value_counts(sort=False).items()}


def _long(used: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """A row per video and thing in one of the columns, `who`, where it is known."""
    kept = ["video_key", "dataset", "label", "split", *({"split_by"} & set(used))]
    table = pd.concat([used[[*kept, name]].rename(columns={name: "who"}) for name in columns])
    return table.loc[table["who"].fillna("") != ""]


def _torn(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The things of a long table that stand on more than one side."""
    keys = ["who"] if kind == "bytes" else ["dataset", "who"]
    apart = table.groupby(keys)["split"].transform("nunique") > 1
    torn = table.loc[apart].sort_values([*keys, "split", "video_key"])
    by_thing = torn.groupby(keys)
    firsts = torn.drop_duplicates([*keys, "split"]).groupby(keys)
    found = pd.DataFrame(
        {
            "kind": kind,
            "sides": firsts["split"].agg(tuple),
            "videos": by_thing["video_key"].nunique(),
            "examples": firsts["video_key"].agg(tuple),
            "leak": True,
        }
    ).reset_index()
    if kind == "bytes":
        return found.assign(what=found["examples"].str[0])
    if kind == "group":  # torn, and with both classes in it: some fake stands where a real does not
        found.loc[by_thing["label"].nunique().to_numpy() == 2, "kind"] = "original"
    if kind == "person" and "split_by" in torn:
        promised = torn.assign(promised=torn["split_by"] != "group").groupby(keys)["promised"]
        found["leak"] = promised.any().to_numpy()
    return found.assign(what=found["who"] + " of " + found["dataset"])


def _alike(used: pd.DataFrame) -> pd.DataFrame:
    """For every video the nearest one of each other side, where it is near."""
    seen = used.loc[used["phash"].fillna("").map(is_look)].sort_values("video_key")
    found = [pd.DataFrame(columns=COLUMNS)]
    for sides in combinations(sorted(set(seen["split"].astype(str))), 2):
        ours, theirs = (seen.loc[seen["split"] == name] for name in sides)
        nearest = _nearest(packed(list(ours["phash"])), packed(list(theirs["phash"])))
        keys = ours["video_key"].to_numpy()[nearest["one"]]
        other_keys = theirs["video_key"].to_numpy()[nearest["other"]]
        copies = nearest["share"].to_numpy() <= COPY
        found.append(
            pd.DataFrame(
                {
                    "kind": np.where(copies, "look", "scene"),
                    "what": keys,
                    "sides": [sides] * len(nearest),
                    "videos": 2,
                    "examples": [*zip(keys, other_keys, strict=True)],
                    "leak": copies,
                }
            )
        )
    return pd.concat(found)


def _nearest(ours: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> pd.DataFrame:
    """For each row of `theirs` its nearest of `ours` within a scene: one, other, share."""
    best = pd.DataFrame({"one": [], "other": [], "share": []}).astype(
        {"one": np.int64, "other": np.int64}
    )
    for one, other, share in close_pairs(ours, theirs, within=SCENE):
        tile = pd.DataFrame({"one": one, "other": other, "share": share})
        best = pd.concat([best, tile]).sort_values(["share", "one"]).drop_duplicates("other")
    return best.sort_values("other")
