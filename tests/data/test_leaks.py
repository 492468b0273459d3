"""Leaks of every kind, in tables made by hand."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from deeptell.data.leaks import check_leaks, find_leaks, leak_counts
from deeptell.data.looks import COPY, SCENE, close_pairs, packed
from deeptell.errors import LeakError


def table(**columns: list[object]) -> pd.DataFrame:
    """Two reals and their two fakes, on two sides: a clean split."""
    clean = {
        "video_key": ["a", "a_b", "c", "c_d"],
        "dataset": ["D"] * 4,
        "label": [0, 1, 0, 1],
        "split": ["train", "train", "test", "test"],
        "target_id": ["1", "1", "3", "3"],
        "source_id": ["", "2", "", "4"],
        "group": ["g1", "g1", "g2", "g2"],
    }
    return pd.DataFrame(clean | columns)


def look(seed: int, *, flipped: int = 0) -> str:
    """A look of random bits, of which the first so many of every frame are turned over."""
    bits = np.random.default_rng(seed).random((3, 256)) < 0.5
    order = np.random.default_rng(seed + 1).permutation(256)
    bits[:, order[:flipped]] ^= True
    return ",".join(np.packbits(row).tobytes().hex() for row in bits)


def test_a_clean_split_has_no_leak() -> None:
    assert check_leaks(table(phash=[look(i) for i in range(4)], sha256=["x", "x", "", ""])).empty


@pytest.mark.parametrize(
    ("columns", "kind", "message"),
    [
        ({"group": ["g1", "g1", "g2", "g1"]}, "original", "group g1 of D has a fake apart"),
        (
            {"group": ["g", "h", "g", "i"], "label": [0, 1, 0, 1]},
            "group",
            r"The group g of D stands in test and train \(for instance c and a; 1 such",
        ),
        ({"source_id": ["", "2", "", "2"]}, "person", "The person 2 of D stands in test and train"),
        ({"source_id": ["", "3", "", "4"]}, "person", "The person 3 of D"),
        ({"sha256": ["x", "y", "", "y"]}, "bytes", "The very file of c_d stands"),
        ({"phash": [look(0), "", look(0, flipped=18), ""]}, "look", "A near copy of c stands"),
    ],
)
def test_leaks_are_refused(columns: dict[str, list[object]], kind: str, message: str) -> None:
    videos = table(**columns)
    assert leak_counts(find_leaks(videos)) == {kind: 1}
    with pytest.raises(LeakError, match=message):
        check_leaks(videos)
    # Without a side it belongs to none; in another data set the same name is another thing.
    assert find_leaks(videos.assign(split=["train", "train", "", ""])).empty
    if kind not in ("bytes", "look"):
        assert find_leaks(videos.assign(dataset=["D", "D", "E", "E"])).empty


def test_what_is_told_but_not_refused() -> None:
    scene = check_leaks(table(phash=[look(0), "", look(0, flipped=30), ""]))
    assert leak_counts(scene) == {"scene": 1}
    assert scene["examples"].tolist() == [("c", "a")]
    # A split by group promises nothing about people, and a table that does not say so does.
    shared = table(source_id=["", "2", "", "2"])
    assert not check_leaks(shared.assign(split_by="group"))["leak"].any()
    with pytest.raises(LeakError, match="person"):
        check_leaks(shared.assign(split_by="person"))


def test_a_published_test_set_may_leak_but_validation_may_not() -> None:
    leaky = table(group=["g1", "g1", "g1", "g2"])
    assert leak_counts(check_leaks(leaky, as_published=True)) == {"original": 1}
    with pytest.raises(LeakError, match="val"):
        check_leaks(leaky.assign(split=["train", "train", "val", "val"]), as_published=True)
    three = leaky.assign(group="g", split=["train", "val", "test", "test"])
    with pytest.raises(LeakError, match="stands in test and train and val"):
        check_leaks(three, as_published=True)


def test_many_looks_are_compared_as_by_a_plain_loop() -> None:
    """2,100 looks, more than one tile: those within reach of each other, and no others."""
    rng = np.random.default_rng(0)
    looks = [look(i // 3, flipped=int(rng.integers(0, 60))) for i in range(2_100)]
    bits = packed(looks)
    pairs = {
        tuple(sorted(pair))
        for one, other, _ in close_pairs(bits, bits, within=SCENE)
        for pair in zip(one.tolist(), other.tolist(), strict=True)
        if pair[0] != pair[1]
    }
    plain = np.unpackbits(bits, axis=1)
    expected = {
        (i, j)
        for start in range(0, 2_100, 3)
        for i, j in combinations(range(start, start + 3), 2)
        if (plain[i] != plain[j]).mean() <= SCENE
    }
    assert pairs == expected
    assert 300 < len(pairs) < 2_100


def test_a_frame_that_shows_nothing_is_filled_from_the_one_before() -> None:
    hashes = look(0).split(",")
    bits = packed([",".join(("", hashes[0], hashes[1])), hashes[0], ",".join((hashes[0], "", ""))])
    assert (bits[0] == packed([",".join((hashes[0], hashes[0], hashes[1]))])[0]).all()
    assert (bits[1] == bits[2]).all()
    assert COPY < SCENE
