"""What a scan says of files and of the people in them, as it travels to reports and files."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from deeptell.records import Box, VideoInfo


class Verdict(StrEnum):
    """The three answers; see `scan.verdict` for the rule."""

    MANIPULATED = "likely manipulated"
    NOT_FOUND = "no manipulation found"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class FrameScore:
    """What a model says of one face in one frame."""

    frame_index: int
    seconds: float
    fake_probability: float
    box_xyxy: Box

    def __post_init__(self) -> None:
        if not 0.0 <= self.fake_probability <= 1.0:
            raise ValueError(f"fake_probability must lie in [0, 1], got {self.fake_probability}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A telling face: the crop the model saw, and where it looked, as JPEG files in memory."""

    seconds: float
    fake_probability: float
    face_jpeg: bytes = field(repr=False)
    heat_jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an answer is what it is: a code for machines (`scan.reasons`), a sentence for people."""

    code: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """How many of 1,000 genuine files may be called likely manipulated.

    `low` and `high` are bounds of 95 % each (Clopper and Pearson), over what was measured.
    """

    media: str  # CLIP or PICTURE
    threshold: float
    expected: float  # per 1,000
    low: float
    high: float
    measured_on: int
    unit: str  # "source groups", or "videos" with bundles that did not count groups
    audited: str = ""  # the footage of an audit that it was measured on; "": validation videos


@dataclass(frozen=True, slots=True)
class PersonResult:
    """The answer for one person of one file."""

    person: int
    tracks: tuple[int, ...]
    verdict: Verdict
    reasons: tuple[Reason, ...]
    fake_probability: float | None  # None where nothing could be scored
    scores: tuple[FrameScore, ...]
    suspicious_seconds: tuple[tuple[float, float], ...]  # (start, end), in order of time
    median_face_px: float
    evidence: tuple[Evidence, ...] = field(default=(), repr=False)
    distance_rank: float | None = None  # see `models.reference`; None where it is not known
    standing: float | None = None  # the score, or that of the worst stretch where it is higher

    @property
    def seen_seconds(self) -> tuple[float, float]:
        """First and last second in which a face of this person was scored; (0, 0) if none was."""
        times = [score.seconds for score in self.scores]
        return (min(times), max(times)) if times else (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a file says about itself. No such thing is evidence of manipulation alone."""

    code: str  # for machines: "writer", "key_frames", ...; see `media.facts`
    says: str  # what was read, in words
    means: str  # what that can mean and what it cannot


@dataclass(frozen=True, slots=True)
class Trial:
    """What a scan says of a file that something happened to first; see `media.corrupt`."""

    corruption: str
    severity: int
    what: str  # in words: "out of focus"
    unit: str  # of the strength: "sigma, pixels"
    strength: float
    verdict: Verdict
    fake_probability: float | None


@dataclass(frozen=True, slots=True)
class FileResult:
    """The answer for one file: the highest of its people, or the reason why there is none."""

    path: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    fake_probability: float | None
    people: tuple[PersonResult, ...] = ()
    sha256: str | None = None
    info: VideoInfo | None = None
    facts: tuple[Fact, ...] = ()
    stress: tuple[Trial, ...] = ()  # empty where nothing was tried
    seconds_taken: float = 0.0
    false_alarms: FalseAlarms | None = None  # at the line that was used; None: there is none
    identity: str | None = None  # the model that joined tracks; None: each is its own person

    @property
    def held(self) -> int:
        """In how many of the trials the verdict is the same."""
        return sum(trial.verdict is self.verdict for trial in self.stress)

    @property
    def standing(self) -> float | None:
        """That of the most suspicious person, whatever else keeps an answer back."""
        return highest([person.standing for person in self.people])

    @property
    def distance_rank(self) -> float | None:
        """That of the person farthest from the training data."""
        return highest([person.distance_rank for person in self.people])


@dataclass(frozen=True, slots=True)
class Origin:
    """How a result came about, so that it can be had again."""

    command: str  # as it was typed, ready for a shell
    versions: tuple[tuple[str, str], ...]  # of deeptell and of all that scores may depend on


def highest(values: Sequence[float | None]) -> float | None:
    """The highest of the values that are not None; None where there is none."""
    known = [value for value in values if value is not None]
    return max(known) if known else None
