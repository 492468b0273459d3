"""What is counted where a bundle is asked about footage that is known to be genuine."""

from dataclasses import dataclass

from deeptell.answers import Verdict


@dataclass(frozen=True, slots=True)
class Alarms:
    """How often genuine files were called likely manipulated, in all or in a part of them.

    A source is what counts as one: a file, or all files that come from one recording. It is an
    alarm where any of its files is. `low` and `high` are exact bounds (Clopper and Pearson) of
    `rate`, which hold with 95 % each.
    """

    by: str  # what the part was chosen by: "all", "media", "resolution", "codec", "face size"
    subset: str
    files: int
    flagged: int  # of these: likely manipulated
    cannot_tell: int
    sources: int
    alarmed: int
    rate: float  # alarmed / sources
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class SuggestedLine:
    """From which score on to flag, so that false alarms stay below a rate.

    `threshold` is None where the sources are too few to show it, or where genuine ones reach the
    end of the scale.
    """

    media: str  # CLIP or PICTURE
    rate: float
    threshold: float | None
    sources: int
    alarmed: int  # sources at or above it, of those that were audited
    high: float  # bound of the rate, with 95 % confidence
    needed: int  # sources without any alarm that would show this rate


@dataclass(frozen=True, slots=True)
class Offender:
    """A genuine file, and what was said of it."""

    path: str
    verdict: Verdict
    fake_probability: float
    standing: float  # the same, or that of the worst stretch where it is higher


@dataclass(frozen=True, slots=True)
class Undecided:
    """A reason for "cannot tell", and in how many files it was one."""

    code: str  # see `scan.reasons`
    means: str
    files: int


@dataclass(frozen=True, slots=True)
class Audit:
    """What a bundle says of footage that is known to be genuine."""

    folder: str
    alarms: Alarms  # of everything that could be read
    parts: tuple[Alarms, ...]
    worst: tuple[Offender, ...]  # highest standing first
    standings: tuple[float, ...]  # of all files that were scored, ascending
    undecided: tuple[Undecided, ...]  # the most frequent first
    unreadable: tuple[tuple[str, str], ...]  # path, reason
    lines: tuple[SuggestedLine, ...]
