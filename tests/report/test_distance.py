"""How far faces are from the training data, in words and on the page."""

import re
from dataclasses import replace

import drawn_people as world
import pytest

from deeptell.report import scan_page
from deeptell.report.distance import NOT_MEASURED, furthest, standing


@pytest.mark.parametrize(
    ("rank", "words"),
    [
        (1.0, "Of the 24 validation videos, none was as far from the training data as person 2"),
        (
            0.997,
            "Person 2 lies among the 24 validation videos: further .* than about 99 % of them.",
        ),
        (0.45, "further from the training data than about 45 % of them."),
        (0.002, "than about 1 % of them."),
        (0.0, "Person 2 is nearer to the training data than all of the 24 validation videos."),
    ],
)
def test_words(rank, words):
    found = standing(rank, 24, who="person 2").replace("\N{NO-BREAK SPACE}", " ")
    assert re.match(f".*{words}", found)


def ranked(file, *ranks):
    people = (replace(p, distance_rank=r) for p, r in zip(file.people, ranks, strict=True))
    return replace(file, people=tuple(people))


def text_of(files, card):
    html = re.sub(r"<style>.*?</style>", "", scan_page.render(files, card))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html)).replace("\N{NO-BREAK SPACE}", " ")


def test_the_page_says_it_of_each_person_and_of_the_furthest():
    card = world.measured_card(reference_videos=24)
    files = [ranked(world.two_people(), 0.45, 1.0, None), ranked(world.genuine(), 0.2)]
    text = text_of(files, card)
    far = "none was as far from the training data as"
    assert f"{far} person 2 of studio_two.mov (the furthest of all): the error" in text
    assert f"{far} this person: the error rates" in text
    assert "This person lies among the 24 validation videos: further from" in text
    assert text.count("further from the training data") == 2
    assert files[0].distance_rank == 1.0
    alone = text_of(files[1:], card)
    assert alone.count("than about 20 % of them.") == 2
    assert "the furthest of all" not in alone


def test_what_was_not_measured_is_said():
    assert NOT_MEASURED in text_of([world.genuine()], world.measured_card())
    card = world.measured_card(reference_videos=24)
    assert "validation videos" not in text_of([world.no_face()], card)
    assert furthest([world.no_face()], {}, 24) == ""
