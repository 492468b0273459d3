"""Footage that is known to be genuine: how often would it be called likely manipulated?

What counts as one is a source, for files of one recording are alike and tell the same thing many
times. Which files belong together nobody but the user knows: every file directly in the folder is
a source, and all files in one of its subfolders, however deep, are one source together.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from deeptell.audits import Alarms, Audit, Offender, SuggestedLine
from deeptell.errors import DataError, MediaError
from deeptell.evaluation.false_alarms import (
    RATES,
    groups_needed,
    lower_bound,
    most_alarms,
    upper_bound,
)
from deeptell.figures import plain
from deeptell.records import FileResult, PersonResult, Verdict

SCHEMA_VERSION = 1
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
    scored = [(f.fake_probability, f) for f in read if f.fake_probability is not None]
    highest = sorted(scored, key=lambda pair: (-pair[0], pair[1].path))
    undecided = Counter(
        kind
        for file in read
        if file.verdict is Verdict.CANNOT_TELL
        for kind in dict.fromkeys(map(_kind, file.reasons))
    )
    return Audit(
        folder=str(folder),
        alarms=_alarms(read, folder, by="all", subset="all"),
        parts=tuple(_parts(read, folder)),
        worst=tuple(Offender(f.path, f.verdict, score) for score, f in highest[:MOST_OFFENDERS]),
        scores=tuple(sorted(score for score, _ in scored)),
        undecided=tuple(undecided.most_common()),
        unreadable=tuple((f.path, str(f.reasons[0])) for f in files if f.info is None),
        lines=tuple(_lines(read, folder)),
    )


def as_document(result: Audit) -> dict[str, Any]:
    """The audit as plain JSON values."""
    return {"schema_version": SCHEMA_VERSION, **plain(result)}


def source_of(path: str, folder: Path) -> str:
    """The file itself, or the subfolder of `folder` that it lies in, however deep."""
    parts = Path(path).relative_to(folder).parts
    return parts[0]


def _kind(reason: str) -> str:
    """Reasons of one kind differ in their figures."""
    return re.sub(r"\d[\d.,]*\d|\d", "…", reason)


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
    return "picture" if file.info and file.info.is_picture else "clip"


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
    """A line for each rate, midway between the highest source that stays below it and the next.

    A source without a score would never be flagged, and counts as 0.
    """
    of: dict[str, float] = {}
    for file in files:
        source = source_of(file.path, folder)
        of[source] = max(of.get(source, 0.0), file.fake_probability or 0.0)
    highest = np.sort(list(of.values()))
    for rate in RATES:
        threshold, alarmed = None, 0
        allowed = most_alarms(len(highest), rate)
        if allowed is not None:
            last = float(highest[-1 - allowed])
            above = highest[highest > last]
            threshold = (last + float(above[0] if len(above) else 1.0)) / 2
            # Where the line meets the end of the scale nothing could ever be flagged.
            threshold, alarmed = (threshold, len(above)) if threshold > last else (None, 0)
        high = upper_bound(alarmed, len(highest))
        yield SuggestedLine(rate, threshold, alarmed, high, groups_needed(rate))
