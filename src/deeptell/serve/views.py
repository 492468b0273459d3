"""What the API says of jobs, in the shapes that its schema documents."""

from typing import Any

from pydantic import BaseModel, Field

from deeptell.serve.records import Job


class JobView(BaseModel):
    """One file that is, was or will be examined."""

    id: str
    number: int = Field(description="grows with every job; names the place in a list")
    name: str
    size: int = Field(description="bytes")
    sha256: str
    state: str = Field(description="queued, running, done, failed or cancelled")
    progress: float = Field(description="0 to 1")
    created: float = Field(description="Unix seconds, as all times")
    started: float | None
    ended: float | None
    options: dict[str, Any]
    verdict: str | None = Field(description="as in the result; null until there is one")
    fake_probability: float | None
    error: str | None = Field(description="a sentence, where the job failed")

    @classmethod
    def of(cls, job: Job) -> "JobView":
        """The part of a job that is anybody's business."""
        return cls(**{name: getattr(job, name) for name in cls.model_fields})


class JobList(BaseModel):
    """The latest jobs first."""

    jobs: list[JobView]
    last_event: int = Field(description="follow the events after this one to miss nothing")


class NamedFile(BaseModel):
    """A file that lies where the server may read."""

    path: str = Field(max_length=4096, description="below one of the allowed folders")
    false_alarms: float | None = Field(None, ge=1e-6, lt=1)
    stress: bool = False


class Token(BaseModel):
    """What opens the server."""

    token: str = Field(max_length=200)


class Health(BaseModel):
    """Whether the server answers, and whether it can work."""

    status: str
    version: str


class LogEntry(BaseModel):
    """Who asked for what."""

    at: float
    who: str
    action: str
    job: str | None


class Refusal(BaseModel):
    """Why something was not done."""

    detail: str
