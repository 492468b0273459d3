"""The workers of a server: started, watched, and killed where a file takes too much."""

import multiprocessing
import os
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess

import psutil

from deeptell.serve.database import WITHOUT_DATABASE
from deeptell.serve.jobs import Jobs
from deeptell.serve.records import FAILED, Outcome
from deeptell.serve.settings import ServeSettings

_LOOK_SECONDS = 0.5


def _work(settings: ServeSettings, name: str, parent: int) -> None:
    """What a worker runs; the server itself loads nothing that scans."""
    from deeptell.serve.worker import work

    work(settings, name, parent)


@dataclass(frozen=True)
class _Worker:
    name: str
    process: SpawnProcess


class Crew:
    """Keeps as many workers alive as the settings say, from `start` to `stop`."""

    def __init__(self, jobs: Jobs, settings: ServeSettings) -> None:
        self._jobs, self._settings = jobs, settings
        self._workers: list[_Worker] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Start the workers; they are watched from a thread."""
        self._workers = [self._begun() for _ in range(self._settings.workers)]
        self._thread.start()

    def stop(self) -> None:
        """Kill the workers; what they held is taken up again by the next server."""
        self._over.set()
        self._thread.join()
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            with suppress(*WITHOUT_DATABASE):  # its lease runs out by itself
                self._jobs.release(worker.name)

    @property
    def alive(self) -> int:
        """How many workers there are."""
        return sum(worker.process.is_alive() for worker in self._workers)

    def _begun(self) -> _Worker:
        name = secrets.token_hex(8)
        arguments = (self._settings, name, os.getpid())
        process = multiprocessing.get_context("spawn").Process(
            target=_work, args=arguments, name=f"deeptell worker {name}", daemon=True
        )
        process.start()
        return _Worker(name, process)

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            with suppress(*WITHOUT_DATABASE):  # once it is there again
                self._look()

    def _look(self) -> None:
        for place, worker in enumerate(self._workers):
            if worker.process.is_alive() and (why := self._why_stop(worker)):
                self._jobs.stop(worker.name, Outcome(FAILED, error=why))
                worker.process.kill()
                worker.process.join()
            if not worker.process.is_alive():
                self._jobs.release(worker.name)
                self._workers[place] = self._begun()

    def _why_stop(self, worker: _Worker) -> str | None:
        job = self._jobs.held_by(worker.name)
        if job is None or job.started is None:
            return None
        limit = self._settings.job_seconds
        if time.time() - job.started > limit:
            return f"The file took longer than {limit:,.0f} s to examine: send a part of it."
        with suppress(psutil.NoSuchProcess):
            used, most = psutil.Process(worker.process.pid).memory_info().rss, self._settings
            if used > most.worker_bytes:
                return (
                    f"Examining the file took more than {most.worker_bytes / 2**30:.1f} GiB of "
                    "memory: send a smaller version of it."
                )
        return None
