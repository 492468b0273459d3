"""Corruptions: what each does to pictures, that it repeats, that it is done when asked for."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from deeptell.errors import ConfigError, MediaError
from deeptell.media.corrupt import CORRUPTIONS, NONE, SEVERITIES, corrupted, moved, seed_of
from deeptell.media.decode import open_media, open_video
from deeptell.media.encode import write_video
from deeptell.media.recode import recoded
from deeptell.records import Face, Frame, VideoInfo

PICTURES = [name for name in CORRUPTIONS if name not in ("frame_drop", "crop_jitter")]
INFO = VideoInfo("clip", "mp4", "h264", 96, 64, "rgb24", 25.0, 1.6, 40, 40, 0, 0, "sdr")


@dataclass
class Clip:
    """A video in memory that counts how often its frames were asked for."""

    images: list
    asked: int = 0
    info = INFO

    @property
    def frame_times(self):
        return np.arange(len(self.images)) / 25

    def raw_frames(self):
        return (Raw(self, number) for number in range(len(self.images)))


@dataclass
class Raw:
    clip: Clip
    frame_index: int

    @property
    def pts_seconds(self):
        return self.frame_index / 25

    def frame(self):
        self.clip.asked += 1
        return Frame(self.clip.images[self.frame_index], self.frame_index, self.pts_seconds)

    def thumbnail(self, side):
        image = self.clip.images[self.frame_index]
        return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def scene(number, *, height=64, width=96):
    """Something that has shades, edges and fine detail, and moves."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    rng = np.random.default_rng(5)
    grain = cv2.GaussianBlur(rng.normal(0, 14, (height, width + 60)), (0, 0), 1.0)
    grain = grain[:, number : number + width]
    ball = 60.0 * (np.hypot(x - 20 - number, y - 30) < 16)
    planes = [90 + x / 2 + ball, 80 + y / 2 + 2 * grain, 120 - x / 4 + grain - ball / 2]
    return np.clip(np.dstack(planes), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def images():
    return [scene(number) for number in range(40)]


def read(images, name, severity=3, seed=1):
    return [
        raw.frame()
        for raw in corrupted(Clip(images), name, severity=severity, seed=seed).raw_frames()
    ]


def difference(frames, images):
    return np.mean(
        [np.abs(f.image.astype(float) - i).mean() for f, i in zip(frames, images, strict=True)]
    )


@pytest.mark.parametrize("name", PICTURES)
def test_each_severity_is_worse_and_every_run_the_same(name, images):
    errors = []
    for severity in SEVERITIES:
        frames = read(images, name, severity)
        assert [f.frame_index for f in frames] == list(range(40))
        assert [f.pts_seconds for f in frames] == [n / 25 for n in range(40)]
        errors.append(difference(frames, images))
    assert 0 < errors[0] < 13
    assert (np.diff(errors) > 0).all(), errors
    again = read(images, name, SEVERITIES[-1])
    assert all((a.image == b.image).all() for a, b in zip(frames, again, strict=True))


@pytest.mark.parametrize("name", ["noise", "occlusion", "brightness", "colour_cast", "frame_drop"])
def test_chance_is_that_of_the_video(name, images):
    shown = {
        b"".join(f.image.tobytes() for f in read(images, name, seed=seed)) for seed in range(8)
    }
    assert len(shown) > 1


@pytest.mark.parametrize("name", [n for n in PICTURES if n != "h264"])
def test_a_frame_is_changed_when_asked_for_and_alike_each_time(name, images):
    clip = Clip(images)
    raws = list(corrupted(clip, name, severity=5, seed=1).raw_frames())
    small = raws[7].thumbnail(24)
    assert clip.asked == 0
    first = raws[7].frame()
    np.testing.assert_array_equal(first.image, raws[7].frame().image)
    assert clip.asked == 2
    # The thumbnail, by which shots are told apart, is that of the changed picture.
    expected = cv2.resize(first.image, (24, 24), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(float) - expected).mean() < 7


def test_what_is_done_to_pictures_is_what_is_said(images):
    image = images[0].astype(float)

    def one(name, severity, seed=1):
        return read(images[:1], name, severity, seed)[0].image.astype(float)

    for severity, sigma in zip(SEVERITIES, CORRUPTIONS["blur"].strengths, strict=True):
        expected = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=4)
        assert np.abs(one("blur", severity) - expected).mean() < 0.6
    for severity, kept in zip(SEVERITIES, CORRUPTIONS["contrast"].strengths, strict=True):
        np.testing.assert_allclose(one("contrast", severity), 128 + kept * (image - 128), atol=0.51)
    for severity, levels in zip(SEVERITIES, CORRUPTIONS["brightness"].strengths, strict=True):
        ways = [np.clip(image + way * levels, 0, 255) for way in (1, -1)]
        assert min(np.abs(one("brightness", severity) - way).max() for way in ways) < 0.51
    for severity, sigma in zip(SEVERITIES, CORRUPTIONS["noise"].strengths, strict=True):
        grey = np.full((128, 128, 3), 128, np.uint8)
        noisy = read([grey], "noise", severity)[0].image.astype(float)
        assert noisy.std() == pytest.approx(sigma, rel=0.02)
    for severity, share in zip(SEVERITIES, CORRUPTIONS["occlusion"].strengths, strict=True):
        black = np.zeros((256, 256, 3), np.uint8)
        hidden = [
            (one.image > 0).any(axis=2).mean() for one in read([black] * 40, "occlusion", severity)
        ]
        assert np.mean(hidden) == pytest.approx(share, abs=0.03)


def test_recoding_is_what_writing_a_file_and_reading_it_gives(images, tmp_path):
    write_video(tmp_path / "a.mp4", images, crf=32)
    with open_video(tmp_path / "a.mp4") as video:
        expected = [frame.image for frame in video]
    got = read(images, "h264", SEVERITIES[CORRUPTIONS["h264"].strengths.index(32)])
    for frame, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(frame.image, other)


def test_recoding_holds_few_frames_and_takes_any_size(images):
    taken = 0

    def endless():
        nonlocal taken
        while True:
            yield Raw(Clip(images), taken % 40)
            taken += 1

    out = recoded(endless(), crf=28, rate=Fraction(25))
    assert len(list(islice(out, 30))) == 30
    assert taken < 30 + 80
    sizes = [(63, 95), (63, 95), (40, 40), (1, 9)]
    odd = Clip([scene(n, height=h, width=w) for n, (h, w) in enumerate(sizes)])
    passed = recoded(odd.raw_frames(), crf=28, rate=Fraction(25))
    shapes = [frame.frame().image.shape[:2] for frame in islice(passed, 3)]
    assert shapes == [(62, 94), (62, 94), (40, 40)]
    with pytest.raises(MediaError, match="from 2x2, got 9x1"):
        next(passed)


def test_frames_that_are_dropped_leave_the_others_their_times(images):
    for severity, share in zip(SEVERITIES, CORRUPTIONS["frame_drop"].strengths, strict=True):
        clip = Clip(images * 20)
        media = corrupted(clip, "frame_drop", severity=severity, seed=3)
        raws = list(media.raw_frames())
        assert [raw.frame_index for raw in raws] == list(range(len(raws)))
        np.testing.assert_array_equal(media.frame_times, [raw.pts_seconds for raw in raws])
        assert 1 - len(raws) / 800 == pytest.approx(share, abs=0.05)
        number = round(raws[-1].pts_seconds * 25)
        np.testing.assert_array_equal(raws[-1].frame().image, clip.images[number])
    assert raws[-1].frame().frame_index == len(raws) - 1
    assert (
        len(list(corrupted(Clip(images[:1]), "frame_drop", severity=5, seed=0).raw_frames())) == 1
    )


def test_a_box_jitters_about_where_it_was():
    face = Face((100, 80, 160, 170), tuple((120.0 + n, 110.0) for n in range(5)), 0.99)
    assert moved(face, "blur", severity=5, seed=1, frame_index=0) is face
    for severity, reach in zip(SEVERITIES, CORRUPTIONS["crop_jitter"].strengths, strict=True):
        shaken = [
            moved(face, "crop_jitter", severity=severity, seed=1, frame_index=n) for n in range(300)
        ]
        boxes = np.array([one.box_xyxy for one in shaken])
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2 - (130, 125)
        scales = (boxes[:, 2:] - boxes[:, :2]) / (60, 90)
        assert 0.9 < np.abs(middles).max() / (reach * face.size) <= 1
        assert 0.9 < np.abs(np.log(scales)).max() / reach <= 1 + 1e-9
        assert np.abs(middles.mean(axis=0)).max() < 0.2 * reach * face.size
        assert {one.landmarks for one in shaken} == {face.landmarks}
    assert shaken[3] == moved(face, "crop_jitter", severity=5, seed=1, frame_index=3)


def test_nothing_happens_where_none_is_named_and_wrong_names_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), scene(0))
    with open_media(tmp_path / "a.png") as media:
        assert corrupted(media, NONE, severity=5, seed=0) is media
        for name in CORRUPTIONS:  # a picture is a video of one frame
            (frame,) = corrupted(media, name, severity=2, seed=0)
            assert (frame.frame_index, frame.image.shape) == (0, (64, 96, 3))
        with pytest.raises(ConfigError, match=r"named 'blurr'\. Did you mean 'blur'"):
            corrupted(media, "blurr", severity=1, seed=0)
    assert seed_of(Path("a/071_054.mp4")) == seed_of(Path("b/c/071_054.mp4"))
    assert seed_of(Path("a/071_054.mp4")) != seed_of(Path("a/071.mp4"))
