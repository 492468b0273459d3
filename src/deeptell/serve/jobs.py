"""Jobs, their events, and who asked for what: one SQLite database that all processes share.

A job is queued, then running under the lease of one worker, and ends once: done, failed or
cancelled. What changes a job and the event that tells of it are one transaction, so no event is
lost or told twice. Every transaction begins with its write: it never waits for a lock that another
one can only give up after it.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from deeptell.errors import OutputError

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
DELETED = "deleted"  # an event, not a state: there is nothing left that could be in it

MOST_ATTEMPTS = 3  # a file that ends its worker so often is not tried again
_BUSY_SECONDS = 10.0

_tables = sa.MetaData()
_jobs = sa.Table(
    "jobs",
    _tables,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("owned", sa.Boolean, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("work", sa.String, nullable=False, index=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("progress", sa.Float, nullable=False, default=0.0),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("worker", sa.String),
    sa.Column("started", sa.Float),
    sa.Column("lease", sa.Float),
    sa.Column("ended", sa.Float),
    sa.Column("verdict", sa.String),
    sa.Column("fake_probability", sa.Float),
    sa.Column("error", sa.String),
    sa.Column("result", sa.String),
)
_events = sa.Table(
    "events",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sqlite_autoincrement=True,  # numbers are never used again: a watcher resumes by them
)
_audit = sa.Table(
    "audit",
    _tables,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("job", sa.String),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Job:
    """One file that is, was or will be scanned.

    Attributes:
        number: order in which jobs came.
        id: a random name, which nobody can guess.
        name: what the file was called by whoever sent it; only shown.
        path: where it lies.
        owned: whether it is ours, and is erased with the job.
        work: what the answer depends on: file, bundle, options.
        created, started, ended, lease: Unix seconds.
        progress: 0 to 1.
        error: a sentence, where the job failed.
        result: name of the folder that holds the answer.
    """

    number: int
    id: str
    name: str
    path: str
    owned: bool
    size: int
    sha256: str
    options: Mapping[str, Any]
    work: str
    created: float
    state: str
    progress: float
    attempts: int
    worker: str | None
    started: float | None
    lease: float | None
    ended: float | None
    verdict: str | None
    fake_probability: float | None
    error: str | None
    result: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job; `id` grows with time."""

    id: int
    job: str
    kind: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended."""

    state: str
    verdict: str | None = None
    fake_probability: float | None = None
    error: str | None = None
    result: str | None = None


class DatabaseGoneError(OutputError):
    """The file of the database was moved or deleted while it was in use."""


# What it raises while it is locked, or gone.
WITHOUT_DATABASE = (sa.exc.DBAPIError, DatabaseGoneError)


class Jobs:
    """The database; any number of processes may open it.

    Args:
        path: its file.
        create: whether to make it where there is none; else that is an error.

    Raises:
        OutputError: it cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self._path = path
        self._engine = sa.create_engine(
            f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}
        )
        sa.event.listen(self._engine, "connect", _prepare)
        try:
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
                _tables.create_all(self._engine)
        except (OSError, sa.exc.DBAPIError) as error:
            reason = getattr(error, "orig", error)
            raise OutputError(f"The database {path} cannot be opened: {reason}.") from error

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

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
        with self._begin() as connection:
            job = _job(connection.execute(_jobs.insert().values(values).returning(_jobs)).one())
            _tell(connection, job)
        return job

    def get(self, id: str) -> Job | None:
        """A job by its id."""
        with self._reading() as connection:
            row = connection.execute(sa.select(_jobs).where(_jobs.c.id == id)).one_or_none()
        return _job(row) if row is not None else None

    def listed(self, *, before: int | None = None, limit: int = 50) -> list[Job]:
        """The latest jobs first; `before` is the number of the last one seen."""
        asked = sa.select(_jobs).order_by(_jobs.c.number.desc()).limit(limit)
        if before is not None:
            asked = asked.where(_jobs.c.number < before)
        with self._reading() as connection:
            return [_job(row) for row in connection.execute(asked)]

    def answered(self, work: str) -> Job | None:
        """A job that has the answer to the same work."""
        same = (_jobs.c.work == work, _jobs.c.state == DONE)
        asked = sa.select(_jobs).where(*same).order_by(_jobs.c.number.desc()).limit(1)
        with self._reading() as connection:
            row = connection.execute(asked).one_or_none()
        return _job(row) if row is not None else None

    def cancel(self, id: str) -> bool:
        """End a job that has not ended; its worker finds out. False: it had, or there is none."""
        with self._begin() as connection:
            return _end(connection, Outcome(CANCELLED), _jobs.c.id == id, _open())

    def delete(self, id: str) -> Job | None:
        """Forget a job and what happened to it; returns what it was."""
        with self._begin() as connection:
            gone = connection.execute(
                _jobs.delete().where(_jobs.c.id == id).returning(_jobs)
            ).one_or_none()
            if gone is None:
                return None
            connection.execute(_events.delete().where(_events.c.job == id))
            connection.execute(_events.insert().values(job=id, kind=DELETED, data={}))
            return _job(gone)

    def older_than(self, moment: float) -> list[Job]:
        """Jobs that ended before then."""
        asked = sa.select(_jobs).where(_jobs.c.ended < moment)
        with self._reading() as connection:
            return [_job(row) for row in connection.execute(asked)]

    def kept(self) -> tuple[set[str], set[str]]:
        """The paths of all files that are ours, and the names of all results."""
        with self._reading() as connection:
            rows = connection.execute(sa.select(_jobs.c.path, _jobs.c.owned, _jobs.c.result)).all()
        return {path for path, owned, _ in rows if owned}, {name for *_, name in rows if name}

    # What workers do.

    def claim(self, worker: str, *, lease_seconds: float) -> Job | None:
        """Take the oldest job that waits or whose worker let its lease run out."""
        now = time.time()
        lost = sa.and_(_jobs.c.state == RUNNING, _jobs.c.lease < now)
        waiting = (
            sa.select(_jobs.c.number)
            .where(sa.or_(_jobs.c.state == QUEUED, lost))
            .order_by(_jobs.c.number)
            .limit(1)
            .scalar_subquery()
        )
        values = {
            "state": RUNNING,
            "worker": worker,
            "started": now,
            "lease": now + lease_seconds,
            "progress": 0.0,
            "attempts": _jobs.c.attempts + 1,
        }
        taking = _jobs.update().where(_jobs.c.number == waiting).values(values).returning(_jobs)
        with self._begin() as connection:
            row = connection.execute(taking).one_or_none()
            if row is None:
                return None
            job = _job(row)
            if job.attempts > MOST_ATTEMPTS:
                _end(connection, given_up(), _jobs.c.id == job.id)
                return None
            _tell(connection, job)
            return job

    def beat(self, job: Job, *, lease_seconds: float, progress: float | None = None) -> bool:
        """Prolong a lease, and tell how far it is; False: the job is this worker's no more."""
        values: dict[str, float] = {"lease": time.time() + lease_seconds}
        if progress is not None:
            values["progress"] = progress
        with self._begin() as connection:
            row = connection.execute(
                _jobs.update().where(*_held(job)).values(values).returning(_jobs)
            ).one_or_none()
            if row is not None and progress is not None:
                _tell(connection, _job(row))
            return row is not None

    def finish(self, job: Job, outcome: Outcome) -> bool:
        """End a job; False: it is this worker's no more, and nothing was changed."""
        with self._begin() as connection:
            return _end(connection, outcome, *_held(job))

    def held_by(self, worker: str) -> Job | None:
        """The job that a worker is at."""
        mine = (_jobs.c.worker == worker, _jobs.c.state == RUNNING)
        with self._reading() as connection:
            row = connection.execute(sa.select(_jobs).where(*mine).limit(1)).one_or_none()
        return _job(row) if row is not None else None

    def release(self, worker: str) -> None:
        """Queue what a dead worker held once more, or give it up after so many attempts."""
        mine = (_jobs.c.worker == worker, _jobs.c.state == RUNNING)
        spent = _jobs.c.attempts >= MOST_ATTEMPTS
        with self._begin() as connection:
            _end(connection, given_up(), *mine, spent)
            rows = connection.execute(
                _jobs.update().where(*mine).values(state=QUEUED, worker=None).returning(_jobs)
            ).all()
            for row in rows:
                _tell(connection, _job(row))

    def stop(self, worker: str, outcome: Outcome) -> None:
        """End what a worker held that was killed for a reason."""
        with self._begin() as connection:
            _end(connection, outcome, _jobs.c.worker == worker, _jobs.c.state == RUNNING)

    # What watchers and auditors read.

    def events(self, *, after: int, limit: int = 1000) -> list[Event]:
        """What happened since the event with that number, in order."""
        asked = sa.select(_events).where(_events.c.id > after).order_by(_events.c.id).limit(limit)
        with self._reading() as connection:
            return [Event(*row) for row in connection.execute(asked)]

    def last_event(self) -> int:
        """The number of the latest event; 0 before the first."""
        with self._reading() as connection:
            return connection.execute(sa.select(sa.func.max(_events.c.id))).scalar() or 0

    def note(self, who: str, action: str, job: str | None = None) -> None:
        """Keep who asked for what."""
        with self._begin() as connection:
            row = {"at": time.time(), "who": who, "action": action, "job": job}
            connection.execute(_audit.insert().values(row))

    def noted(self, *, limit: int = 1000) -> list[dict[str, Any]]:
        """The latest entries of the audit log first."""
        asked = sa.select(_audit).order_by(_audit.c.number.desc()).limit(limit)
        with self._reading() as connection:
            return [dict(row._mapping) for row in connection.execute(asked)]

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        self._check()
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        self._check()
        with self._engine.connect() as connection:
            yield connection

    def _check(self) -> None:
        """A deleted file could be written to for ever, and nothing of it would be kept."""
        if not self._path.is_file():
            self._engine.dispose()
            raise DatabaseGoneError(
                f"The database {self._path} is gone: put it back, or start the server anew."
            )


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


def _prepare(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _job(row: Sequence[Any]) -> Job:
    return Job(*row)


def _open() -> "sa.ColumnElement[bool]":
    return _jobs.c.state.in_((QUEUED, RUNNING))


def _held(job: Job) -> tuple["sa.ColumnElement[bool]", ...]:
    """Whether a job is still that of the worker who claimed it, at that attempt."""
    c = _jobs.c
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
        _jobs.update().where(*where).values(_ended(outcome)).returning(_jobs)
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
    connection.execute(_events.insert().values(job=job.id, kind=job.state, data=data))
