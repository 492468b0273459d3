"""`deeptell audit` as a user meets it."""

import json
from pathlib import Path

import pytest


@pytest.fixture
def folder(benchmark: Path, tmp_path: Path) -> Path:
    """Two genuine clips, one of them twice in a subfolder, and one that is no video."""
    clips = sorted((benchmark / "original_sequences/youtube/c23/videos").glob("*.mp4"))
    made = tmp_path / "genuine"
    for name, clip in (("a.mp4", 0), ("second/b.mp4", 1), ("second/again/b.mp4", 1)):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(clips[clip].read_bytes())
    (made / "text.mp4").write_text("not a video")
    return made


def test_it_counts_resumes_and_shows(run, folder: Path, bundle: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out, page = tmp_path / "audit.jsonl", tmp_path / "audit.html"
    given = (folder, "--bundle", bundle, "--out", out)
    ran = run("audit", *given, "--report", page)
    assert ran.code == 0, ran.err
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert len(lines) == 4
    flagged = {line["path"] for line in lines if line["verdict"] == "likely manipulated"}
    sources = {Path(path).relative_to(folder).parts[0] for path in flagged}
    told = " ".join(ran.out.split())
    assert f"{len(sources)} of 2 sources" in told
    assert "1 could not be read" in told
    assert "at least 299 are needed" in told
    html = page.read_text(encoding="utf-8")
    assert "The 3\N{NO-BREAK SPACE}files count as 2\N{NO-BREAK SPACE}sources" in html
    assert "deeptell audit " in html
    again = json.loads(run("audit", *given, "--json").out)
    assert len(out.read_text().splitlines()) == 4, "nothing is scanned again"
    assert again["schema_version"] == 1
    assert (again["alarms"]["alarmed"], again["alarms"]["sources"]) == (len(sources), 2)
    highest = max(line["fake_probability"] or 0 for line in lines)
    assert again["worst"][0]["fake_probability"] == highest
    assert {part["by"] for part in again["parts"]} == {"media", "resolution", "codec", "face size"}


def test_what_it_does_not_take(run, folder: Path, bundle: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for path, words in (
        (folder / "a.mp4", "is no folder"),
        (tmp_path / "nowhere", "is no folder"),
        (bundle, "holds no video or picture"),
    ):
        ran = run("audit", path, "--bundle", bundle)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("deeptell: ")
        assert words in ran.err
