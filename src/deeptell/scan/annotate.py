"""The scanned video again, with a box and a score on every face."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from deeptell.answers import FileResult, PersonResult, Verdict
from deeptell.faces.track import face_at
from deeptell.media.decode import open_media
from deeptell.media.encode import write_video
from deeptell.records import Box, Image, Track
from deeptell.scan.run import ScanJob
from deeptell.scan.stress import stressed

COLOURS = {
    Verdict.MANIPULATED: (213, 60, 40),
    Verdict.NOT_FOUND: (35, 130, 90),
    Verdict.CANNOT_TELL: (120, 120, 130),
}
Shown = Sequence[tuple[Track, PersonResult]]


def scan_and_annotate(path: Path, target: Path, job: ScanJob) -> FileResult:
    """Scan one video and write it again as H.264 to `target`; sound is left out.

    Each box carries the person's number and the score of the nearest frame that was scored.
    """
    scanner = job.scanner()
    result, faces = scanner.scan_with_faces(path)
    person_of = {number: person for person in result.people for number in person.tracks}
    shown = [(track, person_of[track.track]) for track in faces.tracks if track.track in person_of]
    rate = faces.info.frame_rate or 25.0
    write_video(target, _drawn(path, shown), frame_rate=rate, crf=20)
    return stressed(scanner, result) if job.stress else result


def _drawn(path: Path, shown: Shown) -> Iterator[Image]:
    with open_media(path) as media:
        for frame in media:
            height, width = frame.image.shape[:2]
            # H.264 in YUV 4:2:0 takes even sizes only.
            image = np.ascontiguousarray(frame.image[: height // 2 * 2, : width // 2 * 2])
            for track, person in shown:
                seen = face_at(track.faces, frame.frame_index, frame.pts_seconds)
                if seen is not None:
                    label = _label(person, frame.frame_index)
                    _draw(image, seen.face.box_xyxy, label, COLOURS[person.verdict])
            yield image


def _label(person: PersonResult, frame_index: int) -> str:
    if not person.scores:
        return f"{person.person}: cannot tell"
    indices = [score.frame_index for score in person.scores]
    after = min(bisect_left(indices, frame_index), len(indices) - 1)
    nearest = min((max(after - 1, 0), after), key=lambda i: abs(indices[i] - frame_index))
    return f"{person.person}: {person.scores[nearest].fake_probability:.2f}"


def _draw(image: Image, box: Box, text: str, colour: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = (round(edge) for edge in box)
    thickness = max(2, round(image.shape[1] / 400))
    scale = max(0.45, image.shape[1] / 1600)
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, thickness)
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    top = max(0, y1 - height - base - 4)
    cv2.rectangle(image, (x1, top), (x1 + width + 6, top + height + base + 4), colour, -1)
    place = (x1 + 3, top + height + 2)
    cv2.putText(
        image, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (255, 255, 255), 1, cv2.LINE_AA
    )
