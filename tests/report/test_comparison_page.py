"""The page of a comparison says what its records say, loads nothing, and ranks no noise."""

import itertools
import math
import re
import shutil
import subprocess
import tempfile
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from deeptell.errors import ConfigError
from deeptell.figures import Compared, Difference, FewFrames, Measurement, Published
from deeptell.report import comparison_figures as figures
from deeptell.report import comparison_page, comparison_plots, page

NAN = float("nan")
DATA = ("generated people, c23", "generated people, c40")
METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")
COUNTS = (1, 3, 5, 10, 25)
GROUPS, VIDEOS = 12, 120

# Name, family, what it stands on, parameters, frames it takes at least, and its made-up AUC at c23.
FAMILIES = [
    ("efficientnet_b0", "frame", "ImageNet weights, all layers trained.", 4_664_446, 1, 0.94),
    ("xception", "frame", "ImageNet weights, all layers trained.", 21_856_042, 1, 0.95),
    ("c3d", "clip", "From scratch; the published one has 4,096 units.", 65_381_186, 25, 0.5),
    ("c3d_small", "clip", "From scratch; a narrow C3D for CPUs.", 412_930, 10, 0.81),
    ("r3d_18", "clip", "Kinetics-400 weights.", 33_167_298, 10, 0.86),
    ("lstm", "recurrent", "Features of efficientnet_b0.", 69_762, 1, 0.93),
    ("gru", "recurrent", "Features of efficientnet_b0.", 52_898, 1, 0.92),
    ("bilstm", "recurrent", "Features of efficientnet_b0.", 1_640_000, 1, 0.91),
    ("temporal_max", "recurrent", "Features of efficientnet_b0; mask-aware maximum.", 1_580_000, 1,
     0.9),
    ("triplets, semi-hard, then sgd", "metric",
     "Features of FaceNet (VGGFace2), frozen; the published head, with unit length.", 238_272, 1,
     0.74),
    ("cross-entropy head", "metric", "The same features and head.", 238_402, 1, 0.75),
    ("random_forest", "classic", "Features of FaceNet, frozen.", 0, 1, 0.66),
    ("knn", "classic", "Features of FaceNet, frozen.", 0, 1, 0.63),
]  # fmt: skip
METRIC = ["triplets, semi-hard, sgd", "cross-entropy head", "batch-all triplets, sgd",
          "batch-hard triplets, knn", "contrastive, logistic_regression"]  # fmt: skip
IMBALANCE = ["as is", "chunks, maximum vote", "chunks, mean", "sampled by class", "weighted loss"]
DEFECTS = ["split by frame", "split by source", "first 25 frames", "25 frames spread over the clip"]


def measured(value, *, data, metric="auc", subset="all", spread=0.06):
    value = float(np.clip(value, 0.02, 0.995))
    low, high = max(0.0, value - spread * 1.2), min(1.0, value + spread * 0.7)
    by = "all" if subset == "all" else "manipulation"
    return Measurement(data, by, subset, "video", metric, value, low, high, VIDEOS, GROUPS)


def run(name, *, section, data, auc, rng, **given):
    """One made-up run; c40 is harder than c23."""
    auc = auc - (0.09 if data.endswith("c40") else 0) + rng.normal(0, 0.01)
    per_metric = {"auc": auc, "accuracy": auc - 0.07, "balanced_accuracy": auc - 0.1,
                  "eer": 0.98 - auc}  # fmt: skip
    rows = [measured(value, data=data, metric=metric) for metric, value in per_metric.items()]
    for i, method in enumerate(METHODS if section == "families" else ()):
        rows.append(measured(auc + 0.05 - 0.05 * i, data=data, subset=method, spread=0.08))
    points = []
    for count in COUNTS if section == "families" else ():
        if count >= given.get("least", 1):
            at = auc - 0.1 * (1 - math.log(count) / math.log(25))
            points.append(
                FewFrames(count, *(measured(at - drop, data=data, metric=metric)
                                   for metric, drop in (("auc", 0), ("accuracy", 0.07))))
            )  # fmt: skip
    return Compared(
        name=name,
        family=given.get("family", "metric"),
        section=section,
        data=data,
        note=given.get("note", "Features of FaceNet, frozen."),
        parameters=given.get("parameters", 238_272),
        train_loss=0.69 if name == "c3d" else 0.3,
        measurements=tuple(rows),
        few_frames=tuple(points),
        videos=VIDEOS,
        scored=VIDEOS - (2 if name == "c3d_small" else 0),
        seconds=60 * rng.uniform(0.5, 20),
    )


def everything():
    """Made-up models, differences and published figures: one of every kind a page must show."""
    rng = np.random.default_rng(3)
    models = [
        run(name, section="families", data=data, auc=auc, rng=rng, family=family, note=note,
            parameters=parameters, least=least)
        for name, family, note, parameters, least, auc in FAMILIES
        for data in DATA
    ]  # fmt: skip
    for section, names, data in (
        ("metric", METRIC, DATA), ("imbalance", IMBALANCE, DATA[1:]), ("defects", DEFECTS, DATA)
    ):  # fmt: skip
        models += [
            run(name, section=section, data=one, auc=0.78 + 0.02 * i, rng=rng)
            for i, name in enumerate(names)
            for one in data
        ]
    c23, c40 = DATA
    differences = [
        Difference("xception", "lstm", "families", c40, "auc", 0.02, -0.03, 0.08, GROUPS),
        Difference(
            "xception", "c3d", "families", c40, "auc", 0.4, 0.3, 0.5, GROUPS
        ),  # one of them: untrained
        Difference(METRIC[0], METRIC[1], "metric", c23, "auc", -0.011, -0.05, 0.03, GROUPS),
        Difference(METRIC[0], METRIC[1], "metric", c40, "auc", 0.004, -0.04, 0.05, GROUPS),
        Difference(METRIC[2], METRIC[1], "metric", c23, "auc", 0.06, 0.01, 0.11, GROUPS),
        Difference(METRIC[3], METRIC[1], "metric", c40, "accuracy", 0.012, NAN, NAN, 1),
        Difference(
            IMBALANCE[1],
            IMBALANCE[0],
            "imbalance",
            c40,
            "balanced_accuracy",
            0.03,
            -0.01,
            0.06,
            GROUPS,
        ),
        Difference(DEFECTS[0], DEFECTS[1], "defects", c23, "auc", 0.12, 0.07, 0.18, GROUPS),
        Difference(DEFECTS[0], DEFECTS[1], "defects", c40, "auc", 0.14, 0.08, 0.2, GROUPS),
        Difference(DEFECTS[3], DEFECTS[2], "defects", c40, "auc", -0.05, -0.09, -0.01, GROUPS),
    ]
    published = [
        Published("NeuralTextures c40, accuracy", "90.71 %", "Kumar et al., 2020",
                  "FaceForensics++, 254 of 280 videos; 95 % interval 86.7 to 93.6 %"),
        Published("Celeb-DF, AUC", "99.2 %", "Kumar et al., 2020", "Celeb-DF v2, in domain"),
        Published("NeuralTextures c40, accuracy", "82.11 %", "Rössler et al., 2019",
                  "FaceForensics++, XceptionNet"),
    ]  # fmt: skip
    return models, differences, published


ABOUT = (
    "Generated people who do not exist: 12 pairs for testing, 120 videos, at c23 and c40.",
    "One seed; training took 3 hours on two cores.",
)


def rendered(models=(), differences=(), published=()):
    return comparison_page.render(
        models, differences, published, title="IWBF 2020, measured again", about=ABOUT
    )


class Page(HTMLParser):
    """Reads a page: its tags, its tables as lists of rows of cells, its text."""

    VOID = ("meta",)

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.tables, self.text = [], [], [], ""
        self.feed(html)
        assert not self.open, f"left open: {self.open}"
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        data = data.replace("\N{NO-BREAK SPACE}", " ")
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += f"{data.strip()} " if data.strip() else ""

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def ids(self):
        return {attributes["id"] for _, attributes in self.tags if "id" in attributes}


@pytest.fixture(scope="module")
def world():
    return everything()


@pytest.fixture(scope="module")
def html(world):
    return rendered(*world)


def test_every_run_has_its_row_of_figures(world, html):
    models, _, _ = world
    tables = [t for t in Page(html).tables if "Scored, of asked" in " ".join(t[0])]
    rows = [row for table in tables for row in table[1:]]
    assert len(rows) == len(models)
    first = next(m for m in models if m.name == "c3d_small" and m.data == DATA[1])
    auc = first.measurements[0]
    row = next(r for r in rows if "118 of 120" in " ".join(r) and r[0].strip() == "c40")
    assert row[1].split() == [f"{auc.value:.3f}", f"{auc.low:.3f}–{auc.high:.3f}"]
    assert row[7].strip() == "413 k"
    headings = [row[0] for row in rows if len(row[0].split()) > 1]
    assert all(any(h.startswith(model.name) for h in headings) for model in models)


def test_manipulations_are_columns_shaded_by_value(html):
    tables = [t for t in Page(html).tables if "NeuralTextures" in " ".join(t[0])]
    assert [[cell.strip() for cell in t[0]] for t in tables] == [["Model", "All", *METHODS]] * 2
    assert [len(t) - 1 for t in tables] == [len(FAMILIES)] * 2
    xception = re.search(r"<th scope=\"row\">xception</th>(.*?)</tr>", html).group(1)
    assert re.findall(r"heat-(\d)", xception) == ["4", "5", "4", "3", "3"]


def test_models_not_trained_enough_are_marked_and_never_ranked_or_compared(html):
    found = Page(html)
    marks = html.count("not trained enough</small>")
    assert marks == 2 * 5, "its row, its bar, by manipulation, and twice by frames, on each data"
    assert "Of 12 models, efficientnet_b0 (frame) ranked highest" in found.text
    assert "2 of 54 runs did not leave chance" not in found.text
    models = len(everything()[0])
    assert f"2 of {models} runs did not leave chance in training" in found.text
    assert "minus c3d;" not in found.text
    assert "1 difference with such runs is left out" in found.text
    bars = re.findall(r'<li class="bar( dim)?"><span class="what">(.*?)<small>', html)
    families = [name for _, name in bars[:13]]
    assert families[0] == "efficientnet_b0"
    assert (families[-1], bars[12][0]) == ("c3d", " dim")
    for label in (a["aria-label"] for a in found.all("svg") if "aria-label" in a):
        assert not re.search(r"\bc3d\b(?!_)", label)


def test_a_point_that_was_not_measured_is_an_empty_cell(html):
    tables = [t for t in Page(html).tables if t[0][1:] == [f"{count} " for count in COUNTS]]
    assert len(tables) == 4
    for table in tables:
        row = next(r for r in table if r[0].startswith("r3d_18"))
        assert row[1:4] == ["", "", ""]
        assert all(cell for cell in row[4:])


def test_the_summary_says_what_the_intervals_allow(html):
    text = Page(html).text
    assert (
        f"“{METRIC[0]}” minus “{METRIC[1]}”: on c23, AUC −0.011 [−0.050 to +0.030], "
        "the interval includes zero: no difference shown; on c40, AUC +0.004"
    ) in text
    assert (
        f"2, of which 1 shows a difference: “{METRIC[2]}” minus “{METRIC[1]}” (AUC +0.060 on"
        in text
    )
    assert "on c23, AUC +0.120 [+0.070 to +0.180], higher: the interval leaves zero out" in text
    assert "+1.2 points no interval no difference shown" in text
    assert "here the smallest number is 12, so take them as rough" in text


def test_published_figures_stand_beside_ours_with_their_data(world, html):
    models, _, _ = world
    table = Page(html).tables[-1]
    assert table[1][:2] == ["NeuralTextures c40, accuracy ", "90.71 % "]
    ours = [row for row in table if "deeptell" in row[2]]
    assert [row[3].split(";")[0].strip() for row in ours] == [
        d[0].upper() + d[1:] for rows in (3, 2) for d in DATA for _ in range(rows)
    ]
    assert [row[0].strip() for row in ours][:3] == [
        "AUC, all manipulations",
        "Accuracy, all manipulations",
        "AUC, NeuralTextures",
    ]
    trained = [m.measurements[0].value for m in models
               if m.section == "families" and m.data == DATA[0] and m.trained_enough]  # fmt: skip
    assert ours[0][1].strip() == f"{min(trained):.3f} to {max(trained):.3f}"
    assert "12 models" in ours[0][2]
    assert "not comparable with those on FaceForensics++ or Celeb-DF" in Page(html).text
    real = [replace(m, data="FaceForensics++, c40") for m in models]
    assert "not comparable" not in Page(rendered(real, (), world[2])).text


def test_figures_without_interval_or_value_say_so(world):
    model = next(m for m in world[0] if m.name == "lstm")
    rows = [
        replace(row, low=NAN, high=NAN, value=NAN if row.metric == "eer" else row.value)
        for row in model.measurements
    ]
    unknown = replace(rows[0], value=NAN)
    points = tuple(FewFrames(point.frames, unknown, unknown) for point in model.few_frames)
    bare = rendered([replace(model, measurements=tuple(rows), few_frames=points)])
    assert "nan" not in re.sub("<style>.*?</style>", "", bare, flags=re.S).lower()
    assert "no interval" in bare
    assert "EER" not in Page(bare).tables[0][0]


HOSTILE = "<script>alert('x')</script>\u202e\udcff&\"]"


def test_names_from_outside_are_escaped(world):
    models, _, _ = world
    bad = replace(models[0], name=HOSTILE, family=HOSTILE, data=HOSTILE, note=HOSTILE,
                  measurements=tuple(replace(r, subset=r.subset if r.subset == "all" else HOSTILE)
                                     for r in models[0].measurements))  # fmt: skip
    rows = [Difference(HOSTILE, HOSTILE, "metric", HOSTILE, HOSTILE, 0.1, 0.0, 0.2, 3)]
    html = comparison_page.render(
        [bad, *models[1:]], rows, [Published(*[HOSTILE] * 4)], title=HOSTILE, about=[HOSTILE]
    )
    assert "<script" not in html
    assert "\u202e" not in html
    assert not Page(html).all("script")
    html.encode("utf-8")


def test_the_page_loads_nothing_and_runs_nothing(html):
    found = Page(html)
    for tag in ("script", "link", "img", "iframe", "object", "use", "image"):
        assert not found.all(tag)
    links = [a["href"] for a in found.all("a")]
    assert [link for link in links if link[0] != "#"] == ["https://arxiv.org/abs/2003.08645"]
    assert {link[1:] for link in links if link[0] == "#"} == found.ids() - {"summary"}
    assert html.count("http") - html.count("http-equiv") == 1
    assert not re.search(r"@import|url\(|\son\w+=|\sstyle=|\ssrc=", html)
    policy = next(m["content"] for m in found.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    style = re.search("<style>(.*?)</style>", html, flags=re.S).group(1)
    assert f"'sha256-{page.style_hash(style)}'" in policy


def test_drawings_are_well_formed_and_headings_have_order(html):
    found = Page(html)
    drawings = re.findall(r"<svg(?:(?!<svg).)*?(?:<svg.*?</svg>.*?)*?</svg>", html, flags=re.S)
    assert len(drawings) > 50
    for drawing in drawings:
        ElementTree.fromstring(drawing)
    named = [svg for svg in found.all("svg") if svg.get("role") == "img"]
    assert named
    assert all(svg["aria-label"] for svg in named)
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_what_has_no_rows_has_no_section(world, html):
    models, _, _ = world
    every = {"families", "manipulations", "few-frames", "metric", "imbalance", "defects",
             "published", "reading", "summary"}  # fmt: skip
    assert Page(html).ids() == every
    assert Page(rendered()).ids() == {"reading"}
    metric = [m for m in models if m.section == "metric"]
    assert Page(rendered(metric)).ids() == {"metric", "reading"}


def test_the_same_records_give_the_same_bytes(html):
    assert rendered(*everything()) == html


def test_an_unknown_section_is_refused(world):
    with pytest.raises(ConfigError, match="families"):
        rendered([replace(world[0][0], section="familes")])


def test_points_lie_where_the_figures_say(world):
    scale = comparison_plots.share_scale([measured(0.9, data="", spread=0.4)])
    assert (scale.low, scale.high) == (0.4, 1.0)
    assert scale.percent(0.7) == pytest.approx(50)
    assert [text for _, text in scale.ticks] == ["0.4", "0.6", "0.8", "1.0"]
    rows = [Difference("a", "b", "metric", "", "auc", 0.01, -0.03, 0.04, 3)]
    scale = comparison_plots.difference_scale(rows, "auc")
    assert [text for _, text in scale.ticks] == ["−0.05", "−0.025", "0", "+0.025", "+0.05"]
    bar = comparison_plots.difference_bars(rows, scale, short={"": ""})[0]
    assert (bar.x, bar.ends, bar.hollow) == (60, (20, 90), True)
    assert [comparison_plots.frames_percent(n, [1, 5, 25]) for n in (1, 5, 25)] == [0, 50, 100]
    assert comparison_plots.frames_percent(3, [3]) == 50


def test_a_family_too_large_for_one_panel_gets_two(world):
    model = next(m for m in world[0] if m.name == "lstm")
    many = [replace(model, name=f"m{i}") for i in range(6)]
    scale = comparison_plots.share_scale([])
    drawn = comparison_plots.panels(many, "auc", scale=scale, counts=COUNTS)
    assert [(p.family, len(p.lines), len(p.behind)) for p in drawn] == [
        ("recurrent", 4, 2),
        ("recurrent, continued", 2, 4),
    ]
    assert [line.offset for line in drawn[0].lines] == [-7.5, -2.5, 2.5, 7.5]


def test_data_that_share_their_beginning_are_named_by_the_rest():
    assert figures.short_data(DATA) == {DATA[0]: "c23", DATA[1]: "c40"}
    assert figures.short_data(["a, b"]) == {"a, b": "b"}
    assert figures.short_data(["a, b", "a"]) == {"a, b": "a, b", "a": "a"}
    assert figures.short_data([]) == {}


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
