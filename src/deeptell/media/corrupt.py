"""What a video meets on its way: bad copies, bad light, things in the way, frames that are lost.

It happens to the decoded frames, before faces are looked for, as in life, and to real and
manipulated videos alike. What is drawn by chance is drawn from the file's name, so that it is the
same in every run, and the same for all manipulations and compressions of one pair of people.
"""

import math
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deeptell.catalog import lookup
from deeptell.media import changes
from deeptell.media.changes import Change
from deeptell.media.decode import Media, RawFrame
from deeptell.media.encode import as_fraction
from deeptell.media.recode import recoded
from deeptell.records import Face, Frame, Image, VideoInfo

NONE = "none"
SEVERITIES = (1, 2, 3, 4, 5)

_FRAME_RATE = 25.0  # of what does not tell its own


@dataclass(frozen=True, slots=True)
class Corruption:
    """One row of the table of corruptions."""

    what: str
    unit: str  # of the strengths
    strengths: tuple[float, float, float, float, float]  # at severity 1, hardly seen, to 5
    apply: Callable[[Media, float, int], Media]  # what is read, strength, seed -> what is then read


def seed_of(path: Path) -> int:
    """The number from which everything is drawn that happens to this file."""
    return zlib.crc32(os.fsencode(path.name))


def corrupted(media: Media, name: str, *, severity: int, seed: int) -> Media:
    """Return what reads as `media` does after the corruption; "none" gives `media` itself.

    Frames are changed when they are asked for, one at a time; "h264" has to change all of them.

    Raises:
        ConfigError: there is no such corruption.
    """
    if name == NONE:
        return media
    entry = corruption(name)
    return entry.apply(media, entry.strengths[severity - 1], seed)


def moved(face: Face, name: str, *, severity: int, seed: int, frame_index: int) -> Face:
    """Return the face with the box by which it is cut: another one under "crop_jitter" only.

    A detector that jitters shifts and scales its box in each frame anew; landmarks stay.
    """
    if name != "crop_jitter":
        return face
    rng = np.random.default_rng((seed, frame_index))
    reach = CORRUPTIONS[name].strengths[severity - 1]
    right, down, larger = rng.uniform(-reach, reach, 3).tolist()
    (x1, y1, x2, y2), scale = face.box_xyxy, math.exp(larger)
    x, y = (x1 + x2) / 2 + right * face.size, (y1 + y2) / 2 + down * face.size
    half_width, half_height = scale * (x2 - x1) / 2, scale * (y2 - y1) / 2
    box = (x - half_width, y - half_height, x + half_width, y + half_height)
    return replace(face, box_xyxy=box)


@dataclass(frozen=True)
class _Altered:
    """A medium whose frames pass through something."""

    media: Media
    frame_times: NDArray[np.float64]
    alter: Callable[[Iterator[RawFrame]], Iterator[RawFrame]]

    @property
    def info(self) -> VideoInfo:
        return self.media.info

    def raw_frames(self) -> Iterator[RawFrame]:
        return self.alter(self.media.raw_frames())

    def __iter__(self) -> Iterator[Frame]:
        return (raw.frame() for raw in self.raw_frames())


@dataclass(frozen=True, slots=True)
class _Changed:
    """A `RawFrame` whose picture is changed each time it is asked for."""

    raw: RawFrame = field(repr=False)
    change: Change = field(repr=False)
    at_any_size: bool  # else nothing of the change is left in a thumbnail

    @property
    def frame_index(self) -> int:
        return self.raw.frame_index

    @property
    def pts_seconds(self) -> float:
        return self.raw.pts_seconds

    def frame(self) -> Frame:
        frame = self.raw.frame()
        return replace(frame, image=self.change(frame.image, frame.pts_seconds))

    def thumbnail(self, side: int) -> Image:
        small = self.raw.thumbnail(side)
        return self.change(small, self.pts_seconds) if self.at_any_size else small


def _pictures(
    make: Callable[[float, int], Change], *, at_any_size: bool = False
) -> Callable[[Media, float, int], Media]:
    """The corruption that changes every picture for itself."""

    def apply(media: Media, strength: float, seed: int) -> Media:
        change = make(strength, seed)

        def alter(frames: Iterator[RawFrame]) -> Iterator[RawFrame]:
            return (_Changed(raw, change, at_any_size) for raw in frames)

        return _Altered(media, media.frame_times, alter)

    return apply


def _h264(media: Media, crf: float, seed: int) -> Media:
    rate = as_fraction(media.info.frame_rate or _FRAME_RATE)
    return _Altered(media, media.frame_times, partial(recoded, crf=int(crf), rate=rate))


def _frame_drop(media: Media, share: float, seed: int) -> Media:
    """Frames are missing; the others keep their times, and are counted as a reader counts them."""
    times = media.frame_times
    kept = np.random.default_rng(seed).random(len(times)) >= share
    kept[:1] = True

    def alter(frames: Iterator[RawFrame]) -> Iterator[RawFrame]:
        dropped = 0
        for number, raw in enumerate(frames):
            if number >= len(kept) or kept[number]:
                yield _Recounted(raw, raw.frame_index - dropped)
            else:
                dropped += 1

    return _Altered(media, times[kept], alter)


@dataclass(frozen=True, slots=True)
class _Recounted:
    """A `RawFrame` under another number."""

    raw: RawFrame = field(repr=False)
    frame_index: int

    @property
    def pts_seconds(self) -> float:
        return self.raw.pts_seconds

    def frame(self) -> Frame:
        return replace(self.raw.frame(), frame_index=self.frame_index)

    def thumbnail(self, side: int) -> Image:
        return self.raw.thumbnail(side)


def _only_the_box(media: Media, reach: float, seed: int) -> Media:
    return media  # see `moved`


# Severity 1 is hardly seen, 5 is what a bad copy in social media looks like. Of the H.264 row, 23
# and 40 are the two compressions of FaceForensics++; the contrast row is that of
# DeeperForensics-1.0 (Jiang et al., CVPR 2020); the others were chosen by eye.
CORRUPTIONS: dict[str, Corruption] = {
    "jpeg": Corruption(
        "every picture saved as JPEG", "quality", (85, 65, 45, 30, 15), _pictures(changes.jpeg)
    ),
    "h264": Corruption("the video encoded once more as H.264", "CRF", (23, 28, 32, 36, 40), _h264),
    "downscale": Corruption(
        "shrunk, and enlarged again",
        "times smaller",
        (1.25, 1.6, 2, 3, 4),
        _pictures(changes.downscale),
    ),
    "blur": Corruption(
        "out of focus", "sigma, pixels", (0.5, 0.9, 1.4, 2.1, 3.0), _pictures(changes.blur)
    ),
    "noise": Corruption(
        "sensor noise", "sigma of 255 levels", (3, 6, 10, 16, 24), _pictures(changes.noise)
    ),
    "brightness": Corruption(
        "brighter or darker",
        "of 255 levels",
        (12, 25, 40, 60, 80),
        _pictures(changes.brightness, at_any_size=True),
    ),
    "contrast": Corruption(
        "flat light",
        "share that is left",
        (0.85, 0.725, 0.6, 0.475, 0.35),
        _pictures(changes.contrast, at_any_size=True),
    ),
    "colour_cast": Corruption(
        "warmer or colder light",
        "more red and less blue, or the other way round, share",
        (0.04, 0.08, 0.13, 0.2, 0.3),
        _pictures(changes.colour_cast, at_any_size=True),
    ),
    "occlusion": Corruption(
        "bars move across the picture",
        "share covered",
        (0.03, 0.07, 0.12, 0.2, 0.3),
        _pictures(changes.occlusion, at_any_size=True),
    ),
    "frame_drop": Corruption(
        "frames are lost", "share of frames", (0.05, 0.1, 0.2, 0.35, 0.5), _frame_drop
    ),
    "crop_jitter": Corruption(
        "the box of the face jitters",
        "at most, share of the box",
        (0.03, 0.06, 0.1, 0.15, 0.2),
        _only_the_box,
    ),
}


def corruption(name: str) -> Corruption:
    """Look one up; a `ConfigError` names the nearest right name."""
    return lookup(CORRUPTIONS, name, kind="corruption")
