"""The scan result as JSON, version 2: the one shape for standard output, files and the web."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from deeptell.answers import (
    Fact,
    FalseAlarms,
    FileResult,
    FrameScore,
    PersonResult,
    Reason,
    Trial,
    Verdict,
)
from deeptell.records import VideoInfo

SCHEMA_VERSION = 2


def document(files: Iterable[FileResult]) -> dict[str, Any]:
    """`{schema_version, files: [...]}`, of plain JSON values."""
    return {"schema_version": SCHEMA_VERSION, "files": [file_entry(file) for file in files]}


def file_entry(file: FileResult) -> dict[str, Any]:
    """One file's part of the document."""
    return {
        "path": file.path,
        "verdict": str(file.verdict),
        "reasons": [asdict(reason) for reason in file.reasons],
        "fake_probability": _rounded(file.fake_probability),
        "standing": _rounded(file.standing),
        "distance_rank": _rounded(file.distance_rank),
        "people": [_person_entry(person) for person in file.people],
        "sha256": file.sha256,
        "media": None if file.info is None else asdict(file.info),
        "facts": [asdict(fact) for fact in file.facts],
        "stress": _stress_entry(file),
        "seconds_taken": round(file.seconds_taken, 3),
        "identity": file.identity,
        "false_alarms_per_1000": None if file.false_alarms is None else asdict(file.false_alarms),
    }


def _stress_entry(file: FileResult) -> dict[str, Any] | None:
    """None where the file was not scanned in other versions."""
    if not file.stress:
        return None
    variants = [
        {
            **asdict(trial),
            "verdict": str(trial.verdict),
            "fake_probability": _rounded(trial.fake_probability),
        }
        for trial in file.stress
    ]
    return {"held": file.held, "of": len(variants), "variants": variants}


def _person_entry(person: PersonResult) -> dict[str, Any]:
    start, end = person.seen_seconds
    return {
        "person": person.person,
        "verdict": str(person.verdict),
        "reasons": [asdict(reason) for reason in person.reasons],
        "fake_probability": _rounded(person.fake_probability),
        "standing": _rounded(person.standing),
        "distance_rank": _rounded(person.distance_rank),
        "tracks": list(person.tracks),
        "seen_seconds": [round(start, 3), round(end, 3)],
        "suspicious_seconds": [[round(a, 3), round(b, 3)] for a, b in person.suspicious_seconds],
        "median_face_px": round(person.median_face_px, 1),
        "scores": [
            {
                "frame_index": score.frame_index,
                "seconds": round(score.seconds, 3),
                "fake_probability": _rounded(score.fake_probability),
                "box_xyxy": [round(edge, 1) for edge in score.box_xyxy],
            }
            for score in person.scores
        ],
    }


def from_entry(entry: Mapping[str, Any]) -> FileResult:
    """The result that an entry was made from, without its pictures."""
    media, alarms = entry["media"], entry["false_alarms_per_1000"]
    return FileResult(
        path=entry["path"],
        verdict=Verdict(entry["verdict"]),
        reasons=tuple(Reason(**reason) for reason in entry["reasons"]),
        fake_probability=entry["fake_probability"],
        people=tuple(_person(person) for person in entry["people"]),
        sha256=entry["sha256"],
        info=None if media is None else VideoInfo(**media),
        facts=tuple(Fact(**fact) for fact in entry.get("facts", ())),
        stress=tuple(
            Trial(**{**trial, "verdict": Verdict(trial["verdict"])})
            for trial in (entry.get("stress") or {"variants": ()})["variants"]
        ),
        seconds_taken=entry["seconds_taken"],
        identity=entry["identity"],
        false_alarms=None if alarms is None else FalseAlarms(**alarms),
    )


def _person(entry: Mapping[str, Any]) -> PersonResult:
    return PersonResult(
        person=entry["person"],
        tracks=tuple(entry["tracks"]),
        verdict=Verdict(entry["verdict"]),
        reasons=tuple(Reason(**reason) for reason in entry["reasons"]),
        fake_probability=entry["fake_probability"],
        scores=tuple(
            FrameScore(**{**score, "box_xyxy": tuple(score["box_xyxy"])})
            for score in entry["scores"]
        ),
        suspicious_seconds=tuple((start, end) for start, end in entry["suspicious_seconds"]),
        median_face_px=entry["median_face_px"],
        distance_rank=entry["distance_rank"],
        standing=entry["standing"],
    )


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)
