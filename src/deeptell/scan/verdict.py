"""From a score to one of three answers, with reasons in plain words.

The rule rests on two thresholds of the bundle, measured on validation videos: at or above "flag"
few real videos stand, below "clear" few manipulated ones. Between them, or where there was too
little to see, the answer is "cannot tell".
"""

from collections.abc import Sequence

from deeptell.records import OperatingPoint, PersonResult, Verdict

MIN_FACES = 3  # fewer faces of a person in a video than this are not judged
MIN_FACE_PX = 40  # nor are people whose faces are mostly smaller

Answer = tuple[Verdict, tuple[str, ...]]
Stretch = tuple[float, float, float]  # start and end in seconds, fake_probability


def too_little(*, faces: int, frames: int, median_face_px: float) -> str | None:
    """Why a person cannot be judged from what was seen, or None."""
    needed = min(MIN_FACES, frames)
    if faces < needed:
        seen = "face was" if faces == 1 else "faces were"
        return f"Only {faces} {seen} seen well enough; at least {needed} are needed."
    if median_face_px < MIN_FACE_PX:
        return (
            f"The faces are about {median_face_px:.0f} pixels in size; "
            f"at least {MIN_FACE_PX} are needed."
        )
    return None


def judge(fake_probability: float, points: Sequence[OperatingPoint]) -> Answer:
    """The verdict on one person's score; "cannot tell" where the bundle has no thresholds."""
    named = {point.name: point for point in points}
    if not {"flag", "clear"} <= named.keys():
        return Verdict.CANNOT_TELL, ("The model comes without measured error rates.",)
    flag, clear = named["flag"], named["clear"]
    if fake_probability >= flag.threshold:
        wrong = round(flag.false_positive_rate * flag.real_videos)
        return Verdict.MANIPULATED, (
            "The score is at or above the line for manipulation; in validation, "
            f"{wrong} of {flag.real_videos} real videos stood there.",
        )
    if fake_probability < clear.threshold:
        missed = round((1 - clear.true_positive_rate) * clear.fake_videos)
        return Verdict.NOT_FOUND, (
            "The score is below the line for suspicion; in validation, "
            f"{missed} of {clear.fake_videos} manipulated videos stood there.",
        )
    return Verdict.CANNOT_TELL, (
        "The score lies between the two lines, where the model is wrong too often either way.",
    )


def judge_stretches(
    answer: Answer, stretches: Sequence[Stretch], points: Sequence[OperatingPoint]
) -> Answer:
    """Take an all-clear back where one stretch alone stands above the line for manipulation.

    The mean over a whole video hides a second that was manipulated. The error rates were measured
    on whole videos, so that a stretch is reason for doubt, and not for a finding.
    """
    flags = [point.threshold for point in points if point.name == "flag"]
    if answer[0] is not Verdict.NOT_FOUND or not flags:
        return answer
    for start, end, fake_probability in stretches:
        if fake_probability >= flags[0]:
            return Verdict.CANNOT_TELL, (
                "Over the whole video the score is below the line for suspicion, but from "
                f"{start:.1f} to {end:.1f} seconds it is above the line for manipulation.",
            )
    return answer


def judge_file(people: Sequence[PersonResult], *, otherwise: str) -> Answer:
    """One answer for a file: one manipulated person makes it manipulated.

    A person seen too briefly or too small does not hide an answer about the others, but is named;
    one whose score lies between the thresholds does. `otherwise` is the reason where nobody is.
    """
    told = [person for person in people if person.fake_probability is not None]
    if not told:
        alone = f"{otherwise[:1].upper()}{otherwise[1:].rstrip('.')}."
        return Verdict.CANNOT_TELL, people[0].reasons if people else (alone,)
    unseen = len(people) - len(told)
    note = (f"{unseen} of {len(people)} people could not be judged.",) if unseen else ()
    for verdict in (Verdict.MANIPULATED, Verdict.CANNOT_TELL, Verdict.NOT_FOUND):
        found = [person for person in told if person.verdict == verdict]
        if found:
            worst = max(found, key=lambda person: person.fake_probability or 0.0)
            reasons = worst.reasons
            if len(people) > 1:
                reasons = tuple(f"Person {worst.person}: {reason}" for reason in reasons)
            return verdict, reasons + note
    raise AssertionError("every scored person has a verdict")
