"""How far the faces of a file are from what the model was trained on, in plain words.

A `distance_rank` is the share of validation videos that were nearer to the training data.
"""

from collections.abc import Mapping, Sequence

from deeptell.answers import FileResult
from deeptell.report.words import SPACE, counted

NOT_MEASURED = "How far these faces are from that was not measured: the model came without it."


def standing(rank: float, videos: int, *, who: str) -> str:
    """Where someone stands among the validation videos.

    Args:
        videos: how many there were.
        who: as it stands in the middle of a sentence.
    """
    known = counted(videos, "validation video")
    if rank >= 1:
        return (
            f"Of the {known}, none was as far from the training data as {who}: the error rates and "
            "figures on this page may not hold here."
        )
    subject = who[:1].upper() + who[1:]
    if rank <= 0:
        return f"{subject} is nearer to the training data than all of the {known}."
    share = min(99, max(1, round(100 * rank)))  # 0 and 100 are the two cases above
    return (
        f"{subject} lies among the {known}: further from the training data than about "
        f"{share}{SPACE}% of them."
    )


def furthest(files: Sequence[FileResult], names: Mapping[str, str], videos: int) -> str:
    """The same of whoever is furthest in all these files; nothing where nobody was scored."""
    if not videos:
        return NOT_MEASURED
    ranked = [
        (person.distance_rank, file, person.person)
        for file in files
        for person in file.people
        if person.distance_rank is not None
    ]
    if not ranked:
        return ""
    rank, file, number = max(ranked, key=lambda one: (one[0], one[1].path, -one[2]))
    who = "this person" if len(file.people) == 1 else f"person {number}"
    if len(files) > 1:
        who = f"person {number} of {names[file.path]} (the furthest of all)"
    return standing(rank, videos, who=who)
