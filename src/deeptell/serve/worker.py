"""A worker: a process that takes one job after the other, and may be killed at any moment.

It keeps the lease of its job while it works. It ends by itself when the job is not its own any more
(somebody cancelled it), and when the server that started it is gone.
"""

import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
import torch

from deeptell.answers import FileResult
from deeptell.config import ExtractConfig
from deeptell.errors import DeeptellError, MediaError
from deeptell.media.decode import open_media
from deeptell.models.bundle import load_bundle
from deeptell.scan.score import Scanner
from deeptell.scan.stress import stressed
from deeptell.serve.answer import write_answer
from deeptell.serve.database import WITHOUT_DATABASE
from deeptell.serve.desk import card_for, known
from deeptell.serve.jobs import Jobs
from deeptell.serve.records import DONE, FAILED, Job, Outcome
from deeptell.serve.settings import ServeSettings

T = TypeVar("T")

LEASE_SECONDS = 10.0
_BEAT_SECONDS, _IDLE_SECONDS = 1.0, 0.3


def work(settings: ServeSettings, name: str, parent: int) -> None:
    """Work until killed.

    Args:
        name: of this worker; no two ever have the same.
        parent: the process without which there is nothing to work for.
    """
    cores = os.cpu_count() or 1
    torch.set_num_threads(max(1, cores // settings.workers))
    cv2.setNumThreads(1)
    jobs, scanner = Jobs(settings.database, create=False), _scanner(settings)
    while os.getppid() == parent:
        job = _patiently(parent, partial(jobs.claim, name, lease_seconds=LEASE_SECONDS))
        if job is None:
            time.sleep(_IDLE_SECONDS)
            continue
        with _Lease(jobs, job, parent) as lease:
            outcome = _examined(job, scanner, settings, lease)
        if not _patiently(parent, partial(jobs.finish, job, outcome)) and outcome.result:
            shutil.rmtree(settings.results / outcome.result, ignore_errors=True)


def _patiently(parent: int, ask: Callable[[], T]) -> T:
    """Ask the database until it answers: it may be locked, its disk full, its file moved away."""
    while True:
        try:
            return ask()
        except WITHOUT_DATABASE:
            if os.getppid() != parent:
                os._exit(0)
            time.sleep(_IDLE_SECONDS)


class _Lease:
    """Beats while a job is worked on, and ends the process where that is in vain."""

    def __init__(self, jobs: Jobs, job: Job, parent: int) -> None:
        self.jobs, self.parent, self._job = jobs, parent, job
        self._share, self._told = 0.0, 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "_Lease":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def progress(self, share: float) -> None:
        """Note how far the work is; it is told with the next beat."""
        self._share = share

    def _beat(self) -> None:
        while not self._over.wait(_BEAT_SECONDS):
            share = self._share
            told = share if share - self._told >= 0.01 else None
            beat = partial(self.jobs.beat, self._job, lease_seconds=LEASE_SECONDS, progress=told)
            held = _patiently(self.parent, beat)
            if not held or os.getppid() != self.parent:
                os._exit(0)
            self._told = share if told is not None else self._told


def _scanner(settings: ServeSettings) -> Scanner:
    return Scanner.of(load_bundle(settings.bundle), ExtractConfig(), dense=True)


def _examined(job: Job, scanner: Scanner, settings: ServeSettings, lease: _Lease) -> Outcome:
    """The outcome of a job; its answer lies in the results by then."""
    path, card = Path(job.path), card_for(scanner.bundle.card, job.options)
    asked = partial(known, lease.jobs, settings, card, id=job.id, work=job.work, name=job.name)
    before = _patiently(lease.parent, asked)
    if before is not None:  # done while this one waited
        return before
    scanner = replace(scanner, bundle=replace(scanner.bundle, card=card))
    try:
        _check(path, settings)
        result = scanner.scan(path, progress=lambda share: lease.progress(0.95 * share))
        if job.options.get("stress"):
            result = stressed(scanner, result)
        return _kept(job, result, scanner, settings)
    except DeeptellError as error:
        return Outcome(FAILED, error=str(error).replace(job.path, job.name))
    except OSError as error:
        return Outcome(FAILED, error=f"The answer cannot be written: {error.strerror or error}.")


def _kept(job: Job, result: FileResult, scanner: Scanner, settings: ServeSettings) -> Outcome:
    folder = f"{job.id}-{secrets.token_hex(4)}"
    part = settings.results / f".{folder}.part"
    try:
        part.mkdir(parents=True)
        write_answer(part, result, scanner.bundle.card, name=job.name)
        part.rename(settings.results / folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return Outcome(
        DONE,
        verdict=str(result.verdict),
        fake_probability=result.fake_probability,
        result=folder,
    )


def _check(path: Path, settings: ServeSettings) -> None:
    """Refuse what would take too long, by what the file says, before a frame is decoded.

    Raises:
        MediaError: it is above a limit, or cannot be read.
    """
    with open_media(path) as media:
        info, times = media.info, media.frame_times
    seconds = float(times[-1]) if len(times) else info.duration_seconds
    for what, value, most, unit in (
        ("The file lasts", seconds, settings.video_seconds, "s"),
        ("The file has", len(times), settings.video_frames, "frames"),
        ("A frame has", info.width * info.height, settings.pixels, "pixels"),
    ):
        if value > most:
            raise MediaError(
                f"{what} {value:,.0f} {unit}, and this server takes up to {most:,.0f}: send a "
                "part of it, or a smaller version."
            )
