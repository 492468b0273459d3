"""The answer to a job as files: what the API gives out and the page shows.

result.json        the scan's document; `page` beside it says where the pictures are
report.html        the report on this file alone
faces/1-0.jpg      the most telling faces of person 1, in order of time
heat/1-0.jpg       the same with the heat map over them
preview.mp4        the video as browsers play it, where its own codec is not
"""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from deeptell.answers import Evidence, FileResult
from deeptell.files import replacing
from deeptell.media.encode import Profile
from deeptell.media.transcode import transcode
from deeptell.records import BundleCard, VideoInfo
from deeptell.report import scan_page
from deeptell.scan.document import document, from_entry

RESULT, REPORT, PREVIEW = "result.json", "report.html", "preview.mp4"
FACES, HEAT = "faces", "heat"
_PREVIEW = Profile(crf=26, long_side=960)
_PLAYED = {"mp4": ("h264", "vp9", "av1"), "webm": ("vp8", "vp9", "av1")}


def write_answer(folder: Path, result: FileResult, card: BundleCard, *, name: str) -> None:
    """Write the files of an answer into a folder.

    Args:
        name: what the file is called by whoever sent it; its path here is nobody's business.
    """
    for person in result.people:
        for number, evidence in enumerate(person.evidence):
            place = f"{person.person}-{number}.jpg"
            _write(folder / FACES / place, evidence.face_jpeg)
            _write(folder / HEAT / place, evidence.heat_jpeg)
    if result.info is not None and not result.info.is_picture and not _is_played(result.info):
        transcode(Path(result.path), folder / PREVIEW, profile=_PREVIEW)
    _write_words(folder, replace(result, path=name), card)


def copy_answer(before: Path, folder: Path, card: BundleCard, *, name: str) -> None:
    """Write an answer again for a file of the same content and maybe another name.

    Raises:
        OSError: the answer was erased meanwhile.
    """
    for path in sorted(before.rglob("*")):
        if path.is_file() and path.name not in (RESULT, REPORT):
            target = folder / path.relative_to(before)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
    content = json.loads((before / RESULT).read_bytes())
    result, evidence = from_entry(content["files"][0]), content["page"]["evidence"]
    people = tuple(
        replace(
            person,
            evidence=tuple(
                Evidence(
                    one["seconds"],
                    one["fake_probability"],
                    (before / one["face"]).read_bytes(),
                    (before / one["heat"]).read_bytes(),
                )
                for one in evidence[str(person.person)]
            ),
        )
        for person in result.people
    )
    _write_words(folder, replace(result, path=name, people=people), card)


def _write_words(folder: Path, result: FileResult, card: BundleCard) -> None:
    """What names the file: result and report."""
    _write(folder / REPORT, scan_page.render([result], card).encode())
    content = {
        **document([result]),
        "page": _page(result, has_preview=(folder / PREVIEW).is_file()),
    }
    _write(folder / RESULT, json.dumps(content, indent=1).encode())


def _page(result: FileResult, *, has_preview: bool) -> dict[str, Any]:
    evidence = {
        str(person.person): [
            {
                "seconds": round(one.seconds, 3),
                "fake_probability": round(one.fake_probability, 6),
                "face": f"{FACES}/{person.person}-{number}.jpg",
                "heat": f"{HEAT}/{person.person}-{number}.jpg",
            }
            for number, one in enumerate(person.evidence)
        ]
        for person in result.people
    }
    return {"evidence": evidence, "preview": PREVIEW if has_preview else None}


def _is_played(info: VideoInfo) -> bool:
    """Whether today's browsers play a video as it is."""
    codecs = [codec for name in info.container.split(",") for codec in _PLAYED.get(name, ())]
    return info.codec in codecs and info.pixel_format in ("yuv420p", "yuvj420p")


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
