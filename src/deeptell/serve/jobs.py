"""Jobs, their events, and who asked for what, in one database.

A job is queued, then running under the lease of one worker, and ends once: done, failed or
cancelled. What changes a job and the event that tells of it are one transaction, so no event is
lost or told twice.
"""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from deeptell.serve.database import EVENTS, JOBS, LOG, Database
from deeptell.serve.records import (
    CANCELLED,
    DELETED,
    DONE,
    FAILED,
    QUEUED,
    RUNNING,
    Event,
    Job,
    Outcome,
)

MOST_ATTEMPTS = 3  # a file that ends its worker so often is not tried again


class Jobs:
    """The database; any number of processes may open it.

    Args:
        path: its file.
        create: whether to make it where there is none; else that is an error.

    Raises:
        OutputError: it cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._database = Database(path, create=create)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    # What people ask for.

    def add(
        self,
        *,
        name: str,
        path: Path,
        owned: bool,
        size: int,
        sha256: str,
        options: Mapping[str, Any],
        work: str,
        id: str | None = None,
        outcome: Outcome | None = None,
    ) -> Job:
        """Queue a file, or note it as ended where its answer is known already."""
        values: dict[str, Any] = {
            "id": id or new_id(),
            "name": name,
            "path": str(path),
            "owned": owned,
            "size": size,
            "sha256": sha256,
            "options": dict(options),
            "work": work,
            "created": time.time(),
            "state": QUEUED,
        }
        if outcome is not None:
            values |= _ended(outcome)
        with self._database.begin() as connection:
            job = _job(connection.execute(JOBS.insert().values(values).returning(JOBS)).one())
            _tell(connection, job)
        return job

    def get(self, id: str) -> Job | None:
        """A job by its id."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(JOBS).where(JOBS.c.id == id)).one_or_none()
        return _job(row) if row is not None else None

    def listed(self, *, before: int | None = None, limit: int = 50) -> list[Job]:
        """The latest jobs first; `before` is the number of the last one seen."""
        asked = sa.select(JOBS).order_by(JOBS.c.number.desc()).limit(limit)
        if before is not None:
            asked = asked.where(JOBS.c.number < before)
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(asked)]

    def answered(self, work: str) -> Job | None:
        """A job that has the answer to the same work."""
        same = (JOBS.c.work == work, JOBS.c.state == DONE)
        asked = sa.select(JOBS).where(*same).order_by(JOBS.c.number.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(asked).one_or_none()
        return _job(row) if row is not None else None

    def cancel(self, id: str) -> bool:
        """End a job that has not ended; its worker finds out. False: it had, or there is none."""
        with self._database.begin() as connection:
            return _end(connection, Outcome(CANCELLED), JOBS.c.id == id, _open())

    def delete(self, id: str) -> Job | None:
        """Forget a job and what happened to it; returns what it was."""
        with self._database.begin() as connection:
            gone = connection.execute(
                JOBS.delete().where(JOBS.c.id == id).returning(JOBS)
            ).one_or_none()
            if gone is None:
                return None
            connection.execute(EVENTS.delete().where(EVENTS.c.job == id))
            connection.execute(EVENTS.insert().values(job=id, kind=DELETED, data={}))
            return _job(gone)

    def older_than(self, moment: float) -> list[Job]:
        """Jobs that ended before then."""
        asked = sa.select(JOBS).where(JOBS.c.ended < moment)
        with self._database.reading() as connection:
            return [_job(row) for row in connection.execute(asked)]

    def kept(self) -> tuple[set[str], set[str]]:
        """The paths of all files that are ours, and the names of all results."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(JOBS.c.path, JOBS.c.owned, JOBS.c.result)).all()
        return {path for path, owned, _ in rows if owned}, {name for *_, name in rows if name}

    # What workers do.

    def claim(self, worker: str, *, lease_seconds: float) -> Job | None:
        """Take the oldest job that waits or whose worker let its lease run out."""
        now = time.time()
        lost = sa.and_(JOBS.c.state == RUNNING, JOBS.c.lease < now)
        waiting = (
            sa.select(JOBS.c.number)
            .where(sa.or_(JOBS.c.state == QUEUED, lost))
            .order_by(JOBS.c.number)
            .limit(1)
            .scalar_subquery()
        )
        values = {
            "state": RUNNING,
            "worker": worker,
            "started": now,
            "lease": now + lease_seconds,
            "progress": 0.0,
            "attempts": JOBS.c.attempts + 1,
        }
        taking = JOBS.update().where(JOBS.c.number == waiting).values(values).returning(JOBS)
        with self._database.begin() as connection:
            row = connection.execute(taking).one_or_none()
            if row is None:
                return None
            job = _job(row)
            if job.attempts > MOST_ATTEMPTS:
                _end(connection, given_up(), JOBS.c.id == job.id)
                return None
            _tell(connection, job)
            return job

    def beat(self, job: Job, *, lease_seconds: float, progress: float | None = None) -> bool:
        """Prolong a lease, and tell how far it is; False: the job is this worker's no more."""
        values: dict[str, float] = {"lease": time.time() + lease_seconds}
        if progress is not None:
            values["progress"] = progress
        with self._database.begin() as connection:
            row = connection.execute(
                JOBS.update().where(*_held(job)).values(values).returning(JOBS)
            ).one_or_none()
            if row is not None and progress is not None:
                _tell(connection, _job(row))
            return row is not None

    def finish(self, job: Job, outcome: Outcome) -> bool:
        """End a job; False: it is this worker's no more, and nothing was changed."""
        with self._database.begin() as connection:
            return _end(connection, outcome, *_held(job))

    def held_by(self, worker: str) -> Job | None:
        """The job that a worker is at."""
        mine = (JOBS.c.worker == worker, JOBS.c.state == RUNNING)
        with self._database.reading() as connection:
            row = connection.execute(sa.select(JOBS).where(*mine).limit(1)).one_or_none()
        return _job(row) if row is not None else None

    def release(self, worker: str) -> None:
        """Queue what a dead worker held once more, or give it up after so many attempts."""
        mine = (JOBS.c.worker == worker, JOBS.c.state == RUNNING)
        spent = JOBS.c.attempts >= MOST_ATTEMPTS
        with self._database.begin() as connection:
            _end(connection, given_up(), *mine, spent)
            rows = connection.execute(
                JOBS.update().where(*mine).values(state=QUEUED, worker=None).returning(JOBS)
            ).all()
            for row in rows:
                _tell(connection, _job(row))

    def stop(self, worker: str, outcome: Outcome) -> None:
        """End what a worker held that was killed for a reason."""
        with self._database.begin() as connection:
            _end(connection, outcome, JOBS.c.worker == worker, JOBS.c.state == RUNNING)

    # What watchers and auditors read.

    def events(self, *, after: int, limit: int = 1000) -> list[Event]:
        """What happened since the event with that number, in order."""
        asked = sa.select(EVENTS).where(EVENTS.c.id > after).order_by(EVENTS.c.id).limit(limit)
        with self._database.reading() as connection:
            return [Event(*row) for row in connection.execute(asked)]

    def last_event(self) -> int:
        """The number of the latest event; 0 before the first."""
        with self._database.reading() as connection:
            return connection.execute(sa.select(sa.func.max(EVENTS.c.id))).scalar() or 0

    def note(self, who: str, action: str, job: str | None = None) -> None:
        """Keep who asked for what."""
        with self._database.begin() as connection:
            row = {"at": time.time(), "who": who, "action": action, "job": job}
            connection.execute(LOG.insert().values(row))

    def noted(self, *, limit: int = 1000) -> list[dict[str, Any]]:
        """The latest entries of the audit log first."""
        asked = sa.select(LOG).order_by(LOG.c.number.desc()).limit(limit)
        with self._database.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(asked)]


def new_id() -> str:
    """22 characters that nobody can guess."""
    return secrets.token_urlsafe(16)


def work_key(sha256: str, bundle_sha256: str, options: Mapping[str, Any]) -> str:
    """What an answer depends on, as one string."""
    return json.dumps([sha256, bundle_sha256, options], sort_keys=True)


def given_up() -> Outcome:
    """The outcome for what ended its worker too often."""
    return Outcome(
        FAILED,
        error=f"The file ended the process that examined it {MOST_ATTEMPTS} times: it is damaged, "
        "or made to do so.",
    )


def _job(row: Sequence[Any]) -> Job:
    return Job(*row)


def _open() -> "sa.ColumnElement[bool]":
    return JOBS.c.state.in_((QUEUED, RUNNING))


def _held(job: Job) -> tuple["sa.ColumnElement[bool]", ...]:
    """Whether a job is still that of the worker who claimed it, at that attempt."""
    c = JOBS.c
    return (
        c.id == job.id,
        c.worker == job.worker,
        c.attempts == job.attempts,
        c.state == RUNNING,
    )


def _ended(outcome: Outcome) -> dict[str, Any]:
    values = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
    done = {"progress": 1.0} if outcome.state == DONE else {}
    return {**values, **done, "ended": time.time(), "lease": None, "worker": None}


def _end(connection: sa.Connection, outcome: Outcome, *where: "sa.ColumnElement[bool]") -> bool:
    rows = connection.execute(
        JOBS.update().where(*where).values(_ended(outcome)).returning(JOBS)
    ).all()
    for row in rows:
        _tell(connection, _job(row))
    return bool(rows)


def _tell(connection: sa.Connection, job: Job) -> None:
    data = {
        "name": job.name,
        "state": job.state,
        "progress": round(job.progress, 3),
        "verdict": job.verdict,
        "error": job.error,
    }
    connection.execute(EVENTS.insert().values(job=job.id, kind=job.state, data=data))
