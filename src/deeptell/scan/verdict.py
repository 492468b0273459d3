"""From what was seen of a person, and a score, to one of three answers with reasons.

The rule rests on two thresholds of the bundle, measured on validation videos: at or above "flag"
few real videos stand, below "clear" few manipulated ones. Between them, or where what was seen is
not enough or not what the model was measured on, the answer is "cannot tell"; a score is given
all the same wherever a face was scored.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from deeptell.answers import PersonResult, Reason, Verdict
from deeptell.records import CLEAR, FLAG, OperatingPoint
from deeptell.scan.reasons import UNSEEN, because

MIN_FACES = 3  # fewer faces of a person in a video than this are not judged
MIN_FACE_PX = 40  # nor are people whose faces are mostly smaller
# The next three were chosen between clips that were spoilt and clips that were not, see
# `benchmarks/cannot_tell.py`: share of the variance that is lost at 24 pixels (blurred clips up to
# 0.0042, others from 0.006), Gini coefficient of gradients (drawn faces from 0.68, filmed ones up
# to 0.65), and mean quantiser of intra pictures (of CRF 51 from 45.2, of CRF 45 up to 43.3).
MIN_FINE_DETAIL = 0.005
MAX_DRAWN = 0.66
MAX_QUANTISER = 44.0
# One bad packet in ten frames leaves patched-over pictures nearly everywhere.
MAX_DAMAGE = 0.1
# With so many validation videos, at most one in twenty of the same kind is farther than all.
MIN_REFERENCE_VIDEOS = 19

Answer = tuple[Verdict, tuple[Reason, ...]]
Stretch = tuple[float, float]  # start and end in seconds


@dataclass(frozen=True, slots=True)
class Seen:
    """What there was to see of one person, and how good the pictures were."""

    faces: int
    frames: int  # decoded of the file; a picture has one
    face_px: float  # median, as are the next two
    fine_detail: float  # see `faces.clarity`
    drawn: float
    quantiser: float | None = None  # see `VideoInfo`
    damage: float = 0.0  # bad packets per frame
    distance_rank: float | None = None
    reference_videos: int = 0  # that the rank is among


def doubts(seen: Seen) -> tuple[Reason, ...]:
    """Every reason why a person cannot be judged from what was seen; none where she can."""
    return (*_too_little(seen), *_too_poor(seen), *_too_strange(seen))


def _too_little(seen: Seen) -> list[Reason]:
    found = []
    needed = min(MIN_FACES, seen.frames)
    if seen.faces < needed:
        verb = "face was" if seen.faces == 1 else "faces were"
        text = f"Only {seen.faces} {verb} seen well enough; at least {needed} are needed."
        found.append(because("too_few_faces", text))
    if seen.face_px < MIN_FACE_PX:
        text = f"The faces are about {seen.face_px:.0f} pixels in size; at least {MIN_FACE_PX} are"
        found.append(because("face_too_small", f"{text} needed."))
    return found


def _too_poor(seen: Seen) -> list[Reason]:
    found = []
    if seen.fine_detail < MIN_FINE_DETAIL:
        text = "The faces are too blurred: they show no more than faces of 24 pixels would."
        found.append(because("too_blurred", text))
    if seen.quantiser is not None and seen.quantiser >= MAX_QUANTISER:
        text = (
            f"The video is compressed too strongly (mean quantiser {seen.quantiser:.0f} of 51; "
            f"below {MAX_QUANTISER:.0f} is needed)."
        )
        found.append(because("too_compressed", text))
    if seen.damage > MAX_DAMAGE:
        text = (
            f"Decoding failed {seen.damage:.2f} times per frame: most pictures are patched up, "
            "which leaves traces of its own."
        )
        found.append(because("damaged", text))
    return found


def _too_strange(seen: Seen) -> list[Reason]:
    found = []
    if seen.drawn > MAX_DRAWN:
        text = "The faces look drawn and not filmed: flat areas between sharp edges."
        found.append(because("not_filmed", text))
    far = seen.distance_rank is not None and seen.distance_rank >= 1
    if far and seen.reference_videos >= MIN_REFERENCE_VIDEOS:
        text = (
            "The faces are unlike anything the model was measured on: farther from its training "
            f"data than all {seen.reference_videos} validation videos."
        )
        found.append(because("unlike_training", text))
    return found


def judge(
    fake_probability: float,
    points: Sequence[OperatingPoint],
    *,
    standing: float,
    stretches: Sequence[Stretch] = (),
) -> Answer:
    """The verdict on one person who can be judged.

    A mean over a whole video hides seconds that were manipulated. Where the lines were measured
    with stretches, a stretch is a finding like the whole; where they were not, as in older
    bundles, it only takes an all-clear back.

    Args:
        points: of the kind of file, clip or picture; without them the answer is "cannot tell".
        standing: the highest line at or above which the whole or a stretch stands, see
            `evaluation.stretches`.
        stretches: seconds that stand above the line for manipulation, see `scan.timeline`.
    """
    named = {point.name: point for point in points}
    if not {FLAG, CLEAR} <= named.keys():
        text = "The model comes without error rates measured on such files."
        return Verdict.CANNOT_TELL, (because("no_error_rates", text),)
    flag, clear = named[FLAG], named[CLEAR]
    score = max(fake_probability, standing) if flag.stretches else fake_probability
    wrong = round(flag.false_positive_rate * flag.real_videos)
    proof = f"in validation, {wrong} of {flag.real_videos} real videos stood there."
    if flag.audited:
        proof = (
            f"in the audit of {flag.audited}, {wrong} of {flag.real_videos} sources stood there."
        )
    hidden = (
        "Over the whole video the score is below the line for manipulation, but "
        f"{_when(stretches)} it is above"
    )
    if fake_probability >= flag.threshold:
        text = f"The score is at or above the line for manipulation; {proof}"
        return Verdict.MANIPULATED, (because("above_flag", text),)
    if score >= flag.threshold:
        return Verdict.MANIPULATED, (because("stretch_above_flag", f"{hidden}; {proof}"),)
    if stretches:
        text = f"{hidden}, where no error rate was measured."
        return Verdict.CANNOT_TELL, (because("stretch_above_flag", text),)
    if score < clear.threshold:
        missed = round((1 - clear.true_positive_rate) * clear.fake_videos)
        told = f"in validation, {missed} of {clear.fake_videos} manipulated videos stood there."
        if not clear.fake_videos:
            told = "how many manipulated videos stand there was not measured."
        text = f"The score is below the line for suspicion; {told}"
        return Verdict.NOT_FOUND, (because("below_clear", text),)
    whose = "score" if fake_probability >= clear.threshold else "score of a stretch"
    text = f"The {whose} lies between the two lines, where the model is wrong too often either way."
    return Verdict.CANNOT_TELL, (because("between_points", text),)


def _when(stretches: Sequence[Stretch]) -> str:
    return " and ".join(f"from {start:.1f} to {end:.1f} seconds" for start, end in stretches)


def judge_file(people: Sequence[PersonResult], *, otherwise: Reason) -> Answer:
    """One answer for a file: one manipulated person makes it manipulated.

    A person of whom too little was seen does not hide an answer about the others, but is named;
    one who cannot be judged for another reason does, as she may be the one who was manipulated.
    Where the people have different answers, a further reason says so, and whose the file has.

    Args:
        otherwise: the reason where nobody was seen.
    """
    told = [person for person in people if not _hardly_seen(person)]
    if not told:
        best = max(people, key=lambda person: person.median_face_px, default=None)
        return Verdict.CANNOT_TELL, _named(best, people) if best else (otherwise,)
    for verdict in (Verdict.MANIPULATED, Verdict.CANNOT_TELL, Verdict.NOT_FOUND):
        found = [person for person in told if person.verdict is verdict]
        if found:
            worst = max(found, key=lambda person: person.fake_probability or 0.0)
            return verdict, (*_named(worst, people), *_beside(verdict, told, people))
    raise AssertionError("every person has a verdict")


def _hardly_seen(person: PersonResult) -> bool:
    return any(reason.code in UNSEEN for reason in person.reasons)


def _named(person: PersonResult, people: Sequence[PersonResult]) -> tuple[Reason, ...]:
    """Reasons of a person; of several people they say whose they are."""
    if len(people) == 1:
        return person.reasons
    return tuple(
        Reason(reason.code, f"Person {person.person}: {reason.text}") for reason in person.reasons
    )


def _beside(
    verdict: Verdict, told: Sequence[PersonResult], people: Sequence[PersonResult]
) -> list[Reason]:
    """What a reader of the file's answer must know of the other people."""
    found = []
    counts = Counter(person.verdict for person in told)
    if len(counts) > 1:
        each = ", ".join(f"'{one}' for {n}" for one, n in counts.items())
        text = (
            f"The people have different answers ({each}); the file has that of the most "
            f"suspicious, '{verdict}'."
        )
        found.append(because("people_disagree", text))
    if len(told) < len(people):
        text = f"{len(people) - len(told)} of {len(people)} people could not be judged."
        found.append(because("some_not_judged", text))
    return found
