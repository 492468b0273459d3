"""One thing done to each of many videos: those that fail are named, and the others go on."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

import cv2

from deeptell.errors import ConfigError, DeeptellError, OutputError
from deeptell.progress import Progress
from deeptell.workers import Died, each


class Task(Protocol):
    """What is to be done to one video."""

    @property
    def video_key(self) -> str: ...


T = TypeVar("T", bound=Task)


def do_each(
    function: Callable[[T], None],
    tasks: Sequence[T],
    *,
    jobs: int,
    total: int,
    progress: Progress | None,
    engine: str = "local",
    seconds: float | None = None,
) -> dict[str, str]:
    """Do all tasks and return, by video_key, the reasons of those that failed.

    Args:
        function: picklable; what it raises concerns its video only, an `OutputError` everyone.
        total: videos in all; those without a task count as done already.
        progress: called with (videos done, videos in all).

    Raises:
        ConfigError: there are no jobs.
        OutputError: results cannot be written.
    """
    if jobs < 1:
        raise ConfigError(f"jobs must be at least 1, got {jobs}.")
    report = progress or _silent
    done, reasons = total - len(tasks), {}
    report(done, total)
    threads = cv2.getNumThreads()
    try:
        for task, result in each(
            partial(_try, function),
            tasks,
            jobs=min(jobs, max(1, len(tasks))),
            setup=_set_up,
            engine=engine,
            seconds=seconds,
        ):
            reason = result.reason if isinstance(result, Died) else result
            if reason:
                reasons[task.video_key] = reason
            done += 1
            report(done, total)
    finally:
        cv2.setNumThreads(threads)
    return reasons


def _set_up() -> None:
    """One thread for each worker, since there is a worker for each core."""
    cv2.setNumThreads(1)


def _try(function: Callable[[T], None], task: T) -> str:
    try:
        function(task)
    except OutputError:
        raise
    except DeeptellError as error:
        return str(error)
    except Exception as error:  # one file must not stop ten thousand; its reason says what happened
        return f"deeptell failed on it: {type(error).__name__}: {error}"
    return ""


def _silent(done: int, total: int) -> None:
    pass
