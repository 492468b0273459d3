"""One file in, one answer out."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deeptell.config import ExtractConfig
from deeptell.errors import MediaError
from deeptell.evaluation.metrics import calibrated, pool
from deeptell.faces.detect import Detector, create_detector
from deeptell.faces.read import VideoFaces, read_faces
from deeptell.files import sha256_of
from deeptell.inputs import sample_rows, windows
from deeptell.models.bundle import Bundle
from deeptell.models.reference import score_with_distances
from deeptell.models.scoring import score
from deeptell.records import (
    Calibration,
    FileResult,
    FrameScore,
    PersonResult,
    StoredCrop,
    Verdict,
    VideoInfo,
    highest,
)
from deeptell.scan.evidence import telling
from deeptell.scan.timeline import worst_seconds
from deeptell.scan.verdict import (
    MIN_FACES,
    Stretch,
    judge,
    judge_file,
    judge_stretches,
    too_little,
)

LEAST_CLIPS = 8


@dataclass(frozen=True)
class Scanner:
    """A bundle and a detector, ready to answer for one file after the other."""

    bundle: Bundle
    detector: Detector
    config: ExtractConfig

    @classmethod
    def of(cls, bundle: Bundle, config: ExtractConfig) -> "Scanner":
        """A scanner with the detector that the configuration names.

        Where the model takes clips, it keeps fewer moments, and as many frames from each on.
        """
        spec = bundle.model.spec
        if spec.consecutive and spec.frames > 1:
            moments = min(config.frames, max(LEAST_CLIPS, config.frames // spec.frames))
            change = {"frames": moments, "consecutive": spec.frames}
            config = config.model_copy(update=change)
        weights = Path(config.weights) if config.weights else None
        return cls(bundle, create_detector(config.detector, weights=weights), config)

    def scan(self, path: Path) -> FileResult:
        """Answer for one video or picture; without a usable face, "cannot tell" and why.

        Raises:
            MediaError: the file cannot be read as video or picture.
        """
        return self.scan_with_faces(path)[0]

    def scan_with_faces(self, path: Path) -> tuple[FileResult, VideoFaces]:
        """The answer, and the faces it rests on."""
        began = time.perf_counter()
        if not path.is_file():
            raise MediaError(f"There is no file {path}.")
        faces = read_faces(path, detector=self.detector, config=self.config)
        people = self._people(faces)
        verdict, reasons = judge_file(people, otherwise=faces.reason)
        result = FileResult(
            path=str(path),
            verdict=verdict,
            reasons=reasons + _damage(faces.info),
            fake_probability=highest([person.fake_probability for person in people]),
            people=people,
            sha256=sha256_of(path),
            info=faces.info,
            seconds_taken=time.perf_counter() - began,
        )
        return result, faces

    def _people(self, faces: VideoFaces) -> tuple[PersonResult, ...]:
        """Without an identity model each track is its own person; numbered as they appear."""
        crops_of: dict[int, list[StoredCrop]] = {}
        for crop in faces.crops:
            crops_of.setdefault(crop.track, []).append(crop)
        ordered = sorted(crops_of.items(), key=lambda item: _appearance(item[1][0]))
        return tuple(
            self._person(number, track, crops, frames=faces.info.decoded_frames)
            for number, (track, crops) in enumerate(ordered, start=1)
        )

    def _person(
        self, number: int, track: int, crops: Sequence[StoredCrop], *, frames: int
    ) -> PersonResult:
        size = float(np.median([crop.face.size for crop in crops]))
        spec = self.bundle.model.spec
        frame_index = np.array([crop.frame_index for crop in crops])
        spans = windows(frame_index, spec, tracks=np.zeros(1, np.int64))
        unseen = too_little(faces=len(crops), frames=frames, median_face_px=size)
        if not unseen and not len(spans):
            unseen = f"nowhere seen in {spec.frames} pictures in a row, which the model needs"
        if unseen:
            return PersonResult(
                person=number,
                tracks=(track,),
                verdict=Verdict.CANNOT_TELL,
                reasons=(unseen,),
                fake_probability=None,
                scores=(),
                worst_seconds=(),
                median_face_px=size,
            )
        rows, lengths = sample_rows(spans, frames=spec.frames)
        logits, distance_rank = self._asked(rows, lengths, crops)
        calibration = self.bundle.card.calibration
        samples = [[crops[i] for i in row] for row in rows]
        middle = [faces[(n - 1) // 2] for faces, n in zip(samples, lengths, strict=True)]
        scores = tuple(
            FrameScore(crop.frame_index, crop.pts_seconds, float(value), crop.face.box_xyxy)
            for crop, value in zip(middle, calibrated(logits, calibration), strict=True)
        )
        fake_probability = float(calibrated(pool(logits), calibration))
        worst, points = worst_seconds(scores), self.bundle.card.operating_points
        stretches = _rated(worst, middle, logits, calibration, frames=spec.frames)
        verdict, reasons = judge_stretches(judge(fake_probability, points), stretches, points)
        return PersonResult(
            person=number,
            tracks=(track,),
            verdict=verdict,
            reasons=reasons,
            fake_probability=fake_probability,
            scores=scores,
            worst_seconds=worst,
            median_face_px=size,
            evidence=telling(self.bundle.model, samples, lengths, scores),
            distance_rank=distance_rank,
        )

    def _asked(
        self, rows: NDArray[np.int64], lengths: NDArray[np.int64], crops: Sequence[StoredCrop]
    ) -> tuple[NDArray[np.float64], float | None]:
        """The logits of samples, and how far they are from the training data, as a rank."""
        model, reference = self.bundle.model, self.bundle.reference

        def read(chosen: Sequence[int]) -> list[StoredCrop]:
            return [crops[i] for i in chosen]

        if reference is None:
            return score(model, rows, lengths, read=read), None
        logits, distances = score_with_distances(model, reference, rows, lengths, read=read)
        return logits, reference.rank(pool(distances))


def _rated(
    stretches: Sequence[tuple[float, float]],
    crops: Sequence[StoredCrop],
    logits: NDArray[np.float64],
    calibration: Calibration,
    *,
    frames: int,
) -> list[Stretch]:
    """The stretches with enough faces to be judged, and the score of each.

    `crops` are the middles of samples of `frames` faces.
    """
    times = np.array([crop.pts_seconds for crop in crops])
    rated = []
    for start, end in stretches:
        inside = (times >= start) & (times <= end)
        if inside.sum() * frames >= MIN_FACES:
            rated.append((start, end, float(calibrated(pool(logits[inside]), calibration))))
    return rated


def _damage(info: VideoInfo) -> tuple[str, ...]:
    if not info.bad_packets:
        return ()
    return (
        f"The file is damaged in {info.bad_packets} places; what could be decoded was examined.",
    )


def _appearance(crop: StoredCrop) -> tuple[int, float]:
    """Order of people: by the frame in which they appear, then from left to right."""
    return crop.frame_index, crop.face.box_xyxy[0]
