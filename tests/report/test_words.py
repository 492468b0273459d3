"""Numbers in words."""

from pathlib import PurePath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeptell.records import OperatingPoint
from deeptell.report import words


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0, "under 1 %"),
        (0.0099, "under 1 %"),
        (0.01, "1 %"),
        (0.4751, "47.5 %"),
        (0.93, "93 %"),
        (0.9324, "93 %"),
        (0.9326, "93.5 %"),
        (0.99, "99 %"),
        (0.9901, "over 99 %"),
        (1.0, "over 99 %"),
    ],
)
def test_percent(probability, text):
    assert words.percent(probability).replace("\N{NO-BREAK SPACE}", " ") == text


@settings(deadline=None)
@given(st.floats(0, 1))
def test_no_probability_is_called_certain(probability):
    number = float(words.percent(probability).split()[-2])
    assert 1 <= number <= 99
    assert abs(number / 100 - probability) <= 0.01 + 1e-9


def test_moments():
    assert [words.clock(s) for s in (0, 3.44, 59.94, 59.96, 125)] == [
        *("0.0\xa0s", "3.4\xa0s", "59.9\xa0s"),
        *("1:00", "2:05"),
    ]
    assert words.stretch(3.4, 4.4) == "3.4–4.4\xa0s"
    assert words.stretch(2.0, 2.0) == "2.0\xa0s"
    assert words.stretch(34.0, 86.0) == "0:34–1:26"


@pytest.mark.parametrize(
    ("score", "start"),
    [(0.65, "at or above"), (0.64, "between"), (0.35, "between"), (0.3, "below")],
)
def test_standing_follows_the_rule_of_the_verdict(score, start):
    flag, clear = (OperatingPoint(n, t, 0, 0, 1, 1) for n, t in (("flag", 0.65), ("clear", 0.35)))
    assert words.standing(score, {"flag": flag, "clear": clear}).startswith(start)
    assert "without" in words.standing(score, {"flag": flag})


def test_lists_and_counts():
    assert [words.listed(list(text)) for text in ("", "a", "ab", "abc")] == [
        *("", "a", "a and b", "a, b and c"),
    ]
    assert words.counted(1, "person", "people") == "1\xa0person"
    assert words.counted(1250, "frame") == "1,250\xa0frames"


def test_what_would_deceive_the_eye_is_made_visible():
    assert words.printable("a\u202egpj.exe\x00\udcff") == "a\ufffdgpj.exe\ufffd\ufffd"
    assert words.printable("naïve Ünïcode 名前.mp4") == "naïve Ünïcode 名前.mp4"


def test_names_are_as_short_as_they_can_be_and_still_differ() -> None:
    paths = ["a/x/clip.mp4", "b/x/clip.mp4", "b/other.mp4", "clip.mp4"]
    names = ["a/x/clip.mp4", "b/x/clip.mp4", "other.mp4", "clip.mp4"]
    assert list(words.short_names(paths).values()) == [str(PurePath(name)) for name in names]
    assert words.short_names([]) == {}
