"""A results page says what its records say, warns where it must, and loads nothing."""

import csv
import io
import itertools
import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import made_up_results as world
import pytest

from deeptell.figures import plain
from deeptell.report import page
from deeptell.report.results.bars import p_of
from deeptell.report.results.document import document, measurements_csv
from deeptell.report.results.markdown import markdown
from deeptell.report.results.page import render
from deeptell.report.results.pictures import pictures
from deeptell.report.results.plots import span_of
from deeptell.report.results.records import Results

HOSTILE = "<script>alert('x')</script>\u202e\udcff&\"]|[a](b)"
VOID = ("meta", "img", "br")
SECTIONS = ["figures", "differences", "subsets", "protocol", "curves", "calibration", "knowing",
            "robustness", "extraction", "few-frames", "faces", "embedding", "training",
            "not-scored", "every"]  # fmt: skip


class Page(HTMLParser):
    """Reads a page: its tags, its tables by caption as rows of cells, its text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.text, self.tables, self.rows = [], [], "", {}, []
        self.feed(html)
        assert not self.open, f"left open: {self.open}"
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "caption":
            self.caption, self.rows = "", []
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "caption":
            self.tables[self.caption] = self.rows

    def handle_data(self, data):
        if "style" in self.open:
            return
        data = data.replace("\N{NO-BREAK SPACE}", " ")
        self.text += data
        if "caption" in self.open:
            self.caption += data
        elif "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += f"{data.strip()} " if data.strip() else ""

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def results():
    return world.everything()


@pytest.fixture(scope="module")
def html(results):
    return render(results)


@pytest.fixture(scope="module")
def found(html):
    return Page(html)


def test_the_first_screen_says_what_a_sceptic_looks_for(results, html, found):
    model = results.models[3]
    auc, balanced = model.figure("auc"), model.figure("balanced_accuracy")
    row = found.tables["The main figures, of videos"][4]
    assert row == [
        "triplets, semi-hard, then sgd ",
        f"{auc.value:.3f} {auc.low:.3f}–{auc.high:.3f} ",
        f"{100 * balanced.value:.1f} % {100 * balanced.low:.1f}–{100 * balanced.high:.1f} ",
        *("60 12 real, 48 fake ", "12 ", "60 of 63 95.2 % "),
        "0.64 validation: at most 5 % of 24 real videos reach it ",
    ]
    first = html[: html.index('id="figures"')]
    assert results.statement in first
    assert results.protocol_hash in first


def test_warnings_come_from_the_figures_themselves(found):
    assert "Warning. 2 pairs of near copies stand on both sides" in found.text
    assert "Warning. The videos come from 12 source groups only: below 30" in found.text
    sparse = world.sparse()
    assert "Warning." not in Page(render(sparse)).text
    (model,) = sparse.models
    rows = tuple(replace(r, value=0.06, low=0.03, high=0.11) for r in model.measurements)
    turned = replace(sparse, models=(replace(model, measurements=rows),))
    text = Page(render(turned)).text
    assert "look like probabilities of being real: AUC 0.060 [0.030–0.110], far below" in text
    assert "They were measured as given, not turned round" in text
    rows = tuple(replace(r, value=1.0, low=1.0, high=1.0) for r in model.measurements)
    perfect = replace(sparse, models=(replace(model, measurements=rows),))
    text = Page(render(perfect)).text
    # Of 40 draws, none hits 7.2 % in 1 of 20 cases: 0.928 ** 40 = 0.05.
    assert "if they did in 7.2 % of source groups, one in 20 tests on 40 groups" in text


def test_one_class_only_has_no_curves_and_says_why():
    sparse = world.sparse()
    (model,) = sparse.models
    real = replace(model.scores, labels=(0,) * 200)
    rows = tuple(
        replace(r, value=float("nan")) if r.metric in ("auc", "eer") else r
        for r in model.measurements
    )
    one = replace(sparse, models=(replace(model, scores=real, measurements=rows),))
    html = render(one)
    text = Page(html).text
    assert "All scored videos of “other” on generated people, c23, test side are real" in text
    assert 'id="curves"' not in html
    assert "nan" not in re.sub("<style>.*?</style>", "", html, flags=re.S).lower()
    json.dumps(document(one), allow_nan=False)


def test_every_section_is_there_and_none_that_is_empty(html):
    assert re.findall('<section class="part" id="(.*?)"', html) == [*SECTIONS, "reading"]
    sparse = render(world.sparse())
    assert re.findall('<section class="part" id="(.*?)"', sparse) == [
        *("figures", "subsets", "curves", "calibration", "knowing", "every", "reading")
    ]
    nothing = Results(title="Nothing", about=(), statement="", models=())
    assert re.findall('<section class="part" id="(.*?)"', render(nothing)) == ["reading"]
    assert markdown(nothing).startswith("# Nothing\n")


def test_figures_of_subsets_levels_and_counts_stand_in_their_tables(results, found):
    model = results.models[1]
    row = found.tables["AUC by manipulation: each manipulation’s videos against all genuine ones"]
    figure = model.figure("auc", by="manipulation", subset="NeuralTextures")
    assert row[0][5] == "NeuralTextures (60 videos, 12 groups) "
    assert row[2][5].split()[0] == f"{figure.value:.3f}"
    levels = found.tables["AUC by level"]
    assert levels[0] == ["Model ", "Of frames ", "Of clips ", "Of tracks ", "Of videos "]
    assert (levels[1][2], levels[2][1]) == ("– ", "– ")
    counted = found.tables["Answers at the threshold, counted"][2]
    called = [p >= 0.64 for p in model.scores.fake_probability]
    fake = [bool(label) for label in model.scores.labels]
    assert [int(cell) for cell in counted[1:]] == [
        sum(a and b for a, b in zip(called, fake, strict=True)),
        sum(not a and b for a, b in zip(called, fake, strict=True)),
        sum(not a and not b for a, b in zip(called, fake, strict=True)),
        sum(a and not b for a, b in zip(called, fake, strict=True)),
    ]
    every = found.tables["r3d_18: every figure of clips"]
    assert len(every) == 1 + 1 + 4 + 2 + 4 + 3


def test_differences_are_judged_by_the_corrected_p(found):
    assert "p = 0.021 (Holm: p = 0.063): no difference shown" in found.text
    assert "p < 0.001 (Holm: p < 0.001): a difference" in found.text
    assert "+12.0 points" in found.text
    assert [p_of(p) for p in (0.0004, 0.0123)] == ["< 0.001", "= 0.012"]


def test_robustness_and_extraction_have_their_one_number(found):
    drops = found.tables["bilstm: AUC by severity; mean relative drop 24.3 % [18.3 to 27.8]"]
    assert drops[0][-1] == "Mean relative drop "
    assert drops[2][0] == "h264 "
    assert drops[2][-1] == "16.0 % 10.0–19.5 "
    assert drops[2][6].endswith("95.0 % scored ")
    (ways,) = (table for name, table in found.tables.items() if name.startswith("bilstm: largest"))
    assert "bilstm: largest minus smallest AUC 0.080, accuracy 12.0 points" in found.tables
    assert [row[3] for row in ways[1:3]] == ["– ", "−0.020 −0.050 to +0.010 "]


def test_videos_without_a_score_are_all_named(found):
    table = found.tables["r3d_18: 3 videos of 63 without a score"]
    assert table[1:] == [
        ["No face was found. ", "2 ", "x/017, x/018 "],
        ["no track holds 16 consecutive faces ", "1 ", "x/031 "],
    ]


def test_an_error_is_named_only_where_the_score_crosses_the_threshold(results, html):
    wrong = 0
    for model in results.models:
        for face in model.false_alarms + model.misses:
            wrong += (face.fake_probability >= 0.64) != (face.label == 1)
    assert wrong > 5
    assert html.count('class="wrong"') == wrong


def test_models_on_several_data_are_told_apart():
    first, second = world.everything(models=2).models
    c40 = "generated people, c40, test side"
    both = world.everything(models=2)
    both = replace(both, models=(first, replace(first, data=c40), replace(second, data=c40)))
    found = Page(render(both))
    rows = [row[0] for row in found.tables["The main figures, of videos"][1:]]
    assert rows == [
        "efficientnet_b0 c23, test side ",
        *("efficientnet_b0 c40, test side ", "r3d_18 c40, test side "),
    ]
    # Curves of one data share a drawing; those of other data have their own.
    drawn = re.findall(r"<title>ROC</title><desc>(.*?)</desc>", render(both))
    assert [text.count("AUC") for text in drawn] == [1, 2]


def test_more_than_four_models_get_a_second_drawing():
    results = world.everything()
    many = [replace(m, name=f"{m.name} {i}") for i in range(2) for m in results.models][:6]
    html = render(replace(results, models=tuple(many)))
    drawn = re.findall(r"<title>ROC</title><desc>(.*?)</desc>", html)
    assert [text.count("AUC") for text in drawn] == [4, 2]
    assert 'class="series-4' not in html


def test_the_page_loads_nothing_and_runs_nothing(html, found):
    for tag in ("script", "link", "iframe", "object", "use", "image"):
        assert not found.all(tag)
    assert all(a["src"].startswith("data:image/jpeg;base64,") for a in found.all("img"))
    assert all(a["alt"] for a in found.all("img"))
    ids = {attributes["id"] for _, attributes in found.tags if "id" in attributes}
    assert {a["href"][1:] for a in found.all("a")} == ids - {"summary"}
    assert html.count("http") == html.count("http-equiv")
    assert not re.search(r"@import|url\(|\son\w+=|\sstyle=", html)
    policy = next(m["content"] for m in found.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    style = re.search("<style>(.*?)</style>", html, flags=re.S).group(1)
    assert f"'sha256-{page.style_hash(style)}'" in policy


def test_drawings_have_names_tables_have_captions_and_headings_have_order(html, found):
    drawn = [svg for svg in found.all("svg") if svg.get("role") == "img"]
    assert len(drawn) == html.count("<title>") - 1 == html.count("<desc>") > 60
    assert len(found.all("table")) == len(found.all("caption")) > 20
    assert all("scope" in attributes for attributes in found.all("th"))
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_names_from_outside_are_escaped():
    results = world.everything(models=1)
    (model,) = results.models
    bad = replace(
        model,
        name=HOSTILE,
        note=HOSTILE,
        data=HOSTILE,
        measurements=tuple(
            replace(r, subset=r.subset if r.by == "all" else HOSTILE) for r in model.measurements
        ),
        chosen=replace(model.chosen, threshold_from=HOSTILE, calibration_from=HOSTILE),
        not_scored=(replace(model.not_scored[0], key=HOSTILE, reason=HOSTILE),),
        misses=(replace(model.misses[0], video=HOSTILE, note=HOSTILE),),
        projections=(replace(model.projections[0], identities=(HOSTILE, "b") * 60),),
    )
    worse = replace(results, title=HOSTILE, about=(HOSTILE,), statement=HOSTILE, models=(bad,),
                    protocol=HOSTILE, warnings=(HOSTILE,))  # fmt: skip
    html = render(worse)
    assert "<script" not in html
    assert "\u202e" not in html
    assert not Page(html).all("script")
    text = markdown(worse, pictures="drawings")
    assert not re.search(r"(?<!\\)<script", text)
    assert not re.search(r"(?<!\\)\[a", text)
    for made in (html, text, *(p.svg for p in pictures(worse))):
        made.encode("utf-8")
    for picture in pictures(worse):
        assert "script" not in {e.tag for e in ElementTree.fromstring(picture.svg).iter()}


def test_pictures_are_files_of_their_own_and_markdown_links_every_one(results):
    made = list(pictures(results))
    assert len({picture.name for picture in made}) == len(made) > 40
    for picture in made:
        root = ElementTree.fromstring(picture.svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert not re.search(r"url\(|href|@import", picture.svg)
    text = markdown(results, pictures="drawings")
    assert re.findall(r"\]\(drawings/(.*?)\)", text) == [picture.name for picture in made]
    assert "](" not in markdown(results)


def test_markdown_has_the_same_tables_as_the_page(results, found):
    text = markdown(results)
    captions = re.findall(r"^\*\*(.*?)\*\*$", text, flags=re.M)
    plain_captions = {caption.replace("\\", "").replace("\N{NO-BREAK SPACE}", " ")
                      for caption in captions}  # fmt: skip
    assert set(found.tables) <= plain_captions
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.M):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1


def test_the_document_holds_everything_but_pictures(results):
    made = json.loads(json.dumps(document(results), allow_nan=False))
    model, given = made["models"][0], results.models[0]
    assert model["measurements"] == json.loads(json.dumps(plain(given.measurements)))
    assert model["scores"]["fake_probability"] == list(given.scores.fake_probability)
    assert model["curves"]["roc"][0] == [0, 0]
    assert "jpeg" not in model["misses"][0]
    assert len(made["warnings"]) == 2
    assert made["protocol_hash"] == results.protocol_hash


def test_the_csv_has_a_row_for_every_measurement(results):
    rows = list(csv.DictReader(io.StringIO(measurements_csv(results))))
    parts = {name: [row for row in rows if row["part"] == name] for name in
             ("figures", "robustness", "extraction", "few frames", "distance")}  # fmt: skip
    assert len(parts["figures"]) == sum(len(m.measurements) for m in results.models)
    assert [len(parts[name]) for name in list(parts)[1:]] == [4 * 38, 4 * 10, 4 * 10, 4 * 2]
    first = results.models[0].measurements[0]
    assert float(parts["figures"][0]["value"]) == first.value
    assert parts["figures"][0]["subset"] == "all"


def test_the_same_results_give_the_same_bytes(html):
    assert render(world.everything.__wrapped__()) == html


def test_a_large_page_stays_small():
    results = world.everything(groups=200)
    crowd = world.projection(n=1000, identities=200)
    models = tuple(replace(m, projections=(crowd,)) for m in results.models)
    assert len(models[0].scores.keys) == 1000
    assert len(render(replace(results, models=models)).encode()) < 2_000_000


def test_axes_end_at_round_numbers():
    for top, ticks in ((0.69, 4), (37.0, 4), (1e-3, 4), (0.0, 4)):
        span = span_of([top, float("nan")], "loss")
        assert span.high >= top
        assert ticks <= len(span.axis.ticks) <= 6
        assert span.axis.ticks[-1][0] == 1


@pytest.mark.slow
@pytest.mark.parametrize("width", [500, 1280])
def test_a_browser_shows_it(tmp_path, html, width):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    page.write(tmp_path / "page.html", html)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += ["--disable-background-networking", f"--user-data-dir={profile}"]
        command += [f"--screenshot={tmp_path / 'page.png'}", f"--window-size={width},3000"]
        url = (tmp_path / "page.html").as_uri()
        subprocess.run([*command, url], check=True, capture_output=True, timeout=120)
    assert (tmp_path / "page.png").stat().st_size > 60_000
