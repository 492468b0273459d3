"""One video is read once, and its faces are found, followed and cut."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deeptell.config import ExtractConfig
from deeptell.faces.crop import StoredCrop, cut_crop, store_crop
from deeptell.faces.detect import Detector
from deeptell.faces.shots import ShotFrame, split_shots
from deeptell.faces.track import MAX_GAP_SECONDS, Tracker
from deeptell.media.decode import RawFrame, open_media
from deeptell.records import Crop, Face, Track, VideoInfo

_EPSILON = 1e-6


@dataclass(slots=True)
class Dropped:
    """Faces that were found and not used, counted over the pictures that were searched."""

    too_small: int = 0
    largest_too_small: float = 0.0  # pixels
    too_uncertain: int = 0
    best_too_uncertain: float = 0.0  # score
    in_passing: int = 0  # tracks that were seen too rarely; see `track.MIN_DETECTIONS`


@dataclass(frozen=True)
class VideoFaces:
    """What `read_faces` found in one video."""

    info: VideoInfo
    tracks: tuple[Track, ...]  # faces: every detection, and every frame that was cut
    stored: tuple[StoredCrop, ...] = field(repr=False)  # sorted by track and frame
    dropped: Dropped
    reason: str  # why there is no crop; "" where there is one

    @cached_property
    def crops(self) -> tuple[Crop, ...]:
        """The crops as a FaceStore gives them back, sorted by track and frame."""
        return tuple(stored.decoded() for stored in self.stored)

    @property
    def jpegs(self) -> tuple[bytes, ...]:
        """The crops' very bytes in a FaceStore, in the order of `crops`."""
        return tuple(stored.jpeg for stored in self.stored)


def read_faces(path: Path, *, detector: Detector, config: ExtractConfig) -> VideoFaces:
    """Find the faces of one video or picture, and cut those of `config.frames` of its frames.

    The frames are spread evenly over its time. Frames are held only until the tracks that may
    cross them are known, so that memory does not grow with the length of the video.

    Raises:
        MediaError: the file cannot be read, or not one frame decoded.
    """
    with open_media(path) as media:
        times = spread(media.frame_times, config.frames, consecutive=config.consecutive)
        reader = _Reader(detector, config, times)
        for frame in split_shots(media.raw_frames()):
            reader.take(frame)
        return reader.result(media.info)


def spread(
    frame_times: NDArray[np.float64], count: int, *, consecutive: int = 1
) -> NDArray[np.float64]:
    """Choose the times of `count` runs of frames, spread evenly over the time of the video.

    Each of `count` equal stretches gives the `consecutive` frames around its middle; where frames
    come so slowly that stretches share some, there are fewer.
    """
    if len(frame_times) <= count * consecutive:
        return frame_times
    interval = (frame_times[-1] - frame_times[0]) / (len(frame_times) - 1)
    middles = (np.arange(count) + 0.5) / count * (frame_times[-1] + interval) - interval / 2
    after = np.clip(np.searchsorted(frame_times, middles), 1, len(frame_times) - 1)
    before_is_nearer = middles - frame_times[after - 1] <= frame_times[after] - middles
    first = np.clip(
        after - before_is_nearer - (consecutive - 1) // 2, 0, len(frame_times) - consecutive
    )
    chosen: NDArray[np.float64] = frame_times[np.unique(first[:, None] + np.arange(consecutive))]
    return chosen


class _Reader:
    """Takes the frames of one video in order."""

    def __init__(
        self, detector: Detector, config: ExtractConfig, times: NDArray[np.float64]
    ) -> None:
        self._detector, self._config = detector, config
        self._times = deque(times.tolist())
        self._tracker = Tracker()
        self._dropped = Dropped()
        self._waiting: deque[RawFrame] = deque()  # chosen, not yet cut
        self._searched_at = 0.0

    def take(self, frame: ShotFrame) -> None:
        if self._is_chosen(frame.raw):
            self._waiting.append(frame.raw)
        if not self._must_search(frame):
            return
        self._searched_at = frame.raw.pts_seconds
        found = self._detector.detect([frame.raw.frame().image])[0]
        self._tracker.update(
            self._usable(found),
            shot=frame.shot,
            frame_index=frame.raw.frame_index,
            pts_seconds=frame.raw.pts_seconds,
        )
        last = frame.next_seconds is None
        self._cut_settled(np.inf if last else self._searched_at - MAX_GAP_SECONDS, frame.shot)

    def _is_chosen(self, raw: RawFrame) -> bool:
        """Tell whether a frame is the first decoded one at or after a chosen time."""
        chosen = False
        while self._times and self._times[0] <= raw.pts_seconds + _EPSILON:
            self._times.popleft()
            chosen = True
        return chosen

    def _must_search(self, frame: ShotFrame) -> bool:
        """Search the ends of a shot, and before `detect_seconds` would be exceeded."""
        if frame.first or frame.next_seconds is None:
            return True
        return frame.next_seconds - self._searched_at > self._config.detect_seconds + _EPSILON

    def _usable(self, found: Sequence[Face]) -> list[Face]:
        usable, dropped = [], self._dropped
        for face in found:
            if face.score < self._config.min_score:
                dropped.too_uncertain += 1
                dropped.best_too_uncertain = max(dropped.best_too_uncertain, face.score)
            elif face.size < self._config.min_face:
                dropped.too_small += 1
                dropped.largest_too_small = max(dropped.largest_too_small, face.size)
            else:
                usable.append(face)
        return usable

    def _cut_settled(self, until: float, shot: int) -> None:
        """Cut the waiting frames up to a time that no open gap of a track can reach."""
        while self._waiting and self._waiting[0].pts_seconds < until:
            raw = self._waiting.popleft()
            faces = [
                (track, tracked)
                for track in self._tracker.shots[shot].tracks
                if (tracked := track.face_at(raw.frame_index, raw.pts_seconds))
            ]
            frame = raw.frame() if faces else None
            for track, tracked in faces:
                assert frame is not None
                track.cut.append(tracked)
                track.crops.append(store_crop(cut_crop(frame, tracked.face, 0)))

    def result(self, info: VideoInfo) -> VideoFaces:
        kept = self._tracker.kept()
        dropped = self._dropped
        dropped.in_passing = self._tracker.count() - len(kept)
        stored = tuple(
            replace(crop, track=number) for number, track in enumerate(kept) for crop in track.crops
        )
        return VideoFaces(
            info=info,
            tracks=tuple(track.closed(number) for number, track in enumerate(kept)),
            stored=stored,
            dropped=dropped,
            reason="" if stored else _why_none(dropped, self._config),
        )


def _why_none(dropped: Dropped, config: ExtractConfig) -> str:
    """Say in words why a video gave no face, the most hopeful reason first."""
    if dropped.in_passing:
        return "faces were seen only in passing, in too few pictures to be followed"
    if dropped.too_small:
        return (
            f"faces found were smaller than {config.min_face} px "
            f"(the largest {dropped.largest_too_small:.0f} px)"
        )
    if dropped.too_uncertain:
        return (
            f"faces found were too uncertain (score {dropped.best_too_uncertain:.2f}, "
            f"{config.min_score:.2f} is needed)"
        )
    return "no face was found"
