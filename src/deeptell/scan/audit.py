"""Footage that is known to be genuine: how often would it be called likely manipulated?

What counts as one is a source, for files of one recording are alike and tell the same thing many
times. Which files belong together nobody but the user knows: every file directly in the folder is
a source, and all files in one of its subfolders, however deep, are one source together.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from deeptell.answers import FileResult, PersonResult, Verdict
from deeptell.audits import Alarms, Audit, Offender, SuggestedLine, Undecided
from deeptell.errors import DataError, MediaError
from deeptell.evaluation.false_alarms import (
    RATES,
    groups_needed,
    lines,
    lower_bound,
    upper_bound,
)
from deeptell.figures import plain
from deeptell.records import CLIP, PICTURE, REAL
from deeptell.scan.reasons import CODES

SCHEMA_VERSION = 2
MOST_OFFENDERS = 10
SHORT_SIDES = (360, 720, 1080)  # pixels, where classes of resolution begin
FACE_SIDES = (64, 128, 256)  # pixels, likewise of faces
NO_FACE = "no face"

Part = Callable[[FileResult], str]


def check_folder(folder: Path) -> None:
    """Raise a `MediaError` for what is no folder: a single file has no rate."""
    if not folder.is_dir():
        raise MediaError(f"{folder} is no folder: audit takes a folder of genuine footage.")


def audit(files: Sequence[FileResult], folder: Path) -> Audit:
    """Count what was said of genuine files.

    Args:
        files: results of a scan of everything in the folder.
        folder: where they lie; see above how sources are told apart.

    Raises:
        DataError: not one of the files could be read.
    """
    read = [file for file in files if file.info is not None]
    if not read:
        raise DataError(f"None of the {len(files)} files in {folder} could be read.")
    scored = [
        Offender(file.path, file.verdict, file.fake_probability, file.standing or 0.0)
        for file in read
        if file.fake_probability is not None
    ]
    highest = sorted(scored, key=lambda one: (-one.standing, one.path))
    return Audit(
        folder=str(folder),
        alarms=_alarms(read, folder, by="all", subset="all"),
        parts=tuple(_parts(read, folder)),
        worst=tuple(highest[:MOST_OFFENDERS]),
        standings=tuple(sorted(one.standing for one in scored)),
        undecided=tuple(_undecided(read)),
        unreadable=tuple((f.path, f.reasons[0].text) for f in files if f.info is None),
        lines=tuple(_lines(read, folder)),
    )


def as_document(result: Audit, *, bundle_sha256: str) -> dict[str, Any]:
    """The audit as plain JSON values, and whose answers were counted."""
    return {"schema_version": SCHEMA_VERSION, "bundle_sha256": bundle_sha256, **plain(result)}


def source_of(path: str, folder: Path) -> str:
    """The file itself, or the subfolder of `folder` that it lies in, however deep."""
    parts = Path(path).relative_to(folder).parts
    return parts[0]


def _undecided(files: Sequence[FileResult]) -> Iterable[Undecided]:
    told = [file.reasons for file in files if file.verdict is Verdict.CANNOT_TELL]
    counts = Counter(code for reasons in told for code in {reason.code for reason in reasons})
    for code, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        yield Undecided(code, CODES[code], count)


def _alarms(files: Sequence[FileResult], folder: Path, *, by: str, subset: str) -> Alarms:
    sources = {source_of(file.path, folder) for file in files}
    flagged = [file for file in files if file.verdict is Verdict.MANIPULATED]
    alarmed = len({source_of(file.path, folder) for file in flagged})
    return Alarms(
        by=by,
        subset=subset,
        files=len(files),
        flagged=len(flagged),
        cannot_tell=sum(file.verdict is Verdict.CANNOT_TELL for file in files),
        sources=len(sources),
        alarmed=alarmed,
        rate=alarmed / len(sources),
        low=lower_bound(alarmed, len(sources)),
        high=upper_bound(alarmed, len(sources)),
    )


def _parts(files: Sequence[FileResult], folder: Path) -> Iterable[Alarms]:
    for by, (part, order) in PARTS.items():
        found = sorted(files, key=lambda file: (order(part(file)), part(file)))
        for subset, chosen in groupby(found, key=part):
            yield _alarms(list(chosen), folder, by=by, subset=subset)


def _media(file: FileResult) -> str:
    return PICTURE if file.info and file.info.is_picture else CLIP


def _resolution(file: FileResult) -> str:
    assert file.info is not None
    return _class(min(file.info.width, file.info.height), SHORT_SIDES)


def _codec(file: FileResult) -> str:
    assert file.info is not None
    return file.info.codec


def _face_size(file: FileResult) -> str:
    """Of the person who decides the file's score, or of the largest face that has none."""
    if not file.people:
        return NO_FACE
    return _class(max(file.people, key=_deciding).median_face_px, FACE_SIDES)


def _deciding(person: PersonResult) -> tuple[float, float]:
    score = person.fake_probability
    return -1.0 if score is None else score, person.median_face_px


def _class(pixels: float, edges: Sequence[int]) -> str:
    """ "below 64 px", "64 to 127 px", "256 px and more"."""
    if pixels < edges[0]:
        return f"below {edges[0]} px"
    for low, high in pairwise(edges):
        if pixels < high:
            return f"{low} to {high - 1} px"
    return f"{edges[-1]} px and more"


def _by_pixels(subset: str) -> int:
    """Classes of size in order; what is none comes first."""
    numbers = [int(word) for word in subset.split() if word.isdigit()]
    return -1 if not numbers else 0 if subset.startswith("below") else numbers[0]


def _as_named(subset: str) -> int:
    return 0


PARTS: dict[str, tuple[Part, Callable[[str], int]]] = {
    "media": (_media, _as_named),
    "resolution": (_resolution, _by_pixels),
    "codec": (_codec, _as_named),
    "face size": (_face_size, _by_pixels),
}


def _lines(files: Sequence[FileResult], folder: Path) -> Iterable[SuggestedLine]:
    """A line for each rate, where so many sources can show it; clips and pictures apart."""
    for media in (CLIP, PICTURE):
        chosen = [file for file in files if _media(file) == media]
        if chosen:
            yield from _lines_of(chosen, folder, media=media)


def _lines_of(files: Sequence[FileResult], folder: Path, *, media: str) -> Iterable[SuggestedLine]:
    of = [source_of(file.path, folder) for file in files]
    sources = len(set(of))
    points = lines([REAL] * len(files), [file.standing or 0.0 for file in files], of)
    shown = {point.false_alarms: point for point in points}
    for rate in RATES:
        point = shown.get(rate)
        # Above the end of the scale nothing could ever be flagged.
        reached = point is not None and point.threshold <= 1
        alarmed = point.alarmed_groups if point is not None and reached else 0
        yield SuggestedLine(
            media=media,
            rate=rate,
            threshold=point.threshold if point is not None and reached else None,
            sources=sources,
            alarmed=alarmed,
            high=upper_bound(alarmed, sources),
            needed=groups_needed(rate),
        )
