"""The SQLite file that all processes of a server share, and its tables.

Every transaction begins with its write: it never waits for a lock that another one can only give up
after it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from deeptell.errors import OutputError

_BUSY_SECONDS = 10.0

_metadata = sa.MetaData()
JOBS = sa.Table(
    "jobs",
    _metadata,
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
EVENTS = sa.Table(
    "events",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("job", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sqlite_autoincrement=True,  # numbers are never used again: a watcher resumes by them
)
LOG = sa.Table(
    "audit",
    _metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("job", sa.String),
    sqlite_autoincrement=True,
)


class DatabaseGoneError(OutputError):
    """The file of the database was moved or deleted while it was in use."""


# What it raises while it is locked, or gone.
WITHOUT_DATABASE = (sa.exc.DBAPIError, DatabaseGoneError)


class Database:
    """Any number of processes may open it.

    Args:
        path: its file.
        create: whether to make it where there is none; else that is an error.

    Raises:
        OutputError: it cannot be opened.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        self._engine = sa.create_engine(
            f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False}
        )
        sa.event.listen(self._engine, "connect", _prepare)
        try:
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
                _metadata.create_all(self._engine)
        except (OSError, sa.exc.DBAPIError) as error:
            reason = getattr(error, "orig", error)
            raise OutputError(f"The database {path} cannot be opened: {reason}.") from error

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction, kept as a whole or not at all."""
        self._check()
        with self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read with."""
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


def _prepare(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for setting in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()
