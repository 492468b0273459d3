"""The API as a program meets it: files in, events, answers out, and all that can go wrong."""

import http.client
import json
import struct
import threading
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from asking import API, Client, serving

from deeptell.files import default_bundle
from deeptell.scan.document import from_entry
from deeptell.serve.app import PAGE


@pytest.fixture(scope="module")
def clip(benchmark: Path) -> Path:
    return benchmark / "extra" / "two_people_right_swapped.mp4"


@pytest.fixture(scope="module")
def done(client: Client, clip: Path) -> dict:
    """A job that was sent and has its answer."""
    sent = client.send(clip, "name=press%20briefing.mp4")
    assert sent.status == 202
    return client.ended(sent.json["id"])


def test_a_file_that_is_sent_is_answered(client: Client, done: dict, clip: Path) -> None:
    assert (done["state"], done["name"], done["progress"]) == ("done", "press briefing.mp4", 1.0)
    assert done["size"] == clip.stat().st_size
    content = client.get(f"/jobs/{done['id']}/result").json
    result = from_entry(content["files"][0])
    assert (str(result.verdict), result.path) == (done["verdict"], "press briefing.mp4")
    assert len(result.people) == 2
    shown = [one for of in content["page"]["evidence"].values() for one in of]
    assert shown
    for one in shown:
        for kind in ("face", "heat"):
            picture = client.get(f"/jobs/{done['id']}/evidence/{one[kind]}")
            assert picture.headers["content-type"] == "image/jpeg"
            assert picture.body.startswith(b"\xff\xd8")


def test_the_report_is_a_file_to_keep(client: Client, done: dict) -> None:
    report = client.get(f"/jobs/{done['id']}/report")
    kept_as = report.headers["content-disposition"]
    assert kept_as == "attachment; filename*=UTF-8''press%20briefing-report.html"
    assert "sandbox" in report.headers["content-security-policy"]
    assert b"press briefing.mp4" in report.body
    assert str(client.app.state.settings.folder).encode() not in report.body


def test_the_video_comes_in_parts(client: Client, done: dict, clip: Path) -> None:
    part = client.get(f"/jobs/{done['id']}/media", Range="bytes=10-19")
    assert part.status == 206
    assert part.body == clip.read_bytes()[10:20]
    assert part.headers["content-type"] == "video/mp4"


def test_the_same_work_is_answered_at_once_whatever_it_is_called(
    client: Client, done: dict, clip: Path
) -> None:
    again = client.send(clip, "name=other.mp4").json
    assert (again["state"], again["verdict"]) == ("done", done["verdict"])
    content = client.get(f"/jobs/{again['id']}/result").json
    assert content["files"][0]["path"] == "other.mp4"
    before = client.get(f"/jobs/{done['id']}/result").json
    assert content["files"][0]["people"] == before["files"][0]["people"]
    assert client.delete(again["id"]).status == 204
    assert client.get(f"/jobs/{done['id']}/result").status == 200  # what they share stays
    evidence = before["page"]["evidence"]["1"][0]["face"]
    assert client.get(f"/jobs/{done['id']}/evidence/{evidence}").status == 200


def test_a_copy_of_an_answer_has_the_line_that_was_asked_for(
    tmp_path: Path, settings_for, clip: Path
) -> None:
    settings = settings_for(tmp_path).model_copy(update={"bundle": default_bundle()})
    with serving(settings) as client:

        def threshold(query: str) -> float:
            job = client.ended(client.send(clip, query).json["id"])
            content = client.get(f"/jobs/{job['id']}/result").json
            report = client.get(f"/jobs/{job['id']}/report").body.decode()
            asked = "at most 10&nbsp;% of genuine ones" in " ".join(report.split())
            assert asked == ("false_alarms" in query)
            return content["files"][0]["false_alarms_per_1000"]["threshold"]

        first, copied = (threshold(f"name={name}&false_alarms=0.1") for name in ("a", "b"))
        assert first == copied != threshold("name=c")


def test_what_a_file_is_called_and_said_to_be_is_not_trusted(client: Client, clip: Path) -> None:
    page = b"<!doctype html><script>alert(1)</script>"
    for content, status in ((clip.read_bytes() + b"\0\3", 202), (page, 415)):
        for kind in ("text/html", "video/mp4", "image/svg+xml", "nonsense"):
            path = f"{API}/jobs?name=clip.svg"
            sent = client.ask("POST", path, content, {"content-type": kind})
            assert sent.status == status
            if status == 202:
                job = client.ended(sent.json["id"])
                assert job["state"] == "done"
                media = client.get(f"/jobs/{job['id']}/media")
                assert media.headers["content-type"] == "video/mp4"


def test_events_tell_every_step_and_resume(client: Client, clip: Path) -> None:
    changed = clip.read_bytes() + b"\0" * 7  # other content, the same video
    start = client.get("/jobs").json["last_event"]
    id = client.send(changed, "name=steps.mp4").json["id"]
    told = []
    for event in client.events("/events", last=start):
        told += [event] if event["job"] == id else []
        if event["kind"] == "done":
            break
    assert [told[0]["kind"], told[-1]["kind"]] == ["queued", "done"]
    assert {event["kind"] for event in told[1:-1]} == {"running"}
    shares = [event["progress"] for event in told]
    assert shares == sorted(shares)
    assert [event["id"] for event in told] == sorted({event["id"] for event in told})
    rest = next(client.events(f"/jobs/{id}/events", last=told[-2]["id"]))
    assert rest == told[-1]
    assert next(client.events(f"/jobs/{id}/events")) == told[0]
    assert client.get("/jobs/unknown/events").status == 404


def test_a_file_below_an_allowed_folder_is_named_and_stays(client: Client, clip: Path) -> None:
    job = client.post("/jobs/named", {"path": clip.name}).json
    assert client.ended(job["id"])["state"] == "done"
    assert client.delete(job["id"]).status == 204
    assert clip.is_file()
    for path in ("../manifest.parquet", "/etc/passwd", "no.mp4", "", ".", "a\0b"):
        refused = client.post("/jobs/named", {"path": path})
        assert refused.status == 404, path
        assert "no such file" in refused.json["detail"]


def test_what_is_deleted_is_gone(client: Client, clip: Path) -> None:
    folder = client.app.state.settings.folder
    id = client.send(clip.read_bytes() + b"\0\1", "name=gone.mp4").json["id"]
    client.ended(id)
    job = client.app.state.jobs.get(id)
    assert Path(job.path).is_file()
    assert client.delete(id).status == 204
    assert not Path(job.path).exists()
    assert not list(folder.glob(f"results/*{id}*"))
    for path in (f"/jobs/{id}", f"/jobs/{id}/result", f"/jobs/{id}/media", f"/jobs/{id}/report"):
        assert client.get(path).status == 404
    assert client.delete(id).status == 404
    actions = [(row["action"], row["who"]) for row in client.get("/log").json if row["job"] == id]
    assert actions == [("delete", "127.0.0.1"), ("send", "127.0.0.1")]


def png(width: int, height: int) -> bytes:
    """A picture that says it is large, and holds nothing."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    parts = [
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
        for part in (header, data, b"IEND")
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 400, "Nothing was sent"),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            415,
            "no video or picture",
        ),
        (b"<!doctype html><script>alert(1)</script>", 415, "no video or picture"),
        (b"PK\x03\x04" + bytes(500), 415, "no video or picture"),
    ],
)
def test_what_is_no_video_is_refused(
    client: Client, content: bytes, status: int, said: str
) -> None:
    refused = client.send(content, "name=x.mp4")
    assert (refused.status, said in refused.json["detail"]) == (status, True)
    assert not list(client.app.state.settings.uploads.glob("*.part"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (png(60_000, 60_000), "pixels"),
        (b"\0\0\0\x18ftypisom" + bytes(600), ""),
        (b"\x89PNG\r\n\x1a\n" + bytes(600), ""),
        (b"GIF89a" + bytes(600), ""),
    ],
)
def test_what_cannot_be_decoded_fails_with_a_sentence(
    client: Client, content: bytes, said: str
) -> None:
    sent = client.send(content, "name=bad.bin")
    assert sent.status == 202
    job = client.ended(sent.json["id"])
    assert job["state"] == "failed"
    assert said in job["error"]
    assert str(client.app.state.settings.folder) not in job["error"]
    assert client.get(f"/jobs/{job['id']}/result").status == 409


def test_a_truncated_video_is_answered_for_what_is_left(client: Client, clip: Path) -> None:
    whole = clip.read_bytes()
    job = client.ended(client.send(whole[: len(whole) // 2], "name=half.mp4").json["id"])
    assert job["state"] in ("done", "failed")
    assert (job["error"] is None) == (job["state"] == "done")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\clip.mp4", "clip.mp4"),
        ("x" * 10_000, "x" * 200),
        ("<script>alert(1)</script>", "script>"),
        ("a\nb\x1b[31m\u202ec", "a�b�[31m�c"),
        ("", "unnamed"),
    ],
)
def test_names_are_only_shown(client: Client, clip: Path, name: str, shown: str) -> None:
    from urllib.parse import quote

    sent = client.send(clip, f"name={quote(name)}")
    assert sent.json["name"] == shown
    client.delete(sent.json["id"])


def test_an_upload_that_is_cut_off_leaves_nothing(client: Client, clip: Path) -> None:
    uploads = client.app.state.settings.uploads
    before, jobs = set(uploads.iterdir()), len(client.get("/jobs?limit=500").json["jobs"])
    connection = http.client.HTTPConnection("127.0.0.1", client.port)
    connection.putrequest("POST", f"{API}/jobs?name=cut.mp4")
    connection.putheader("Content-Length", str(10**9))
    connection.endheaders()
    connection.send(clip.read_bytes())
    until = time.monotonic() + 10
    while not set(uploads.iterdir()) - before and time.monotonic() < until:
        time.sleep(0.05)
    assert set(uploads.iterdir()) - before
    connection.close()
    while set(uploads.iterdir()) - before and time.monotonic() < until + 10:
        time.sleep(0.05)
    assert set(uploads.iterdir()) == before
    assert len(client.get("/jobs?limit=500").json["jobs"]) == jobs


def test_wrong_settings_are_refused_before_anything_is_kept(client: Client, clip: Path) -> None:
    refused = client.send(clip, "false_alarms=0.001")
    assert refused.status == 400
    assert "not measurable" in refused.json["detail"]
    for query in ("false_alarms=2", "stress=maybe", "false_alarms=x"):
        assert client.send(clip, query).status == 422


def test_there_is_no_answer_to_what_is_not_there(client: Client) -> None:
    for path in ("/jobs/x", "/jobs/x/result", "/jobs/x/report", "/jobs/x/media", "/nothing"):
        assert client.get(path).status == 404
    assert client.post("/jobs/x/cancel").status == 404
    assert client.get("/jobs?limit=0").status == 422


def test_evidence_is_nothing_but_pictures(client: Client, done: dict) -> None:
    for path in ("result.json", "../../jobs.sqlite", "faces/../result.json", "faces/9-9.jpg"):
        assert client.ask("GET", f"{API}/jobs/{done['id']}/evidence/{path}").status == 404


def test_the_schema_is_documented_and_its_page_needs_no_other_server(client: Client) -> None:
    schema = client.get("/openapi.json").json
    assert f"{API}/jobs/{{id}}/result" in schema["paths"]
    page = client.get("/docs").body.decode()
    assert "http" not in page.replace("http-equiv", "")
    for path in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert client.get(f"/docs-files/{path}").status == 200
        assert path in page


def test_the_first_page_is_light_and_whole(client: Client) -> None:
    size = 0
    for path in PAGE.iterdir():
        answer = client.ask("GET", f"/page/{path.name}")
        assert answer.status == 200
        size += len(answer.body)
    assert size < 150_000
    assert b"http:" not in client.ask("GET", "/").body


def test_limits_and_a_full_disk_are_said(tmp_path: Path, settings_for, clip: Path) -> None:
    changes = {"upload_bytes": 1000, "video_seconds": 0.01}
    with serving(settings_for(tmp_path / "small", **changes)) as small:
        refused = small.send(clip)
        assert (refused.status, "larger than" in refused.json["detail"]) == (413, True)
    with serving(settings_for(tmp_path / "short", video_seconds=0.01)) as short:
        job = short.ended(short.send(clip).json["id"])
        assert (job["state"], "lasts" in job["error"]) == ("failed", True)
    with serving(settings_for(tmp_path / "full", spare_bytes=2**60)) as full:
        refused = full.send(clip)
        assert (refused.status, "disk is full" in refused.json["detail"]) == (507, True)
        assert not list(full.app.state.settings.uploads.iterdir())


def test_a_job_that_waits_or_runs_can_be_cancelled(
    tmp_path: Path, settings_for, clip: Path
) -> None:
    with serving(settings_for(tmp_path)) as client:
        ids = [
            client.send(clip.read_bytes() + bytes([n]), "stress=true").json["id"] for n in (0, 1)
        ]
        for id in reversed(ids):
            assert client.post(f"/jobs/{id}/cancel").json["state"] == "cancelled"
            assert client.post(f"/jobs/{id}/cancel").status == 409
        after = client.send(clip.read_bytes() + b"\5")
        assert client.ended(after.json["id"])["state"] == "done"  # there is a worker again


def test_many_at_once(client: Client, clip: Path) -> None:
    answers, content = [], clip.read_bytes()

    def send(number: int) -> None:
        sent = client.send(content + number.to_bytes(4, "big"), f"name={number}.mp4")
        answers.append((number, sent.status, sent.json["id"]))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for _, status, _ in answers} == {202}
    for _, _, id in answers:
        assert client.ended(id)["state"] == "done"
        client.delete(id)


def test_an_archive_in_a_video_is_no_danger(client: Client, clip: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(10**7))
    both = clip.read_bytes() + (tmp_path / "bomb.zip").read_bytes()
    assert client.ended(client.send(both).json["id"])["state"] == "done"


def test_a_locked_database_is_said_and_nothing_is_lost(
    tmp_path: Path, settings_for, clip: Path, monkeypatch
) -> None:
    import sqlite3

    monkeypatch.setattr("deeptell.serve.database._BUSY_SECONDS", 0.2)
    with serving(settings_for(tmp_path)) as client:
        holder = sqlite3.connect(tmp_path / "jobs.sqlite")
        holder.execute("BEGIN EXCLUSIVE")
        refused = client.send(clip)
        assert refused.status == 503
        assert "try again" in refused.json["detail"]
        assert not list(client.app.state.settings.uploads.iterdir())
        holder.rollback()
        holder.close()
        assert client.ended(client.send(clip).json["id"])["state"] == "done"
        assert json.dumps(client.get("/jobs").json)


def test_a_database_that_is_gone_is_said_and_can_be_put_back(
    tmp_path: Path, settings_for, clip: Path
) -> None:
    with serving(settings_for(tmp_path)) as client:
        id = client.send(clip, "name=before.mp4").json["id"]
        client.ended(id)
        kept = {path: tmp_path / f"kept-{path.name}" for path in tmp_path.glob("jobs.sqlite*")}
        for path, away in kept.items():
            path.rename(away)
        for answer in (client.send(clip), client.get("/jobs"), client.get("/ready")):
            assert answer.status == 503
        assert not (tmp_path / "jobs.sqlite").exists()
        for path, away in kept.items():
            away.rename(path)
        assert client.get(f"/jobs/{id}").json["name"] == "before.mp4"
