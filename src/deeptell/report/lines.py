"""The lines of a model for each kind of file, and what they may do to genuine ones."""

from deeptell.answers import FileResult
from deeptell.evaluation.false_alarms import measured
from deeptell.records import CLEAR, CLIP, FLAG, PICTURE, BundleCard, OperatingPoint

Points = dict[str, OperatingPoint]


def by_media(card: BundleCard) -> dict[str, Points]:
    """The points "flag" and "clear" of clips and of pictures; none where one of them is missing."""
    found = {}
    for media in (CLIP, PICTURE):
        points = {p.name: p for p in card.operating_points if p.media == media}
        both = {name: points[name] for name in (FLAG, CLEAR) if name in points}
        found[media] = both if len(both) == 2 else {}
    return found


def media_of(file: FileResult) -> str:
    """What a file was judged as."""
    return PICTURE if file.info and file.info.is_picture else CLIP


def alarms_expected(flag: OperatingPoint) -> str:
    """ "42 (2 to 183)": of 1,000 genuine files like those of validation."""
    found = measured(flag)
    return f"{found.expected:,.0f} ({found.low:,.0f} to {found.high:,.0f})"
