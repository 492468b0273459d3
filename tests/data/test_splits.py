"""Splits keep their promises on tables drawn at random, and on one shaped like Celeb-DF."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from deeptell.data.leaks import find_leaks, leak_counts
from deeptell.data.manifest import COLUMNS
from deeptell.data.splits import choosing_side, only, split
from deeptell.errors import ConfigError, DataError, LeakError

SHARES = {"val": 0.15, "test": 0.2}


def row(name: str, *, label: int, target: str, source: str, group: str) -> tuple[object, ...]:
    method = "swap" if label else "real"
    return (name, f"{name}.mp4", "D", method, "", label, "", target, source, group)


def swapped(seed: int, *, people: int, clips: int, fakes: int, among: int) -> pd.DataFrame:
    """Clips of people, and fakes of them with the face of one of the same `among` people.

    The group is the clip that a fake was made from.
    """
    rng = np.random.default_rng(seed)
    rows = [
        row(f"id{p}_{c:04}", label=0, target=f"id{p}", source="", group=f"id{p}_{c:04}")
        for p, c in product(range(people), range(clips))
    ]
    possible = [
        (p, q, c)
        for p, q, c in product(range(people), range(people), range(clips))
        if p != q and p // among == q // among
    ]
    chosen = rng.choice(len(possible), min(fakes, len(possible)), replace=False)
    for p, q, c in (possible[i] for i in sorted(chosen)):
        name, group = f"id{p}_id{q}_{c:04}", f"id{p}_{c:04}"
        rows.append(row(name, label=1, target=f"id{p}", source=f"id{q}", group=group))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def celebdf() -> pd.DataFrame:
    """As FACTS D.1: 59 people in 590 reals, 300 of strangers, 5,639 fakes; 518 videos to test on.

    The 340 test fakes come from 213 clips, of which 49 have their real among the test videos.
    """
    table = swapped(0, people=59, clips=10, fakes=5_639, among=59)
    strangers = [
        row(f"yt{i:05}", label=0, target="", source="", group=f"yt{i:05}") for i in range(300)
    ]
    table = pd.concat([table, pd.DataFrame(strangers, columns=list(COLUMNS))], ignore_index=True)
    rng = np.random.default_rng(0)
    fakes = table.loc[table["label"] == 1].sample(frac=1, random_state=0)
    clips = fakes["group"].unique()[:213]
    of_clips = fakes.loc[fakes["group"].isin(clips)]
    one_each = of_clips.drop_duplicates("group").index
    tested = [*one_each, *of_clips.index.difference(one_each)[: 340 - 213]]
    reals = table.index[(table["label"] == 0) & (table["target_id"] != "")]
    behind = table.loc[reals, "group"].isin(clips).to_numpy()
    tested += [*reals[behind][:49], *rng.permutation(reals[~behind])[: 108 - 49]]
    tested += [*table.index[table["target_id"] == ""][:70]]
    table["split"] = "train"
    table.loc[tested, "split"] = "test"
    return table


def sides(videos: pd.DataFrame, *columns: str) -> "pd.Series[int]":
    """On how many sides each thing in the columns stands."""
    used = videos.loc[videos["split"] != ""]
    long = pd.concat([used[["split", name]].set_axis(["split", "who"], axis=1) for name in columns])
    return long.loc[long["who"] != ""].groupby("who")["split"].nunique()


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    clips=st.integers(1, 6),
    among=st.sampled_from([2, 3, 40]),
    by=st.sampled_from(["group", "person"]),
)
def test_any_split(seed: int, clips: int, among: int, by: str) -> None:
    """Nothing on two sides, shares as wished, the same whatever the order of the rows."""
    table = swapped(seed, people=40, clips=clips, fakes=60 * clips, among=among)
    try:
        result = split(table, by=by, seed=seed, **SHARES)  # type: ignore[arg-type]
    except DataError:  # few videos remain where all people are linked, and then it says so
        assert (by, among) == ("person", 40)
        reject()
    videos = result.manifest
    pd.testing.assert_frame_equal(videos[list(COLUMNS[:6])], table[list(COLUMNS[:6])])
    assert (sides(videos, "group") == 1).all()
    if by == "person":
        assert (sides(videos, "target_id", "source_id") == 1).all()
    # Only people who are all linked are torn apart.
    torn = by == "person" and among == 40
    assert torn or (videos["split"] != "").all()
    assert set(result.left_out["video_key"]) == set(videos.loc[videos["split"] == "", "video_key"])
    for label in (0,) if torn else (0, 1):
        counts = videos.loc[videos["label"] == label, "split"].value_counts(normalize=True)
        largest = 0.15 if by == "group" else 3 / 40 + 0.1
        for name, share in SHARES.items():
            assert abs(counts[name] - share) < largest
    shuffled = split(
        table.sample(frac=1, random_state=seed),
        by=by,  # type: ignore[arg-type]
        seed=seed,
        **SHARES,
    )
    again = shuffled.manifest.loc[table.index]
    pd.testing.assert_frame_equal(again, videos)


def test_shares_of_many_groups_are_met_closely() -> None:
    table = swapped(3, people=59, clips=10, fakes=5_639, among=59)
    counts = split(table, by="group", seed=1, **SHARES).manifest.groupby(["label", "split"]).size()
    for label, total in ((0, 590), (1, 5_639)):
        for name, share in SHARES.items():
            assert counts[label, name] / total == pytest.approx(share, abs=0.005)
    other = split(table, by="group", seed=2, **SHARES).manifest["split"]
    first = split(table, by="group", seed=1, **SHARES).manifest["split"]
    assert (other != first).mean() > 0.3


class TestCelebDF:
    def test_as_published_it_leaks(self) -> None:
        table = celebdf()
        assert table.groupby(["split", "label"]).size().tolist() == [178, 340, 712, 5_299]
        groups = table.loc[(table["split"] == "test") & (table["label"] == 1), "group"]
        behind = table.loc[(table["label"] == 0) & table["group"].isin(groups)]
        assert groups.nunique() == 213
        assert behind["split"].value_counts().to_dict() == {"train": 164, "test": 49}
        assert set(leak_counts(find_leaks(table))) == {"original", "person"}

    def test_clean_of_the_clips_that_are_tested(self) -> None:
        table = celebdf()
        result = split(table, by="group", val=0.1, test=0, seed=0, keep_test=True)
        videos = result.manifest
        assert (videos["split"] == "test").equals(table["split"] == "test")
        tested = set(table.loc[table["split"] == "test", "group"])
        clean = ~table["group"].isin(tested)
        # Nothing but what touches a tested clip leaves.
        assert (videos["split"].isin(["train", "val"]) == clean).all()
        reals = result.left_out.merge(table, on="video_key")
        assert (reals["label"] == 0).sum() == 164
        assert result.left_out["reason"].str.contains("stands in the test set").all()
        assert not result.leaks["leak"].any()
        assert (videos["split"] == "val").sum() / clean.sum() == pytest.approx(0.1, abs=0.01)

    def test_as_published_only_validation_is_cut_out(self) -> None:
        table = celebdf()
        result = split(
            table, by="group", val=0.1, test=0, seed=0, keep_test=True, as_published=True
        )
        assert result.left_out.empty
        assert (result.manifest["split"] == "test").equals(table["split"] == "test")
        leaks = result.leaks.loc[result.leaks["leak"]]
        assert set(leaks["kind"]) == {"original"}
        assert leaks["sides"].map(lambda sides: "test" in sides).all()

    def test_people_are_shared_out(self) -> None:
        table = celebdf()
        result = split(table, by="person", seed=0, **SHARES)
        videos = result.manifest
        assert (sides(videos, "target_id", "source_id") == 1).all()
        assert result.leaks.empty
        assert (videos.loc[videos["label"] == 0, "split"] != "").all()
        counts = videos.groupby(["label", "split"]).size()
        assert counts[0, "test"] / 890 == pytest.approx(0.2, abs=0.02)
        # Two people of shares 0.65, 0.15, 0.2 are on one side in about 0.65² + 0.15² + 0.2².
        assert 1 - counts[1, ""] / 5_639 == pytest.approx(0.485, abs=0.06)
        # The published test fakes hold nearly everyone: without them nobody is left to train on.
        with pytest.raises(DataError, match="by person would leave 'train' without fake videos"):
            split(table, by="person", val=0.1, test=0, seed=0, keep_test=True)


def test_copies_stay_together_and_with_the_test_set() -> None:
    table = swapped(0, people=12, clips=2, fakes=40, among=2)
    table["sha256"] = ""
    table.loc[table["video_key"].isin(["id0_0000", "id11_0000"]), "sha256"] = "f00"
    table["phash"] = [
        ",".join([np.random.default_rng(i).bytes(32).hex()] * 3) for i in range(len(table))
    ]
    looks = table.set_index("video_key")["phash"]
    table.loc[table["video_key"] == "id5_0001", "phash"] = looks["id3_0000"]
    for by in ("group", "person"):
        videos = split(table, by=by, seed=4, **SHARES).manifest  # type: ignore[arg-type]
        side = videos.set_index("video_key")["split"]
        assert side["id0_0000"] == side["id11_0000"]
        assert side["id5_0001"] == side["id3_0000"]
    tested = table.assign(split=np.where(table["group"] == "id11_0000", "test", "train"))
    left = split(tested, by="group", val=0.2, test=0, seed=0, keep_test=True).left_out
    assert "id0_0000" in set(left["video_key"])


def test_what_had_no_side_gets_none_where_the_test_set_is_kept() -> None:
    table = swapped(0, people=12, clips=2, fakes=40, among=2)
    old = np.where(table["target_id"].isin(["id0", "id1"]), "test", "train")
    old[table["group"] == "id5_0000"] = ""
    kept = split(table.assign(split=old), by="group", val=0.2, test=0, seed=0, keep_test=True)
    assert (kept.manifest.loc[table["group"] == "id5_0000", "split"] == "").all()
    # Where only the test set is named, the rest is free.
    only = table.assign(split=np.where(old == "test", "test", ""))
    assert (
        split(only, by="group", val=0.2, test=0, seed=0, keep_test=True).manifest["split"] != ""
    ).all()


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"by": "face"}, ConfigError, "by 'group' or by 'person', got 'face'"),
        ({"val": 0.6, "test": 0.4}, ConfigError, "leave something to train on, got 0.6 and 0.4"),
        ({"val": float("nan")}, ConfigError, "0 or more"),
        ({"as_published": True}, ConfigError, "set keep_test too"),
        ({"keep_test": True}, DataError, "no test set that could be kept"),
    ],
)
def test_what_cannot_be_split(
    wrong: dict[str, object], error: type[Exception], message: str
) -> None:
    table = swapped(0, people=8, clips=1, fakes=20, among=2)
    good = {"by": "group", "seed": 0, **SHARES}
    with pytest.raises(error, match=message):
        split(table, **(good | wrong))  # type: ignore[arg-type]


def test_a_side_needs_both_classes() -> None:
    table = swapped(0, people=2, clips=1, fakes=2, among=2)
    with pytest.raises(DataError, match=r"would leave '(test|val)' without"):
        split(table, by="group", seed=0, **SHARES)


class TestChoices:
    def table(self) -> pd.DataFrame:
        """A real and two fakes in each of two compressions, on each side."""
        rows = product(("train", "val", "test"), ("real", "swap", "puppet"), ("c23", "c40"))
        table = pd.DataFrame(rows, columns=["split", "method", "compression"])
        return table.assign(label=(table["method"] != "real").astype(int))

    def test_reals_stay_whatever_manipulations_are_named(self) -> None:
        table = self.table()
        assert only(table).equals(table)
        assert set(only(table, methods=["swap"])["method"]) == {"real", "swap"}
        some = only(table, methods=["swap"], compressions=["c40"])
        assert some[["method", "compression"]].drop_duplicates().to_numpy().tolist() == [
            ["real", "c40"],
            ["swap", "c40"],
        ]

    @pytest.mark.parametrize(
        ("names", "said"),
        [
            ({"methods": ["Swap"]}, "manipulation 'Swap'; there are puppet, swap"),
            ({"methods": ["real"]}, "manipulation 'real'"),
            ({"compressions": ["c32"]}, "compression 'c32'; there are c23, c40"),
        ],
    )
    def test_names_that_no_video_has(self, names: dict[str, list[str]], said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            only(self.table(), **names)

    def test_nothing_is_chosen_on_a_side_that_is_tested(self) -> None:
        assert set(choosing_side(self.table(), "val")["split"]) == {"val"}
        for split_name in ("test", ""):
            with pytest.raises(LeakError, match=f"Nothing is chosen on the side '{split_name}'"):
                choosing_side(self.table(), split_name)
