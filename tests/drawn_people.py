"""Results about drawn people who do not exist: one of every kind that a page must show."""

from dataclasses import replace

import cv2
import numpy as np

from deeptell.answers import (
    Evidence,
    Fact,
    FileResult,
    FrameScore,
    Origin,
    PersonResult,
    Reason,
    Trial,
    Verdict,
)
from deeptell.figures import Measurement
from deeptell.records import BundleCard, OperatingPoint, VideoInfo

HASH = "3b1f8a52c9d07e64" * 4
MISSED = {"all": 0.03, "Deepfakes": 0.01, "FaceSwap": 0.02, "Face2Face": 0.05}


def draw_face(seed, *, size=224):
    """A drawn head on a plain wall: (size, size, 3) uint8 RGB."""
    rng = np.random.default_rng(seed)
    skin = np.array([230, 180, 150]) * rng.uniform(0.45, 1.0)
    wall, unit = np.full(3, 150) + rng.integers(-30, 30, 3), size / 100
    image = np.full((size, size, 3), wall, np.uint8)
    image = (image * np.linspace(0.7, 1.1, size)[None, :, None]).clip(0, 255).astype(np.uint8)

    def ellipse(x, y, width, height, colour, *angles):
        centre, axes = (int(x * unit), int(y * unit)), (int(width * unit), int(height * unit))
        turn, start, end = angles or (0, 0, 360)
        colour = [int(part) for part in colour]
        cv2.ellipse(image, centre, axes, turn, start, end, colour, -1, cv2.LINE_AA)

    ellipse(50, 46, 35, 42, np.array([70, 45, 30]) * rng.uniform(0.3, 1.6))
    ellipse(50, 54, 28 + rng.integers(0, 4), 36, skin)
    ellipse(58, 58, 18, 28, np.minimum(skin * 1.06, 255))
    for x in (39, 61):
        ellipse(x, 50, 5.5, 3.2, (245, 245, 240))
        ellipse(x, 50, 2.4, 2.8, (40, 30, 25))
        ellipse(x, 43, 7, 2, skin * 0.35, 0, 180, 360)
    ellipse(50, 63, 3.5, 3, skin * 0.8)
    ellipse(50, 75, 10, 3 + rng.integers(0, 3), (150, 60, 60))
    return cv2.GaussianBlur(image, (0, 0), 0.8)


def jpeg(image):
    return cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def heat_over(image, *, centre=(0.5, 0.72)):
    side = image.shape[0]
    y, x = np.mgrid[:side, :side] / side
    level = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 0.02)
    colours = cv2.applyColorMap((level * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    share = 0.65 * level[..., None]
    return ((1 - share) * image + share * colours).astype(np.uint8)


def evidence(seed, scored):
    face = draw_face(seed)
    return Evidence(*scored, face_jpeg=jpeg(face), heat_jpeg=jpeg(heat_over(face)))


def given(sentences):
    """Reasons that say these sentences, whatever their codes."""
    return tuple(Reason("above_flag", text) for text in sentences)


def person(number, values, verdict, *, start=0.0, step=0.12, worst=(), reasons=(), size=142.0):
    scores = tuple(
        FrameScore(int(25 * (start + i * step)), start + i * step, float(value), (10, 10, 90, 120))
        for i, value in enumerate(values)
    )
    shown = [scores[i] for i in sorted({int(i) for i in np.linspace(0, len(scores) - 1, 4)})]
    pooled = np.mean(np.log(np.array(values) / (1 - np.array(values))))
    score = float(1 / (1 + np.exp(-pooled)))
    return PersonResult(
        person=number,
        tracks=(number - 1,),
        verdict=verdict,
        reasons=given(reasons),
        fake_probability=score,
        scores=scores,
        suspicious_seconds=worst,
        median_face_px=size,
        evidence=tuple(evidence(number * 7, (s.seconds, s.fake_probability)) for s in shown),
        standing=max(score, max(values)),
    )


def unseen_person(number, reason):
    return PersonResult(
        number, (number - 1,), Verdict.CANNOT_TELL, given((reason,)), None, (), (), 26.0
    )


def info(path, **changed):
    usual = {
        "container": "mov,mp4,m4a,3gp,3g2,mj2",
        "codec": "h264",
        "width": 1280,
        "height": 720,
        "pixel_format": "yuv420p",
        "frame_rate": 25.0,
        "duration_seconds": 4.0,
        "declared_frames": 100,
        "decoded_frames": 100,
        "bad_packets": 0,
        "rotation_degrees": 0,
        "color_transfer": "sdr",
    }
    return VideoInfo(path=path, **usual | changed)


FACTS = (
    Fact("writer", "Lavf58.76.100; x264 - core 155", "Nearly all sites hold it."),
    Fact("key_frames", "Key frames come every 250 frames.", "It says nothing of the faces."),
)


def result(path, people, verdict, reasons, **about):
    known = [p.fake_probability for p in people if p.fake_probability is not None]
    highest = max(known, default=None)
    told = info(path, **about)
    return FileResult(path, verdict, given(reasons), highest, tuple(people), HASH, told, FACTS)


def wave(low, high, n=32, *, seed=0):
    rng = np.random.default_rng(seed)
    middle, swing = (low + high) / 2, (high - low) / 2
    return np.clip(middle + swing * np.sin(np.arange(n) / 3 + rng.random() * 6), 0.001, 0.999)


def trials():
    """Twelve versions, of which the answer "likely manipulated" holds in nine."""
    found = []
    for kind, what, unit, strengths in (
        ("h264", "the video encoded once more as H.264", "CRF", (23, 28, 32)),
        ("downscale", "shrunk, and enlarged again", "times smaller", (1.25, 1.6, 2)),
        ("blur", "out of focus", "sigma, pixels", (0.5, 0.9, 1.4)),
        ("crop_jitter", "the box of the face jitters", "share of the box", (0.03, 0.06, 0.1)),
    ):
        for severity, strength in enumerate(strengths, start=1):
            weak = kind in ("h264", "blur") and severity == 3
            verdict = Verdict.CANNOT_TELL if weak else Verdict.MANIPULATED
            score = 0.5 if weak else 0.8
            found.append(Trial(kind, severity, what, unit, strength, verdict, score))
    return (*found[:-1], replace(found[-1], verdict=Verdict.CANNOT_TELL, fake_probability=None))


ORIGIN = Origin(
    "deeptell scan 'press/statement.mp4' --stress --report report.html",
    (("deeptell", "0.1.0"), ("torch", "2.9.0"), ("machine", "Linux x86_64")),
)


def swapped(path="press/statement.mp4"):
    why = "The score is at or above the line; in validation, 1 of 24 real videos stood there."
    one = person(
        1, wave(0.72, 0.995), Verdict.MANIPULATED, worst=((2.4, 3.4), (0.6, 1.2)), reasons=(why,)
    )
    return result(path, [one], Verdict.MANIPULATED, (why,))


def two_people(path="interviews/studio_two.mov"):
    why = "The score is at or above the line; in validation, 1 of 24 real videos stood there."
    values = np.concatenate([wave(0.1, 0.3, 16), wave(0.93, 0.998, 28), wave(0.1, 0.35, 16)])
    swap = person(2, values, Verdict.MANIPULATED, step=2.0, worst=((34, 86),), reasons=(why,))
    low = "The score is below the line; in validation, 3 of 96 manipulated videos stood there."
    left = person(1, wave(0.02, 0.2, 30), Verdict.NOT_FOUND, step=4.0, reasons=(low,))
    third = unseen_person(3, "The faces are about 26 pixels in size; at least 40 are needed.")
    reasons = (f"Person 2: {why}", "1 of 3 people could not be judged.")
    return result(
        path,
        [left, swap, third],
        Verdict.MANIPULATED,
        reasons,
        duration_seconds=121.4,
        declared_frames=3040,
        decoded_frames=3035,
        bad_packets=3,
        rotation_degrees=90,
        color_transfer="hlg",
    )


def genuine(path="archive/1998/reading.mpg", *, seed=0):
    why = "The score is below the line; in validation, 3 of 96 manipulated videos stood there."
    one = person(1, wave(0.002, 0.12, seed=seed), Verdict.NOT_FOUND, reasons=(why,))
    return result(path, [one], Verdict.NOT_FOUND, (why,), codec="mpeg1video", container="mpeg")


def undecided(path="clips/hallway.mp4"):
    why = "The score lies between the lines, where the model is wrong too often either way."
    one = person(1, wave(0.35, 0.62), Verdict.CANNOT_TELL, worst=((1.2, 2.2),), reasons=(why,))
    return result(path, [one], Verdict.CANNOT_TELL, (why,))


def no_face(path="clips/landscape.mp4"):
    return result(path, [], Verdict.CANNOT_TELL, ("No face was found in any frame.",))


def tiny_faces(path="clips/crowd.mp4"):
    why = "The faces are about 26 pixels in size; at least 40 are needed."
    return result(path, [unseen_person(1, why)], Verdict.CANNOT_TELL, (why,))


def unreadable(path="clips/notes.mp4"):
    why = f"{path} cannot be read as video or picture: no stream was found."
    return FileResult(path, Verdict.CANNOT_TELL, given((why,)), None, sha256=HASH)


def picture(path="pictures/portrait.jpg"):
    why = "The score is at or above the line; in validation, 1 of 24 real videos stood there."
    one = person(1, [0.996], Verdict.MANIPULATED, reasons=(why,), size=388.0)
    about = {"codec": "mjpeg", "container": "image2", "is_picture": True, "frame_rate": 0.0}
    return result(path, [one], Verdict.MANIPULATED, (why,), **about)


def every_kind():
    return [
        *(genuine(), no_face(), swapped(), unreadable()),
        *(two_people(), tiny_faces(), picture(), undecided()),
    ]


def measurement(subset, level, metric, value, *, groups=12, videos=120):
    low, high = max(0.0, value - 0.08), min(1.0, value + 0.03)
    data = "generated people never seen in training, c23"
    by = "all" if subset == "all" else "manipulation"
    return Measurement(data, by, subset, level, metric, value, low, high, videos, groups)


def measured_card(**changed):
    rows = [
        measurement(subset, level, metric, 1 - missed * (2 if level == "frame" else 1))
        for subset, missed in (MISSED | {"NeuralTextures": 0.09}).items()
        for level in ("frame", "video")
        for metric in ("auc", "eer", "balanced_accuracy", "recall_fake", "recall_real")
    ]
    usual = {
        "name": "demo",
        "sha256": "c0ffee" * 10 + "beef",
        "architecture": "frame model, mobilenetv3_small_050",
        "statement": "Trained on generated people only: 32 drawn people and four drawn "
        "manipulations, none of them real.",
        "operating_points": (
            OperatingPoint("flag", 0.64, 1 / 24, 91 / 96, 24, 96),
            OperatingPoint("clear", 0.33, 4 / 24, 93 / 96, 24, 96),
        ),
        "measurements": tuple(rows),
    }
    return BundleCard(**usual | changed)
