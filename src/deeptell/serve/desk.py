"""What is done for whoever asks: files become jobs, and jobs and all they left are erased."""

import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deeptell.errors import ConfigError
from deeptell.evaluation.false_alarms import at_rate, check_rate
from deeptell.records import CLIP, PICTURE, BundleCard
from deeptell.serve.answer import copy_answer
from deeptell.serve.intake import Refused, Taken
from deeptell.serve.jobs import Jobs, new_id, work_key
from deeptell.serve.records import DONE, Job, Outcome
from deeptell.serve.settings import ServeSettings


class Desk:
    """Takes files and gives them up again."""

    def __init__(self, jobs: Jobs, settings: ServeSettings, card: BundleCard) -> None:
        self._jobs, self._settings, self._card = jobs, settings, card

    def check(self, options: Mapping[str, Any]) -> None:
        """Raise `Refused` where the bundle has no line for the asked rate of false alarms."""
        rate = options.get("false_alarms")
        if rate is None:
            return
        reasons = []
        for media in (CLIP, PICTURE):
            try:
                check_rate(self._card, rate, media=media)
            except ConfigError as error:
                reasons.append(str(error))
        if len(reasons) == 2:
            raise Refused(400, reasons[0])

    def take(self, file: Taken, *, name: str, owned: bool, options: Mapping[str, Any]) -> Job:
        """Queue a file; where the same work was done before, its answer is there at once."""
        id, work = new_id(), work_key(file.sha256, self._card.sha256, options)
        return self._jobs.add(
            id=id,
            name=name,
            path=file.path,
            owned=owned,
            size=file.size,
            sha256=file.sha256,
            options=options,
            work=work,
            outcome=known(
                self._jobs,
                self._settings,
                card_for(self._card, options),
                id=id,
                work=work,
                name=name,
            ),
        )

    def erase(self, id: str) -> bool:
        """Delete a job, its file if that was sent, and its answer; False: there is no such job."""
        job = self._jobs.get(id)
        if job is None:
            return False
        self._erase_files(job)  # first: on a full disk, that makes the room to forget the job in
        gone = self._jobs.delete(id)
        if gone is not None:
            self._erase_files(gone)  # and an answer that came meanwhile
        return gone is not None

    def _erase_files(self, job: Job) -> None:
        if job.owned:
            Path(job.path).unlink(missing_ok=True)
        if job.result:
            shutil.rmtree(self._settings.results / job.result, ignore_errors=True)

    def expire(self) -> None:
        """Erase what was kept long enough."""
        for job in self._jobs.older_than(time.time() - self._settings.keep_seconds):
            self.erase(job.id)
            self._jobs.note("retention", "delete", job.id)


def card_for(card: BundleCard, options: Mapping[str, Any]) -> BundleCard:
    """The card with the lines that a job's options ask for."""
    rate = options["false_alarms"]
    return card if rate is None else at_rate(card, rate)


def known(
    jobs: Jobs, settings: ServeSettings, card: BundleCard, *, id: str, work: str, name: str
) -> Outcome | None:
    """The outcome of the same work, with a copy of its answer for this job; None: not done yet."""
    before = jobs.answered(work)
    if before is None or before.result is None:
        return None
    folder = f"{id}-{secrets.token_hex(4)}"
    part = settings.results / f".{folder}.part"
    part.mkdir()
    try:
        copy_answer(settings.results / before.result, part, card, name=name)
        part.rename(settings.results / folder)
    except OSError:  # erased a moment ago
        shutil.rmtree(part, ignore_errors=True)
        return None
    return Outcome(DONE, before.verdict, before.fake_probability, None, folder)
