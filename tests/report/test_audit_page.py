"""The page on an audit says what was counted, loads nothing, and lets nothing through unescaped."""

import re
from dataclasses import replace

import drawn_people as world
import pytest
from test_scan_page import HOSTILE, Page

from deeptell.answers import Verdict
from deeptell.audits import Alarms, Audit, Offender, SuggestedLine, Undecided
from deeptell.report import audit_page


def part(by="all", subset="all", alarmed=2, sources=60, files=60):
    return Alarms(by, subset, files, alarmed, 7, sources, alarmed, alarmed / sources, 0.006, 0.101)


def audited(**changed):
    usual = {
        "folder": "archive",
        "alarms": part(),
        "parts": (part("codec", "h264", 2, 40), part("codec", "vp9", 0, 20)),
        "worst": (
            Offender("archive/a.mp4", Verdict.MANIPULATED, 0.91, 0.93),
            Offender("archive/b.mp4", Verdict.CANNOT_TELL, 0.5, 0.5),
        ),
        "standings": (0.02, 0.03, 0.5, 0.91, 1.0),
        "undecided": (Undecided("no_face", "no face was found", 7),),
        "unreadable": (("archive/x.mp4", "archive/x.mp4 is no video."),),
        "lines": (
            SuggestedLine("clip", 0.01, None, 60, 0, 0.049, 299),
            SuggestedLine("clip", 0.05, 0.9531, 60, 0, 0.0487, 59),
            SuggestedLine("clip", 0.1, None, 60, 0, 0.0487, 29),
        ),
    }
    return Audit(**usual | changed)


@pytest.fixture
def card():
    return world.measured_card()


def text_of(found, card):
    return re.sub(r"\s+", " ", Page(audit_page.render(found, card)).text)


def test_it_says_what_was_counted(card):
    text = text_of(audited(), card)
    for words in (
        "2 false alarms in 60 files",
        "3.33 % (0.6 to 10.1 %)",
        "expect about 33 (6 to 101)",
        "H.2642 of 40",
        "vp90 of 20",
        "0.9531; 0 of 60 files stand there, the bound is 4.87 %",
        "not measurable with 60 files: at least 299 are needed",
        "genuine scores reach the end of the scale",
        "archive/x.mp4 is no video.",
        "No face was found",
        "91 %93 %",
        "of 1,000 genuine clips about 42 (2 to 183) to be called “likely manipulated”",
        card.sha256,
    ):
        assert words in text, words


def test_sources_are_told_from_files(card):
    text = text_of(audited(alarms=part(alarmed=1, sources=20)), card)
    assert "1 source with a false alarm in 20 sources" in text
    assert "The 60 files count as 20 sources" in text


def test_clips_and_pictures_have_tables_of_their_own(card):
    lines = tuple(
        SuggestedLine(media, 0.2, threshold, 30, 0, 0.1, 14)
        for media, threshold in (("clip", 0.81), ("picture", 0.82))
    )
    text = text_of(audited(lines=lines), card)
    assert (
        text.index("Clips") < text.index("0.8100") < text.index("Pictures") < text.index("0.8200")
    )


def test_bars_count_every_file_and_part_at_the_line():
    scores = (0.0, 0.63, 0.645, 0.65, 1.0)
    bars = audit_page.bars(scores, flag=0.64)
    assert sum(bar.count for bar in bars) == len(scores)
    assert sum(bar.count for bar in bars if bar.flagged) == 3
    assert all(0 <= bar.x <= bar.x + bar.width <= 100.01 for bar in bars)
    assert max(bar.height for bar in bars) == audit_page.HEIGHT
    assert audit_page.bars((), flag=None) == []


def test_nothing_scored_and_a_bundle_without_lines(card):
    bare = replace(card, operating_points=())
    text = text_of(audited(standings=(), worst=(), unreadable=(), undecided=()), bare)
    assert "Not one file had a face that could be scored." in text
    assert "could not be read" not in text


def test_it_loads_nothing_and_lets_nothing_through(card):
    worst = (Offender(HOSTILE, Verdict.MANIPULATED, 0.9, 0.9),)
    gone = ((HOSTILE, f"{HOSTILE} is no video."),)
    strange = audited(folder=HOSTILE, worst=worst, unreadable=gone)
    html = audit_page.render(strange, replace(card, name=HOSTILE, statement=HOSTILE))
    found = Page(html)
    assert "<script" not in html
    assert not any(found.all(tag) for tag in ("script", "link", "img"))
    assert not re.search(r"https?://|@import|url\(|\son\w+=|\sstyle=", html)
    policy = next(m["content"] for m in found.all("meta") if "http-equiv" in m)
    assert "unsafe" not in policy
    assert html == audit_page.render(strange, replace(card, name=HOSTILE, statement=HOSTILE))
