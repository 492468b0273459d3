"""The faces of one person become her scores, her suspicious seconds and an answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deeptell.answers import FrameScore, PersonResult, Verdict
from deeptell.evaluation.metrics import calibrated, logit, pool, sigmoid
from deeptell.evaluation.stretches import highest_line
from deeptell.faces.clarity import drawn, fine_detail
from deeptell.inputs import sample_rows, windows
from deeptell.models.bundle import Bundle
from deeptell.models.reference import score_with_distances
from deeptell.models.scoring import score
from deeptell.records import CLIP, FLAG, PICTURE, OperatingPoint, StoredCrop, VideoInfo
from deeptell.scan.evidence import telling
from deeptell.scan.reasons import because
from deeptell.scan.timeline import suspicious_seconds
from deeptell.scan.verdict import Seen, doubts, judge

LOOKED_AT = 8  # faces of a person whose pictures are measured


def points_for(bundle: Bundle, info: VideoInfo) -> tuple[OperatingPoint, ...]:
    """The operating points for the kind of file that this is."""
    media = PICTURE if info.is_picture else CLIP
    return tuple(point for point in bundle.card.operating_points if point.media == media)


def person_result(
    bundle: Bundle, tracks: Sequence[Sequence[StoredCrop]], info: VideoInfo, *, number: int
) -> PersonResult:
    """The answer for one person.

    Args:
        tracks: the crops of each of her tracks, in order of time.
        info: of the file, read to its end.
        number: of the person in the file, from 1.
    """
    crops = [crop for track in tracks for crop in track]
    numbers = tuple(track[0].track for track in tracks)
    spec = bundle.model.spec
    starts = np.cumsum([0, *(len(track) for track in tracks[:-1])])
    spans = windows(np.array([crop.frame_index for crop in crops]), spec, tracks=starts)
    if not len(spans):
        text = f"Nowhere seen in {spec.frames} pictures in a row, which the model needs."
        return PersonResult(
            person=number,
            tracks=numbers,
            verdict=Verdict.CANNOT_TELL,
            reasons=(because("no_run_of_frames", text), *doubts(_seen(crops, info))),
            fake_probability=None,
            scores=(),
            suspicious_seconds=(),
            median_face_px=_face_px(crops),
        )
    rows, lengths = sample_rows(spans, frames=spec.frames)
    logits, distance_rank = _asked(bundle, rows, lengths, crops)
    calibration, points = bundle.card.calibration, points_for(bundle, info)
    probabilities = calibrated(logits, calibration)
    samples = [[crops[i] for i in row] for row in rows]
    middle = [faces[(n - 1) // 2] for faces, n in zip(samples, lengths, strict=True)]
    scores = tuple(
        FrameScore(crop.frame_index, crop.pts_seconds, float(value), crop.face.box_xyxy)
        for crop, value in zip(middle, probabilities, strict=True)
    )
    fake_probability = float(calibrated(pool(logits), calibration))
    flags = [point.threshold for point in points if point.name == FLAG]
    seconds = 0.0 if info.is_picture else info.duration_seconds
    stretches = suspicious_seconds(scores, threshold=flags[0], seconds=seconds) if flags else ()
    doubtful = doubts(_seen(crops, info, distance_rank, bundle.card.reference_videos))
    standing = max(fake_probability, float(sigmoid(highest_line(logit(probabilities)))))
    verdict, reasons = Verdict.CANNOT_TELL, doubtful
    if not doubtful:
        verdict, reasons = judge(fake_probability, points, standing=standing, stretches=stretches)
    return PersonResult(
        person=number,
        tracks=numbers,
        verdict=verdict,
        reasons=reasons,
        fake_probability=fake_probability,
        scores=scores,
        suspicious_seconds=stretches,
        median_face_px=_face_px(crops),
        evidence=telling(bundle.model, samples, lengths, scores),
        distance_rank=distance_rank,
        standing=standing,
    )


def _face_px(crops: Sequence[StoredCrop]) -> float:
    return float(np.median([crop.face.size for crop in crops]))


def _seen(
    crops: Sequence[StoredCrop],
    info: VideoInfo,
    distance_rank: float | None = None,
    reference_videos: int = 0,
) -> Seen:
    few = np.unique(np.linspace(0, len(crops) - 1, LOOKED_AT).round().astype(int))
    return Seen(
        faces=len(crops),
        frames=info.decoded_frames,
        face_px=_face_px(crops),
        fine_detail=float(np.median([fine_detail(crops[i]) for i in few])),
        drawn=float(np.median([drawn(crops[i]) for i in few])),
        quantiser=info.quantiser,
        damage=info.bad_packets / max(1, info.decoded_frames),
        distance_rank=distance_rank,
        reference_videos=reference_videos,
    )


def _asked(
    bundle: Bundle,
    rows: NDArray[np.int64],
    lengths: NDArray[np.int64],
    crops: Sequence[StoredCrop],
) -> tuple[NDArray[np.float64], float | None]:
    """The logits of samples, and how far they are from the training data, as a rank."""
    model, reference = bundle.model, bundle.reference

    def read(chosen: Sequence[int]) -> list[StoredCrop]:
        return [crops[i] for i in chosen]

    if reference is None:
        return score(model, rows, lengths, read=read), None
    logits, distances = score_with_distances(model, reference, rows, lengths, read=read)
    return logits, reference.rank(pool(distances))
