"""What a server keeps of its work: jobs, how they ended, and what happened to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
DELETED = "deleted"  # an event, not a state: there is nothing left that could be in it


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
