"""A scan as evidence: does the verdict hold, and can it be had again?"""

import json
from pathlib import Path

import pytest

from deeptell.answers import Verdict
from deeptell.media.corrupt import CORRUPTIONS
from deeptell.scan.stress import VARIANTS


@pytest.fixture
def clip(benchmark: Path) -> Path:
    return sorted((benchmark / "original_sequences/youtube/c23/videos").glob("*.mp4"))[0]


def test_a_verdict_under_stress(run, clip: Path, bundle: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out, page = tmp_path / "out.jsonl", tmp_path / "page.html"
    ran = run("scan", clip, "--bundle", bundle, "--stress", "--out", out, "--report", page)
    line = json.loads(out.read_text())
    stress = line["stress"]
    tried = [(one["corruption"], one["severity"]) for one in stress["variants"]]
    assert tried == list(VARIANTS)
    held = [one for one in stress["variants"] if one["verdict"] == line["verdict"]]
    assert (stress["held"], stress["of"]) == (len(held), 12)
    # Something did happen to each, and every variant says by how much.
    assert len({one["fake_probability"] for one in stress["variants"]}) >= 8
    for one in stress["variants"]:
        assert one["strength"] == CORRUPTIONS[one["corruption"]].strengths[one["severity"] - 1]
        assert Verdict(one["verdict"])
    sentence = f"{len(held)} of 12"
    assert f"the verdict holds in {sentence}" in " ".join(ran.out.split())
    assert sentence in page.read_text(encoding="utf-8")
    # The journal holds it: nothing is scanned again, and the answer is the same.
    again = run("scan", clip, "--bundle", bundle, "--stress", "--out", out, "--json")
    assert len(out.read_text().splitlines()) == 1
    assert json.loads(again.out)["files"][0]["stress"] == stress


def test_a_plain_scan_does_not_stand_for_one_under_stress(  # type: ignore[no-untyped-def]
    run, clip: Path, bundle: Path, tmp_path: Path
) -> None:
    from PIL import Image

    from deeptell.media.decode import open_media

    face, nobody, out = tmp_path / "face.png", tmp_path / "grey.png", tmp_path / "out.jsonl"
    with open_media(clip) as media:
        Image.fromarray(next(iter(media)).image).save(face)
    Image.new("RGB", (96, 96), (90, 90, 90)).save(nobody)
    paths = (face, nobody, "--bundle", bundle, "--out", out, "--json")
    files = json.loads(run("scan", *paths).out)["files"]
    assert [file["stress"] for file in files] == [None, None]
    files = json.loads(run("scan", *paths, "--stress").out)["files"]
    assert files[0]["stress"]["of"] == 12
    assert files[1]["stress"] is None, "without a score there is nothing that could hold"
    assert len(out.read_text().splitlines()) == 4


def test_a_report_says_how_to_repeat_it(run, clip: Path, bundle: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """The command on the page, run again, writes the same page."""
    from html import unescape
    from re import search
    from shlex import split

    from deeptell.files import sha256_of

    page = tmp_path / "a page.html"
    assert run("scan", clip, "--bundle", bundle, "--report", page).code == 0
    first = page.read_text(encoding="utf-8")
    found = search(r"<pre><code><bdi>(.*?)</bdi></code></pre>", first)
    assert found is not None
    program, *arguments = split(unescape(found.group(1)))
    assert program == "deeptell"
    for words in (sha256_of(clip), "libavcodec ", "PyTorch ", "Python "):
        assert words in first
    page.unlink()
    assert run(*arguments).code == 0
    assert page.read_text(encoding="utf-8") == first
