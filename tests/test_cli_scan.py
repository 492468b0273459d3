"""What a scan says through the command line: reasons, lines by false alarms, persons."""

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from deeptell.media.decode import open_media
from deeptell.media.encode import write_video
from deeptell.models.bundle import load_bundle, update_card
from deeptell.records import CLIP, OperatingPoint


@pytest.fixture
def clip(benchmark):
    return benchmark / "extra" / "real.mp4"


def frames_of(path):
    with open_media(path) as media:
        return [frame.image for frame in media]


@pytest.fixture
def bundle_with(bundle, tmp_path):
    """The small bundle with other operating points."""

    def make(*points):
        folder = shutil.copytree(bundle, tmp_path / "bundle")
        loaded = load_bundle(folder)
        update_card(folder, replace(loaded, card=replace(loaded.card, operating_points=points)))
        return folder

    return make


def point(name, threshold, *, groups=400, alarmed=1, rate=None, media=CLIP):
    return OperatingPoint(
        name, threshold, alarmed / groups, 0.9, groups, 900, media, groups, alarmed, False, rate
    )


def scanned(run, *arguments):
    ran = run("scan", *arguments, "--json")
    assert ran.code == 0, ran.err
    (file,) = json.loads(ran.out)["files"]
    return file


def codes(entry):
    return {reason["code"] for reason in entry["reasons"]}


CHANGES = {
    "too_blurred": lambda image: cv2.GaussianBlur(image, (0, 0), 6),
    "not_filmed": lambda image: drawn_over(image),
}


def drawn_over(image):
    """Flat colours and dark outlines in place of a picture."""
    flat = (cv2.bilateralFilter(image, 9, 60, 9) // 40 * 40 + 20).astype(np.uint8)
    grey = cv2.medianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 5)
    lines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4)
    return np.where(lines[..., None] > 0, flat, 20).astype(np.uint8)


@pytest.mark.parametrize("code", CHANGES)
def test_spoilt_faces_are_scored_and_not_judged(run, clip, bundle, tmp_path, code):
    path = tmp_path / "spoilt.mp4"
    write_video(path, map(CHANGES[code], frames_of(clip)), crf=18)
    file = scanned(run, path, "--bundle", bundle)
    assert file["verdict"] == "cannot tell"
    assert code in codes(file)
    assert code in codes(file["people"][0])
    assert 0 <= file["fake_probability"] <= 1
    assert file["people"][0]["scores"]


def test_strong_compression_is_named_with_a_score(run, clip, bundle, tmp_path):
    path = tmp_path / "worn.mp4"
    write_video(path, frames_of(clip), crf=51)
    file = scanned(run, path, "--bundle", bundle)
    assert file["verdict"] == "cannot tell"
    assert "too_compressed" in codes(file)
    assert file["media"]["quantiser"] > 44
    assert file["fake_probability"] is not None


def test_a_line_by_false_alarms_moves_the_verdict_and_says_what_to_expect(run, clip, bundle_with):
    bundle = bundle_with(
        *(point("flag", 0.999999), point("clear", 0.9999)),
        *(
            point("5 %", 0.00001, alarmed=12, rate=0.05),
            point("1 %", 0.00002, alarmed=0, rate=0.01),
        ),
    )
    usual = scanned(run, clip, "--bundle", bundle)
    assert usual["false_alarms_per_1000"]["threshold"] == 0.999999
    strict = scanned(run, clip, "--bundle", bundle, "--false-alarms", "1%")
    told = strict["false_alarms_per_1000"]
    assert (told["threshold"], told["expected"], told["measured_on"]) == (0.00002, 0, 400)
    assert told["high"] == pytest.approx(1000 * (1 - 0.05 ** (1 / 400)))
    if "unlike_training" not in codes(strict):
        assert (strict["verdict"], codes(strict)) == ("likely manipulated", {"above_flag"})
    loose = scanned(run, clip, "--bundle", bundle, "--false-alarms", "0.07")
    assert loose["false_alarms_per_1000"]["expected"] == 30
    ran = run("scan", clip, "--bundle", bundle, "--false-alarms", "1%")
    said = " ".join(ran.out.split())
    assert "Of 1,000 genuine clips expect 0 to be called likely manipulated (0 to 7," in said


def test_what_was_not_measured_is_refused(run, clip, bundle_with):
    bundle = bundle_with(point("flag", 0.9), point("clear", 0.5), point("5 %", 0.7, rate=0.05))
    for asked, words in (
        ("0.1%", "0.1 % are not measurable with this data"),
        ("0.1%", "400 genuine source groups of validation, and 2995 are needed. Offered: 5 %"),
        ("1", "between 0 and 1, such as 1% or 0.01"),
        ("few", "got 'few'"),
    ):
        ran = run("scan", clip, "--bundle", bundle, "--false-alarms", asked)
        assert (ran.code, ran.out) == (2, "")
        assert words in " ".join(ran.err.split())
        assert "Traceback" not in ran.err


def test_a_bundle_measured_on_clips_cannot_judge_a_picture(run, clip, bundle, tmp_path):
    from PIL import Image as Pillow

    path = tmp_path / "face.png"
    Pillow.fromarray(frames_of(clip)[0]).save(path)
    file = scanned(run, path, "--bundle", bundle)
    assert file["verdict"] == "cannot tell"
    assert codes(file) <= {"no_error_rates", "unlike_training"}
    assert file["fake_probability"] is not None
    assert file["false_alarms_per_1000"] is None
    ran = run("scan", path, "--bundle", bundle, "--false-alarms", "5%")
    assert (ran.code, "for pictures" in " ".join(ran.err.split())) == (2, True)


def test_results_of_another_line_are_not_taken_up_again(run, clip, bundle_with, tmp_path):
    bundle = bundle_with(point("flag", 0.9), point("clear", 0.5), point("5 %", 0.7, rate=0.05))
    out = tmp_path / "results.jsonl"
    for extra in ((), ("--false-alarms", "5%"), ("--false-alarms", "5%")):
        assert run("scan", clip, "--bundle", bundle, "--out", out, *extra).code == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["options"]["false_alarms"] for line in lines] == [None, 0.05]


def test_a_longer_video_gets_two_frames_a_second_unless_told(run, clip, bundle, tmp_path):
    path, images = tmp_path / "long.mp4", frames_of(clip)
    write_video(path, (images + images[::-1]) * 2, crf=20, frame_rate=6.0)  # 20 seconds
    seconds = 4 * len(images) / 6
    (person,) = scanned(run, path, "--bundle", bundle)["people"]
    assert len(person["scores"]) == round(2 * seconds) > 32
    (person,) = scanned(run, path, "--bundle", bundle, "--frames", 5)["people"]
    assert len(person["scores"]) == 5


def test_people_are_joined_across_cuts_with_a_model_of_identity_only(
    run, benchmark, bundle, tmp_path
):
    pytest.importorskip("onnxruntime")
    from scan.test_identity import by_colour

    clip = benchmark / "extra" / "cuts_second_shot_swapped.mp4"
    apart = scanned(run, clip, "--bundle", bundle)
    assert "shots_apart" in codes(apart)
    assert apart["identity"] is None
    assert all(len(person["tracks"]) == 1 for person in apart["people"])
    # Mean colours are alike enough to make one person of all tracks, as none are seen together.
    model = by_colour(tmp_path / "colour.onnx")
    page = tmp_path / "report.html"
    joined = scanned(run, clip, "--bundle", bundle, "--identity", model, "--report", page)
    assert "shots_apart" not in codes(joined)
    assert joined["identity"].startswith("colour.onnx (")
    tracks = [track for person in joined["people"] for track in person["tracks"]]
    assert sorted(tracks) == sorted(t for person in apart["people"] for t in person["tracks"])
    assert len(joined["people"]) < len(apart["people"])
    several = max(joined["people"], key=lambda person: len(person["tracks"]))
    seconds = [score["seconds"] for score in several["scores"]]
    assert seconds == sorted(seconds)
    ran = run("scan", clip, "--bundle", bundle, "--identity", tmp_path / "none.onnx")
    assert (ran.code, "none.onnx cannot be used" in " ".join(ran.err.split())) == (2, True)
