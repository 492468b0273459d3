"""Workers that are processes of this machine, each on a pipe of its own, so that one can be killed.

The pools of the standard library hide their processes: one that hangs cannot be stopped, and one
that dies takes along whatever the others were doing.
"""

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from deeptell.workers.crew import Answer, Gone, Raised, Task, answer_of

# Threads do not survive a fork, and Windows and macOS have none: workers start afresh.
_CONTEXT = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class _Worker:
    process: BaseProcess
    pipe: "Connection[Any, Any]"

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


class LocalCrew:
    """See `crew.Crew`."""

    def __init__(self, task: Task, *, jobs: int) -> None:
        self._task = task
        self._workers: dict[int, _Worker] = {}

    def start(self, worker: int) -> None:
        """Start a process, which sets itself up at once."""
        self._stop(worker)
        ours, theirs = _CONTEXT.Pipe()
        process = _CONTEXT.Process(target=_serve, args=(theirs, self._task), daemon=True)
        process.start()
        theirs.close()  # else its end would stay open in here, and its death go unnoticed
        self._workers[worker] = _Worker(process, ours)

    def send(self, worker: int, item: Any) -> None:
        """Send an item down the pipe."""
        with suppress(OSError):  # dead by now: `wait` will tell
            self._workers[worker].pipe.send(item)

    def wait(self, seconds: float | None) -> list[tuple[int, Answer]]:
        """Read the pipes that hold something; one that is closed was a dead worker's."""
        by_pipe = {one.pipe: number for number, one in self._workers.items()}
        ready = wait(list(by_pipe), seconds)
        return [(number, self._read(number)) for pipe, number in by_pipe.items() if pipe in ready]

    def close(self) -> None:
        """Kill and bury all."""
        for worker in list(self._workers):
            self._stop(worker)

    def _read(self, worker: int) -> Answer:
        one = self._workers[worker]
        try:
            answer: Answer = one.pipe.recv()
            return answer
        except (EOFError, OSError):
            one.process.join()
            code = one.process.exitcode
            self._stop(worker)
            return Gone(f"it ended with code {code}")

    def _stop(self, worker: int) -> None:
        if worker in self._workers:
            self._workers.pop(worker).stop()


def _serve(pipe: "Connection[Any, Any]", task: Task) -> None:
    """What a worker process does all its life: set up, then item after item until the pipe ends."""
    # Ctrl-C reaches the whole group: the parent alone reacts, and kills its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        _reply(pipe, answer_of(task.setup, *task.arguments))
        while True:
            _reply(pipe, answer_of(task.function, pipe.recv()))


def _reply(pipe: "Connection[Any, Any]", answer: Answer) -> None:
    try:
        pipe.send(answer)
    except OSError:
        raise
    except Exception as error:  # nothing was sent: pickling comes first
        pipe.send(Raised(TypeError(f"a result that cannot be sent to another process: {error}")))


def _die_with_parent() -> None:
    """End this process as soon as its parent has: `kill -9` gives a parent no time to say so."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
