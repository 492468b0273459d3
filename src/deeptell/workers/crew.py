"""What an engine is to the one who shares out the work: numbered processes that may die."""

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Task:
    """What all workers of one call have in common; picklable."""

    function: Callable[[Any], Any]
    setup: Callable[..., None]
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The worker has set itself up (`result` is None), or worked out an item."""

    result: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """The worker lives, and raised this."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Gone:
    """The worker is dead; `words` are what is known about it, for the log."""

    words: str


Answer = Done | Raised | Gone


class Crew(Protocol):
    """Workers, each with a number and with at most one thing to do at a time."""

    def start(self, worker: int) -> None:
        """Start this worker; the one that has the number is killed first."""
        ...

    def send(self, worker: int, item: Any) -> None:
        """Give an item to a worker that has answered everything so far."""
        ...

    def wait(self, seconds: float | None) -> list[tuple[int, Answer]]:
        """Return the answers that have come, at least one unless the time is up."""
        ...

    def close(self) -> None:
        """Kill all workers and return when none is left."""
        ...


def answer_of(function: Callable[..., Any], *arguments: Any) -> Done | Raised:
    """Call a function in a worker and pack what comes of it so that it can travel."""
    try:
        return Done(function(*arguments))
    except Exception as error:
        return Raised(_portable(error))


def _portable(error: Exception) -> Exception:
    """The error with its traceback as a note, or its words where it does not survive pickling."""
    error.add_note("".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes, of a moment ago
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
