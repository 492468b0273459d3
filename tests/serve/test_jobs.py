"""The database of jobs: each ends once, whatever dies, and every change is told once."""

import threading
import time
from pathlib import Path

import pytest

from deeptell.errors import OutputError
from deeptell.serve.jobs import MOST_ATTEMPTS, Jobs, work_key
from deeptell.serve.records import CANCELLED, DELETED, DONE, FAILED, QUEUED, RUNNING, Job, Outcome


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs.sqlite")


def add(jobs: Jobs, name: str = "a.mp4", **changes) -> Job:
    values = {"path": Path("/x") / name, "owned": True, "size": 1, "sha256": "ab", "options": {}}
    return jobs.add(name=name, **{**values, "work": name, **changes})


def kinds(jobs: Jobs, job: Job) -> list[str]:
    return [event.kind for event in jobs.events(after=0) if event.job == job.id]


def test_a_job_goes_its_way_and_every_step_is_told_once(jobs: Jobs) -> None:
    job = add(jobs)
    taken = jobs.claim("w", lease_seconds=60)
    assert (taken.id, taken.state, taken.attempts) == (job.id, RUNNING, 1)
    assert jobs.claim("v", lease_seconds=60) is None
    assert jobs.beat(taken, lease_seconds=60, progress=0.5)
    assert jobs.finish(taken, Outcome(DONE, "cannot tell", 0.25, None, "folder"))
    assert not jobs.finish(taken, Outcome(FAILED, error="too late"))
    ended = jobs.get(job.id)
    assert (ended.state, ended.verdict, ended.result, ended.progress) == (
        *(DONE, "cannot tell", "folder"),
        1.0,
    )
    assert kinds(jobs, job) == [QUEUED, RUNNING, RUNNING, DONE]


def test_jobs_are_taken_in_order_and_by_one_worker_each(jobs: Jobs, tmp_path: Path) -> None:
    asked = [add(jobs, f"{number}.mp4") for number in range(40)]
    taken: list[tuple[str, int]] = []

    def work(name: str) -> None:
        mine = Jobs(tmp_path / "jobs.sqlite")
        while job := mine.claim(name, lease_seconds=60):
            taken.append((job.id, job.number))
            assert mine.finish(job, Outcome(DONE))

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(number for _, number in taken) == [job.number for job in asked]
    assert all(kinds(jobs, job) == [QUEUED, RUNNING, DONE] for job in asked)


def test_what_a_lost_worker_held_is_taken_again_and_its_answer_comes_too_late(jobs: Jobs) -> None:
    add(jobs)
    lost = jobs.claim("lost", lease_seconds=0.01)
    time.sleep(0.05)
    again = jobs.claim("other", lease_seconds=60)
    assert again.attempts == 2
    assert not jobs.beat(lost, lease_seconds=60)
    assert not jobs.finish(lost, Outcome(DONE, "cannot tell"))
    assert jobs.finish(again, Outcome(DONE, "likely manipulated"))
    assert jobs.get(again.id).verdict == "likely manipulated"


def test_the_same_worker_cannot_finish_an_attempt_that_it_lost(jobs: Jobs) -> None:
    add(jobs)
    first = jobs.claim("w", lease_seconds=60)
    jobs.release("w")
    second = jobs.claim("w", lease_seconds=60)
    assert not jobs.finish(first, Outcome(DONE))
    assert jobs.finish(second, Outcome(DONE))


@pytest.mark.parametrize("how", ["release", "lease"])
def test_what_ends_its_worker_again_and_again_is_given_up(jobs: Jobs, how: str) -> None:
    job = add(jobs)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert jobs.claim(f"w{attempt}", lease_seconds=0.01).attempts == attempt
        if how == "release":
            jobs.release(f"w{attempt}")
        time.sleep(0.03)
    assert jobs.claim("last", lease_seconds=60) is None
    ended = jobs.get(job.id)
    assert ended.state == FAILED
    assert "ended the process" in ended.error


def test_a_cancelled_job_is_its_workers_no_more(jobs: Jobs) -> None:
    job = add(jobs)
    taken = jobs.claim("w", lease_seconds=60)
    assert jobs.cancel(job.id)
    assert not jobs.cancel(job.id)
    assert not jobs.beat(taken, lease_seconds=60)
    assert not jobs.finish(taken, Outcome(DONE))
    assert jobs.get(job.id).state == CANCELLED
    jobs.release("w")
    assert jobs.get(job.id).state == CANCELLED


def test_a_worker_that_is_killed_for_a_reason_ends_its_job_alone(jobs: Jobs) -> None:
    mine, other = add(jobs, "a.mp4"), add(jobs, "b.mp4")
    jobs.claim("w", lease_seconds=60)
    jobs.claim("v", lease_seconds=60)
    assert jobs.held_by("w").id == mine.id
    jobs.stop("w", Outcome(FAILED, error="too long"))
    assert (jobs.get(mine.id).state, jobs.get(other.id).state) == (FAILED, RUNNING)
    assert jobs.held_by("w") is None


def test_what_is_deleted_leaves_nothing_but_word_of_it(jobs: Jobs, tmp_path: Path) -> None:
    job = add(jobs, "secret-name.mp4")
    kept = add(jobs, "kept.mp4")
    last = jobs.last_event()
    assert jobs.delete(job.id).path == job.path
    assert jobs.delete(job.id) is None
    assert [(e.job, e.kind, e.data) for e in jobs.events(after=last)] == [(job.id, DELETED, {})]
    assert kinds(jobs, job) == [DELETED]
    assert [one.id for one in jobs.listed()] == [kept.id]
    jobs.close()
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"kept.mp4" in left
    assert b"secret-name" not in left


def test_lists_go_back_page_by_page(jobs: Jobs) -> None:
    names = [add(jobs, f"{n}.mp4").name for n in range(7)]
    first = jobs.listed(limit=4)
    rest = jobs.listed(before=first[-1].number, limit=4)
    assert [job.name for job in (*first, *rest)] == names[::-1]


def test_the_same_work_has_one_answer(jobs: Jobs) -> None:
    key = work_key("ab", "cd", {"stress": False})
    assert key != work_key("ab", "cd", {"stress": True})
    job = add(jobs, work=key)
    assert jobs.answered(key) is None
    jobs.finish(jobs.claim("w", lease_seconds=60), Outcome(DONE, result="folder"))
    assert jobs.answered(key).id == job.id


def test_old_jobs_are_those_that_ended_long_ago(jobs: Jobs, monkeypatch) -> None:
    job = add(jobs)
    add(jobs, "open.mp4")
    jobs.finish(jobs.claim("w", lease_seconds=60), Outcome(DONE))
    assert [old.id for old in jobs.older_than(time.time() + 1)] == [job.id]
    assert jobs.older_than(time.time() - 60) == []


def test_who_asked_for_what_is_kept(jobs: Jobs) -> None:
    jobs.note("127.0.0.1", "send", "x")
    jobs.note("127.0.0.1", "delete", "x")
    assert [(row["action"], row["job"]) for row in jobs.noted()] == [("delete", "x"), ("send", "x")]


def test_a_database_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(OutputError, match="cannot be opened"):
        Jobs(tmp_path / "jobs.sqlite")
