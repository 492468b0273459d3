"""Counting what is said of genuine footage, against counts by hand and published bounds."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from deeptell.answers import FileResult, FrameScore, PersonResult, Reason, Verdict
from deeptell.audits import SuggestedLine
from deeptell.errors import DataError, MediaError
from deeptell.evaluation.metrics import logit, sigmoid
from deeptell.evaluation.stretches import highest_line
from deeptell.records import VideoInfo
from deeptell.scan.audit import audit, check_folder
from deeptell.scan.reasons import CODES

ROOT = Path("archive")
FLAG, CLEAR = 0.8, 0.3


def info(**changed) -> VideoInfo:  # type: ignore[no-untyped-def]
    usual = {"container": "mov", "codec": "h264", "width": 1280, "height": 720}
    usual |= {"pixel_format": "yuv420p", "frame_rate": 25.0, "duration_seconds": 4.0}
    usual |= {"declared_frames": 100, "decoded_frames": 100, "bad_packets": 0}
    return VideoInfo(path="", rotation_degrees=0, color_transfer="sdr", **usual | changed)


def file(  # type: ignore[no-untyped-def]
    name: str,
    score: float | None,
    *,
    face: float = 100.0,
    course: list[float] | None = None,
    **about,
) -> FileResult:
    """What a scan says where a person has this score, and where each of her faces has it too."""
    verdict, reasons = Verdict.CANNOT_TELL, (Reason("no_face", "No face was found."),)
    if score is not None:
        verdict = Verdict.MANIPULATED if score >= FLAG else Verdict.NOT_FOUND
        if CLEAR <= score < FLAG:
            verdict = Verdict.CANNOT_TELL
        reasons = (Reason("between_points", f"The score of {score} stands where it stands."),)
    course = [score or 0.0] * 12 if course is None else course
    scores = tuple(FrameScore(i, i / 5, value, (0, 0, 9, 9)) for i, value in enumerate(course))
    worst = None if score is None else max(score, float(sigmoid(highest_line(logit(course)))))
    person = PersonResult(1, (0,), verdict, reasons, score, scores, (), face, standing=worst)
    people = () if score is None else (person,)
    return FileResult(str(ROOT / name), verdict, reasons, score, people, "", info(**about))


def test_a_rate_with_its_exact_bounds() -> None:
    """Those of scipy's test: 90 % between both ends is 95 % of each."""
    found = audit([file(f"{i}.mp4", 0.9 if i < 3 else 0.1) for i in range(40)], ROOT).alarms
    assert (found.alarmed, found.flagged, found.sources, found.files) == (3, 3, 40, 40)
    expected = binomtest(3, 40).proportion_ci(0.90, method="exact")
    assert found.rate == 3 / 40
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_a_subfolder_is_one_source() -> None:
    """However deep its files lie; the whole is an alarm where one file is."""
    files = [file("a/x/1.mp4", 0.9), file("a/2.mp4", 0.9), file("a/3.mp4", 0.1)]
    files += [file("b.mp4", 0.1), file("c.mp4", 0.5), file("d/1.mp4", None)]
    found = audit(files, ROOT).alarms
    assert (found.files, found.flagged, found.cannot_tell) == (6, 2, 2)
    assert (found.sources, found.alarmed) == (4, 1)


def test_parts_are_told_apart_and_in_order() -> None:
    files = [
        file("a.mp4", 0.9, face=30.0, height=300),
        file("b.mp4", 0.1, face=64.0, height=1080, width=1920),
        file("c.mp4", 0.1, face=300.0, height=1920, width=1080, codec="hevc"),
        file("d.png", None, is_picture=True, codec="png", height=719),
    ]
    parts: dict[str, list[tuple[str, int, int]]] = {}
    for part in audit(files, ROOT).parts:
        parts.setdefault(part.by, []).append((part.subset, part.alarmed, part.sources))
    assert parts == {
        "media": [("clip", 1, 3), ("picture", 0, 1)],
        "resolution": [("below 360 px", 1, 1), ("360 to 719 px", 0, 1), ("1080 px and more", 0, 2)],
        "codec": [("h264", 1, 2), ("hevc", 0, 1), ("png", 0, 1)],
        "face size": [
            *(("no face", 0, 1), ("below 64 px", 1, 1)),
            *(("64 to 127 px", 0, 1), ("256 px and more", 0, 1)),
        ],
    }


def test_a_line_is_suggested_only_where_its_bound_was_measured() -> None:
    """The rule of three: 1 % needs 299 sources without an alarm, 5 % needs 59."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0, 0.7, 59)
    found = _lines(scores)
    assert (found[0.01].threshold, found[0.01].needed) == (None, 299)
    assert found[0.02].threshold is None
    line = found[0.05]
    assert line.threshold is not None
    assert scores.max() < line.threshold < 1
    assert line.alarmed == 0
    assert line.high == pytest.approx(1 - 0.05 ** (1 / 59))
    assert line.high <= 0.05
    more = found[0.2]  # as many as the bound allows, and not one more
    assert more.threshold is not None
    assert more.alarmed == int((scores >= more.threshold).sum())
    assert more.high <= 0.2 < binomtest(more.alarmed + 1, 59).proportion_ci(0.9, "exact").high


def _all(scores: np.ndarray) -> list[FileResult]:
    return [file(f"{i}.mp4", float(score)) for i, score in enumerate(scores)]


def _lines(scores: np.ndarray) -> dict[float, SuggestedLine]:
    return {line.rate: line for line in audit(_all(scores), ROOT).lines}


def test_a_stretch_counts_as_it_does_in_a_scan() -> None:
    """Two genuine seconds that look manipulated would be flagged, though the mean is low."""
    calm, raised = [0.05] * 30, [0.05] * 10 + [0.9] * 10 + [0.05] * 10
    found = audit([file("a.mp4", 0.05, course=calm), file("b.mp4", 0.2, course=raised)], ROOT)
    assert [(one.path, one.fake_probability) for one in found.worst] == [
        ("archive/b.mp4", 0.2),
        ("archive/a.mp4", 0.05),
    ]
    assert found.worst[0].standing > 0.8
    assert found.worst[1].standing == pytest.approx(0.05, abs=0.01)


def test_clips_and_pictures_have_lines_of_their_own() -> None:
    files = [file(f"{i}.mp4", 0.1) for i in range(59)]
    files += [file(f"{i}.png", 0.7, course=[0.7], is_picture=True) for i in range(20)]
    found = {(line.media, line.rate): line for line in audit(files, ROOT).lines}
    assert found["clip", 0.05].threshold is not None
    assert found["picture", 0.05].threshold is None
    assert (found["clip", 0.2].sources, found["picture", 0.2].sources) == (59, 20)
    line = found["picture", 0.2].threshold
    assert line is not None
    assert line > 0.7


def test_a_suggested_line_keeps_its_rate_on_new_footage() -> None:
    """In at least 95 % of audits, for scores of any kind: here of a skewed one."""
    rng = np.random.default_rng(1)
    kept = []
    for _ in range(200):
        threshold = _lines(rng.beta(1, 9, 60))[0.1].threshold
        assert threshold is not None
        kept.append((1 - threshold) ** 9 <= 0.1)  # what is truly above it
    assert np.mean(kept) >= 0.95 - 1.64 * math.sqrt(0.95 * 0.05 / 200)


def test_no_line_where_genuine_scores_reach_the_end_of_the_scale() -> None:
    line = _lines(np.ones(100))[0.05]
    assert line.threshold is None
    assert line.needed <= line.sources


def test_what_it_could_not_tell_or_read() -> None:
    gone = replace(
        file("x.mp4", None), info=None, reasons=(Reason("unreadable", "x.mp4 is no video."),)
    )
    files = [file("a.mp4", 0.4), file("b.mp4", 0.5), file("c.mp4", None), file("d.mp4", 0.1), gone]
    found = audit(files, ROOT)
    told = [(one.code, one.means, one.files) for one in found.undecided]
    assert told == [
        ("between_points", CODES["between_points"], 2),
        ("no_face", CODES["no_face"], 1),
    ]
    assert found.unreadable == ((str(ROOT / "x.mp4"), "x.mp4 is no video."),)
    assert found.alarms.files == 4
    assert [one.fake_probability for one in found.worst] == [0.5, 0.4, 0.1]
    assert found.standings == pytest.approx((0.1, 0.4, 0.5))


def test_what_cannot_be_audited(tmp_path: Path) -> None:
    gone = replace(file("x.mp4", None), info=None)
    with pytest.raises(DataError, match="None of the 1 files"):
        audit([gone], ROOT)
    with pytest.raises(MediaError, match="no folder"):
        check_folder(tmp_path / "clip.mp4")
