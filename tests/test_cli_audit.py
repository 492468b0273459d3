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
    assert again["schema_version"] == 2
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


def audit_of(
    path: Path, bundle: Path, *, sources: int = 100, threshold: float = 0.25, **changes: object
) -> Path:
    """An audit of so many sources, one of which stands above the line for 5 %."""
    line = {"media": "clip", "rate": 0.05, "threshold": threshold, "sources": sources, "alarmed": 1}
    content = {
        "schema_version": 2,
        "bundle_sha256": json.loads((bundle / "bundle.json").read_text())["sha256"],
        "folder": "archive",
        "lines": [
            {**line, "high": 0.05, "needed": 59},
            {**line, "rate": 0.01, "threshold": None, "alarmed": 0, "high": 0.03, "needed": 299},
        ],
    }
    path.write_text(json.dumps(content | changes))
    return path


def test_a_scan_takes_its_line_from_an_audit(  # type: ignore[no-untyped-def]
    run, folder: Path, bundle: Path, tmp_path: Path
) -> None:
    shown = audit_of(tmp_path / "archive.json", bundle)
    given = ("scan", folder / "a.mp4", "--bundle", bundle, "--false-alarms", "5%")
    page = tmp_path / "scan.html"
    asked = (*given, "--audit", shown)
    (file,) = json.loads(run(*asked, "--report", page, "--json").out)["files"]
    alarms = file["false_alarms_per_1000"]
    assert (alarms["threshold"], alarms["expected"]) == (0.25, 10)
    assert (alarms["audited"], alarms["measured_on"]) == ("archive", 100)
    assert alarms["high"] < 50
    assert "on what was audited in <code>archive</code>" in page.read_text(encoding="utf-8")
    said = " ".join(run(*asked).out.split())
    assert "measured on 100 genuine source groups of the audit of archive" in said


def test_an_audit_that_shows_nothing_is_refused(  # type: ignore[no-untyped-def]
    run, folder: Path, bundle: Path, tmp_path: Path
) -> None:
    (tmp_path / "no.json").write_text("[]")
    shown = audit_of(tmp_path / "archive.json", bundle)
    for path, rate, words in (
        (tmp_path / "missing.json", "5%", "cannot be read: No such file"),
        (tmp_path / "no.json", "5%", "is no audit"),
        (audit_of(tmp_path / "other.json", bundle, bundle_sha256="ab"), "5%", "another model"),
        (audit_of(tmp_path / "old.json", bundle, schema_version=1), "5%", "run the audit again"),
        (audit_of(tmp_path / "nan.json", bundle, threshold=float("nan")), "5%", "is no audit"),
        (audit_of(tmp_path / "few.json", bundle, sources=20), "5%", "counts 20 sources of clips"),
        (shown, "1%", "Offered: 5 %"),
        (shown, None, "name the rate with --false-alarms"),
    ):
        rates = ("--false-alarms", rate) if rate else ()
        given = (folder / "a.mp4", "--bundle", bundle, "--audit", path, *rates)
        ran = run("scan", *given)
        assert (ran.code, ran.out) == (2, "")
        assert words in " ".join(ran.err.split()), ran.err


def test_what_an_audit_prints_is_what_a_scan_reads(  # type: ignore[no-untyped-def]
    run, folder: Path, bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / "own.json"
    path.write_text(run("audit", folder, "--bundle", bundle, "--json").out)
    ran = run("scan", folder / "a.mp4", "--bundle", bundle, "--false-alarms", "5%", "--audit", path)
    assert ran.code == 2
    assert "it counts 2 sources of clips. Offered: no rate" in " ".join(ran.err.split())
