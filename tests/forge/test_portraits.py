"""Who is filmed and forged: sides that share nobody, sets that count alike, clips that resume."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from dotted import portrait

from deeptell.config import PortraitConfig
from deeptell.errors import DataError
from deeptell.forge.portraits import cast, write_part
from deeptell.media.decode import open_video

PEOPLE = np.array([f"large/{n // 2}" for n in range(60)] + [f"small/{n}" for n in range(5)])
FOLDERS = np.array(["large"] * 60 + ["small"] * 5)
SHAPES = np.random.default_rng(0).normal(0, 1, (65, 10))


def parts(**changes):
    return cast(PEOPLE, FOLDERS, SHAPES, PortraitConfig(**{"shots": 6, **changes}))


def test_nobody_is_on_both_sides_and_nobody_wears_their_own_face() -> None:
    sides = {"train": set(), "val": set()}
    for part in parts(val=0.2):
        sides[part.split] |= {PEOPLE[part.target], PEOPLE[part.source]}
        assert PEOPLE[part.target] != PEOPLE[part.source]
    assert not sides["train"] & sides["val"]
    assert len(sides["val"]) <= round(0.2 * 35)


def test_a_small_set_counts_like_a_large_one_as_far_as_its_portraits_go() -> None:
    filmed = Counter(FOLDERS[part.target] for part in parts())
    assert filmed == {"large": 60, "small": 30}  # six shots of each of five
    assert Counter(FOLDERS[part.target] for part in parts(shots=100)) == {"large": 60, "small": 60}
    few = parts(most=7, val=0.2)
    held_out = [part.target for part in few if part.split == "val"]
    assert len(few) - len(held_out) == 7
    everybody = {part.target for part in parts(val=0.2) if part.split == "val"}
    assert sorted(held_out) == sorted(everybody)


def test_ingredients_come_as_often_as_asked() -> None:
    asked = {"redrawn": 3.0, "parts": 1.0}
    drawn = Counter(part.ingredient for part in parts(ingredients=asked, shots=100))
    assert set(drawn) == set(asked)
    assert drawn["redrawn"] / 120 == pytest.approx(0.75, abs=0.12)


def test_the_source_looks_like_the_target() -> None:
    near = [np.square(SHAPES[p.source] - SHAPES[p.target]).sum() for p in parts()]
    any_two = np.square(SHAPES[:, None] - SHAPES[None]).sum(2)[np.triu_indices(65, 1)]
    assert np.mean(near) < 0.6 * any_two.mean()


def test_faces_are_lent_within_a_folder_where_it_has_two_people_on_that_side() -> None:
    folders = {side: set() for side in ("train", "val")}
    for part in parts(val=0.2):
        folders[part.split].add((FOLDERS[part.target], FOLDERS[part.source]))
    assert folders["train"] == {("large", "large"), ("small", "small")}
    assert ("large", "small") not in folders["val"]


def test_too_few_people_are_refused() -> None:
    with pytest.raises(DataError, match="at least 4 people are needed, 3 were given"):
        cast(np.array(["a", "b", "c"]), FOLDERS[:3], SHAPES[:3], PortraitConfig())


def test_a_part_is_written_once_and_alike(tmp_path: Path) -> None:
    config = PortraitConfig(frames=3)
    part = next(p for p in parts() if p.ingredient == "redrawn_swap" and p.split == "val")

    def write(out: Path) -> list[bytes]:
        write_part(out, part, config, portrait=lambda n: portrait(), redraw=lambda f: f[:, ::-1])
        return [(out / path).read_bytes() for path in (*part.clips, *part.pictures)]

    first = write(tmp_path / "a")
    assert first == write(tmp_path / "b")
    for path in part.clips:
        with open_video(tmp_path / "a" / path) as video:
            assert len(list(video)) == 3
    for path in part.pictures:
        assert cv2.imread(str(tmp_path / "a" / path)).shape[0] % 2 == 0
    assert len(part.pictures) == 2
    assert not replace(part, split="train").pictures
    kept = [(tmp_path / "a" / path).stat().st_mtime_ns for path in part.clips]
    write(tmp_path / "a")
    assert kept == [(tmp_path / "a" / path).stat().st_mtime_ns for path in part.clips]
    (tmp_path / "a" / part.clips[1]).unlink()
    assert write(tmp_path / "a") == first
