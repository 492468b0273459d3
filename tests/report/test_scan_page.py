"""The page says what the records say, loads nothing, and lets nothing through unescaped."""

import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import drawn_people as world
import pytest

from deeptell.answers import FileResult, Reason, Verdict
from deeptell.errors import OutputError
from deeptell.report import scan_page

VOID = {"meta", "img", "br", "link", "input", "hr"}


@pytest.fixture
def card():
    return world.measured_card()


class Page(HTMLParser):
    """Reads a page, holds its tags and text, and insists that tags are closed in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(html)
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data.replace("\N{NO-BREAK SPACE}", " ")

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def page(files, card):
    return Page(scan_page.render(files, card))


def test_every_kind_of_result_gets_its_words(card):
    text = re.sub(r"\s+", " ", page(world.every_kind(), card).text)
    for words in [
        "8 files examined",
        "Likely manipulated 3 Cannot tell 4 No manipulation found 1",
        "Person 2 of 3, most clearly at 0:34–1:26.",
        "This does not show that the file is genuine.",
        "This counts neither for nor against manipulation.",
        "This file could not be examined.",
        "no stream was found",
        "The faces are about 26 pixels in size; at least 40 are needed.",
        "over 99 %",
        "3,035 decoded, 3,040 declared",
        "(turned upright by 90°)",
        "high dynamic range (hlg)",
        "Of 24 genuine clips, 1 was wrongly flagged; of 96 manipulated clips, 91 were flagged.",
        "Of 96 manipulated clips, 3 were missed; of 24 genuine clips, 20 were passed.",
        "With fewer than 30 sources",
        "What the result does not mean",
        world.HASH,
        card.sha256,
    ]:
        assert words in text, words
    assert text.count(card.statement) >= 2


def test_no_score_is_called_certain(card):
    sure = world.result(
        "a.mp4", [world.person(1, [0.99999] * 5, Verdict.MANIPULATED)], Verdict.MANIPULATED, ()
    )
    none = world.result(
        "b.mp4", [world.person(1, [1e-6] * 5, Verdict.NOT_FOUND)], Verdict.MANIPULATED, ()
    )
    for file in (sure, none):
        text = page([file], replace(card, measurements=())).text
        assert not re.search(r"(?<![\d.])(0|100) %", text)


def test_what_needs_attention_comes_first(card):
    names = [a["id"] for a in page(world.every_kind(), card).all("article")]
    assert names == [f"file-{number}" for number in range(1, 9)]
    text = scan_page.render(world.every_kind(), card)
    order = re.findall(r'<h2 id="name-\d">(.*?)</h2>', text)
    assert order == [
        *("portrait.jpg", "statement.mp4", "studio_two.mov"),
        *("hallway.mp4", "crowd.mp4", "landscape.mp4", "notes.mp4"),
        "reading.mpg",
    ]


def test_links_of_the_summary_lead_somewhere(card):
    found = page(world.every_kind(), card)
    ids = {attributes["id"] for _, attributes in found.tags if "id" in attributes}
    links = [a["href"] for a in found.all("a")]
    assert len(links) >= 8
    assert all(link.startswith("#") and link[1:] in ids for link in links)


def test_the_page_loads_nothing_and_runs_nothing(card):
    html = scan_page.render(world.every_kind(), card)
    found = Page(html)
    assert not found.all("script")
    assert not found.all("link")
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in found.all("img"))
    assert not re.search(r"https?://|@import|url\(|\son\w+=|\sstyle=", html)
    policy = next(m["content"] for m in found.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_pictures_have_words_and_headings_have_order(card):
    found = page(world.every_kind(), card)
    assert all(image["alt"] for image in found.all("img"))
    drawings = [svg for svg in found.all("svg") if svg.get("role") == "img"]
    assert drawings
    assert all("core" in svg["aria-label"] for svg in drawings)
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert found.all("html")[0]["lang"] == "en"


HOSTILE = "<script>alert('x')</script>\u202e\udcff&\".mp4"


@pytest.mark.parametrize("many", [False, True])
def test_names_and_reasons_from_outside_are_escaped(card, many):
    bad = FileResult(
        HOSTILE, Verdict.CANNOT_TELL, world.given((f"{HOSTILE} is not a video.",)), None
    )
    looked = replace(world.swapped(), path=HOSTILE)
    strange = replace(card, name=HOSTILE, statement=HOSTILE, architecture=HOSTILE)
    html = scan_page.render([bad, looked] if many else [looked], strange)
    assert "<script" not in html
    assert "\u202e" not in html
    assert not Page(html).all("script")
    html.encode("utf-8")


def test_the_same_results_give_the_same_bytes_in_any_order(card):
    files = world.every_kind()
    assert scan_page.render(files, card) == scan_page.render(files[::-1], card)


def test_a_model_without_figures_or_thresholds_says_so(card):
    bare = replace(card, operating_points=(), measurements=(), statement="")
    text = page([world.undecided(), world.picture()], bare).text
    assert "without thresholds" in text
    assert "how often it is right is not known" in text
    assert "not stated" in text


def test_a_figure_that_is_undefined_is_a_dash(card):
    nan = float("nan")
    row = replace(card.measurements[1], level="video", metric="auc", value=nan, low=nan, high=nan)
    text = page([world.genuine()], replace(card, measurements=(row,))).text
    assert "nan" not in text
    assert "no interval" in text


def test_what_the_file_says_is_no_evidence(card):
    """Told once, with what each fact can mean, however many files there are."""
    for files in ([world.swapped()], [world.genuine(f"{i}.mp4") for i in range(3)]):
        text = page(files, card).text
        assert text.count("None of it is evidence of manipulation by itself") == 1
        for fact in world.FACTS:
            assert text.count(fact.says) == len(files)
            assert text.count(fact.means) == 1
    for files in ([world.unreadable()], [world.unreadable("a.mp4"), world.unreadable("b.mp4")]):
        assert "None of it is evidence" not in page(files, card).text


def test_how_to_have_the_same_again(card):
    html = scan_page.render([world.swapped()], card, origin=world.ORIGIN)
    text = Page(html).text
    assert world.ORIGIN.command in text
    assert "deeptell 0.1.0, torch 2.9.0, machine Linux x86_64" in text
    assert text.count(world.HASH) == 2
    several = Page(scan_page.render(world.every_kind(), card, origin=world.ORIGIN)).text
    assert "their SHA-256 stand with each of them" in several
    strange = replace(world.ORIGIN, command=f"deeptell scan {HOSTILE}")
    assert "<script" not in scan_page.render([world.swapped()], card, origin=strange)
    assert "How to repeat" not in page([world.swapped()], card).text


def test_how_many_false_alarms_to_expect(card):
    """1 of 24: exact bounds of 0.2 % and 18.3 %, by scipy's binomtest."""
    assert "expect about 42 (2 to 183)" in page([world.swapped()], card).text


def test_a_picture_is_held_against_the_lines_of_pictures(card):
    """Each kind of file has lines of its own; a model without those of pictures says so."""
    bare = page([world.picture()], card).text
    assert "the model comes without measured thresholds" in bare
    assert "expect about" not in bare.split("How well the model was measured")[0]
    points = tuple(
        replace(point, media="picture", threshold=threshold, real_groups=20, alarmed_groups=0)
        for point, threshold in zip(card.operating_points, (0.91, 0.12), strict=True)
    )
    both = replace(card, operating_points=(*card.operating_points, *points))
    text = page([world.picture()], both).text
    assert "at or above the line for “likely manipulated” (91 %)" in text
    assert "Of 1,000 genuine pictures like those of validation, expect about 0 (0 to 139)" in text
    assert "For pictures: the two lines" in text
    assert "over 20 genuine sources" in text
    clip = page([world.swapped()], both).text
    assert "at or above the line for “likely manipulated” (64 %)" in clip


def test_a_line_by_false_alarms_is_named(card):
    flag, clear = card.operating_points
    chosen = replace(flag, false_alarms=0.05, stretches=True)
    text = page([world.swapped()], replace(card, operating_points=(chosen, clear))).text
    assert "at most 5 % of genuine ones are expected there" in text
    assert "of the whole clip or of a stretch of it" in text


def test_how_often_the_answer_holds(card):
    tried = replace(world.swapped(), stress=world.trials())
    found = page([tried], card)
    assert "stayed “likely manipulated” in 9 of 12" in found.text
    for trial in tried.stress:
        assert f"{trial.what[1:]} ({trial.unit})" in found.text
        assert f"at {trial.strength:g}" in found.text
    assert found.text.count(", cannot tell") == 3, "only where the answer changes"
    assert "no score" in found.text
    assert "worse copies" not in page([world.swapped()], card).text


def test_results_without_pictures_say_so(card):
    file = world.swapped()
    bare = replace(file, people=(replace(file.people[0], evidence=()),))
    found = page([bare], card)
    assert not found.all("img")
    assert "No pictures of this person were kept" in found.text


def test_sixty_files_stay_light(card):
    files = [world.genuine(f"set/{i}.mp4", seed=i) for i in range(50)]
    files += [world.swapped(f"set/x{i}.mp4") for i in range(10)]
    html = scan_page.render(files, card)
    assert len(html) < 2_000_000
    assert len(Page(html).all("img")) == 10 * 8, "only the findings are shown with pictures"


def test_writing_is_whole_or_not_at_all(tmp_path, card):
    target = tmp_path / "new" / "report.html"
    scan_page.write(target, scan_page.render([world.genuine()], card))
    assert target.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [p.name for p in target.parent.iterdir()] == ["report.html"]
    with pytest.raises(OutputError, match="cannot be written"):
        scan_page.write(target / "below" / "report.html", "x")


def browsed(page, *options):
    """Show a page in a browser that has never run before."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += ["--disable-background-networking", f"--user-data-dir={profile}"]
        subprocess.run(
            [*command, *options, page.as_uri()], check=True, capture_output=True, timeout=120
        )


@pytest.mark.slow
@pytest.mark.parametrize("width", [500, 1280])
def test_a_browser_shows_it(tmp_path, card, width):
    page = tmp_path / "report.html"
    scan_page.write(page, scan_page.render(world.every_kind(), card))
    browsed(page, f"--screenshot={tmp_path / 'page.png'}", f"--window-size={width},1600")
    assert (tmp_path / "page.png").stat().st_size > 30_000


@pytest.mark.slow
def test_a_browser_prints_it_on_a4(tmp_path, card):
    page, paper = tmp_path / "report.html", tmp_path / "report.pdf"
    tried = replace(world.swapped(), stress=world.trials())
    scan_page.write(page, scan_page.render([tried], card, origin=world.ORIGIN))
    browsed(page, "--no-pdf-header-footer", f"--print-to-pdf={paper}")
    sizes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", paper.read_bytes())
    assert 4 <= len(sizes) <= 7
    assert {(round(float(w)), round(float(h))) for w, h in sizes} == {(595, 842)}


@pytest.mark.parametrize("beside", [0, 1])
def test_a_score_that_a_stretch_outdid_says_so(card, beside):
    """Else a reader sees a low score beside "likely manipulated"."""
    reasons = (Reason("stretch_above_flag", "From 1.0 to 1.9 seconds it is above."),)
    flagged = world.person(1, (0.1,) * 20 + (0.97,) * 8, Verdict.MANIPULATED)
    flagged = replace(flagged, reasons=reasons)
    others = [world.person(2, (0.1,) * 20, Verdict.NOT_FOUND)][:beside]
    file = world.result("a.mp4", (flagged, *others), Verdict.MANIPULATED, ())
    shown = page([replace(file, reasons=reasons)], card).text
    assert shown.count("; in a stretch 97") == 1 + beside  # of the file, and of the one of two
    assert "; in a stretch" not in page([world.genuine()], card).text
    several = page([replace(file, reasons=reasons), world.genuine()], card).text
    assert several.count("; in a stretch 97") == 2 + beside  # in the summary, too
