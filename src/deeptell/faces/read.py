"""One video is read once, and its faces are found, followed and cut."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deeptell.config import ExtractConfig
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.faces.detect import Detector, search_near
from deeptell.faces.shots import ShotFrame, split_shots
from deeptell.faces.track import MAX_GAP_SECONDS, OpenTrack, Tracker
from deeptell.media.corrupt import corrupted, moved, seed_of
from deeptell.media.decode import RawFrame, open_media
from deeptell.progress import Share
from deeptell.records import Face, Image, StoredCrop, Track, TrackedFace, VideoInfo

# A search for new faces looks for those of a 32nd of the picture's long side (40 px at 720p);
# every second one, and the first of a shot, for the smallest that are wanted.
COARSE = 1 / 32
FINE_EVERY = 2

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
    crops: tuple[StoredCrop, ...] = field(repr=False)  # sorted by track and frame
    dropped: Dropped
    reason: str  # why there is no crop; "" where there is one


def read_faces(
    path: Path, *, detector: Detector, config: ExtractConfig, progress: Share | None = None
) -> VideoFaces:
    """Find the faces of one video or picture, and cut those of `config.frames` of its frames.

    The frames are spread evenly over its time. Frames are held only until the tracks that may
    cross them are known, so that memory does not grow with the length of the video.

    Args:
        progress: called with the share of the video's time that was read.

    Raises:
        MediaError: the file cannot be read, or not one frame decoded.
        ConfigError: there is no such corruption.
    """
    seed = seed_of(path)
    with open_media(path) as opened:
        media = corrupted(opened, config.corruption, severity=config.severity, seed=seed)
        times = spread(media.frame_times, config.frames, consecutive=config.consecutive)
        reader = _Reader(detector, config, times, seed=seed)
        length = float(media.frame_times[-1]) if len(media.frame_times) else 0.0
        for frame in split_shots(media.raw_frames()):
            reader.take(frame)
            if progress:
                progress(min(1.0, frame.raw.pts_seconds / length) if length else 1.0)
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
    """Takes the frames of one video in order.

    A search of the whole picture is dear, a look at where a face was a moment ago is cheap: faces
    are searched for once a second, followed in between, and followed back from where a search
    found them to the search before.
    """

    def __init__(
        self, detector: Detector, config: ExtractConfig, times: NDArray[np.float64], *, seed: int
    ) -> None:
        self._detector, self._config, self._seed = detector, config, seed
        self._times = deque(times.tolist())
        self._tracker = Tracker()
        self._dropped = Dropped()
        self._waiting: deque[RawFrame] = deque()  # chosen, not yet cut
        self._looked: list[RawFrame] = []  # at, since the last search
        self._looked_at = self._searched_at = 0.0
        self._searches = 0  # of this shot

    def take(self, frame: ShotFrame) -> None:
        if self._is_chosen(frame.raw):
            self._waiting.append(frame.raw)
        if frame.first:
            self._searches = 0
        last = frame.next_seconds is None
        search = frame.first or last
        search = search or self._is_due(frame, self._searched_at, self._config.search_seconds)
        if search or self._is_due(frame, self._looked_at, self._config.follow_seconds):
            self._look(frame, search=search)
            settled = min(self._looked_at - MAX_GAP_SECONDS, self._searched_at)
            self._cut_settled(np.inf if last else settled, frame.shot)

    def _is_chosen(self, raw: RawFrame) -> bool:
        """Tell whether a frame is the first decoded one at or after a chosen time."""
        chosen = False
        while self._times and self._times[0] <= raw.pts_seconds + _EPSILON:
            self._times.popleft()
            chosen = True
        return chosen

    @staticmethod
    def _is_due(frame: ShotFrame, before: float, seconds: float) -> bool:
        """Tell whether waiting for the next frame would take longer than allowed."""
        after = frame.raw.pts_seconds if frame.next_seconds is None else frame.next_seconds
        return after - before > seconds + _EPSILON

    def _look(self, frame: ShotFrame, *, search: bool) -> None:
        """Follow the known faces into this frame, and search it for others when that is due."""
        raw, image = frame.raw, frame.raw.frame().image
        self._looked_at = raw.pts_seconds
        faces = self._search(image) if search else []
        begun = self._tracker.update(
            self._followed(image, faces, frame),
            shot=frame.shot,
            frame_index=raw.frame_index,
            pts_seconds=raw.pts_seconds,
        )
        if search:
            for track in [] if frame.first else begun:
                self._trace_back(track)
            self._searched_at = raw.pts_seconds
            self._looked.clear()
        else:
            self._looked.append(raw)

    def _search(self, image: Image) -> list[Face]:
        wanted = float(self._config.min_face)
        coarse = max(wanted, COARSE * max(image.shape[:2]))
        fine = self._searches % FINE_EVERY == 0
        self._searches += 1
        return self._usable(self._detector.detect([image], min_face=wanted if fine else coarse)[0])

    def _followed(self, image: Image, found: list[Face], frame: ShotFrame) -> list[Face]:
        """Add to the faces found those of live tracks that were not, each face once."""
        live = self._tracker.live(frame.shot, frame.raw.pts_seconds)
        heads = [track.detections[-1].face for track in live]
        faces = list(found)
        for face, head in zip(self._detector.follow(image, heads), heads, strict=True):
            if face is None or not self._is_usable(face):
                if any(_overlap(head, one) for one in faces):
                    continue
                near = self._usable(search_near(self._detector, image, head))
                faces += [one for one in near if not any(_overlap(one, other) for other in faces)]
            elif not any(_overlap(face, one) for one in faces):
                faces.append(face)
        return faces

    def _trace_back(self, track: OpenTrack) -> None:
        """Follow a new face back through what was looked at since the last search."""
        taken = self._tracker.shots[track.shot].tracks
        for raw in reversed(self._looked):
            face = self._detector.follow(raw.frame().image, [track.detections[0].face])[0]
            if face is None or not self._is_usable(face):
                return
            others = (other.face_at(raw.frame_index, raw.pts_seconds) for other in taken)
            if any(other and _overlap(face, other.face) for other in others):
                return
            track.detections.insert(
                0, TrackedFace(raw.frame_index, raw.pts_seconds, face, detected=True)
            )

    def _is_usable(self, face: Face) -> bool:
        return face.score >= self._config.min_score and face.size >= self._config.min_face

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
                track.crops.append(store_crop(cut_crop(frame, self._as_cut(tracked), 0)))

    def _as_cut(self, tracked: TrackedFace) -> Face:
        name, severity = self._config.corruption, self._config.severity
        index = tracked.frame_index
        return moved(tracked.face, name, severity=severity, seed=self._seed, frame_index=index)

    def result(self, info: VideoInfo) -> VideoFaces:
        kept = self._tracker.kept()
        dropped = self._dropped
        dropped.in_passing = self._tracker.count() - len(kept)
        crops = tuple(
            replace(crop, track=number) for number, track in enumerate(kept) for crop in track.crops
        )
        return VideoFaces(
            info=info,
            tracks=tuple(track.closed(number) for number, track in enumerate(kept)),
            crops=crops,
            dropped=dropped,
            reason="" if crops else _why_none(dropped, self._config),
        )


def _overlap(a: Face, b: Face) -> bool:
    """Tell whether two boxes are of one face: half of the smaller lies in the other."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.box_xyxy, b.box_xyxy
    width, height = min(ax2, bx2) - max(ax1, bx1), min(ay2, by2) - max(ay1, by1)
    smaller = min((ax2 - ax1) * (ay2 - ay1), (bx2 - bx1) * (by2 - by1))
    return width > 0 and height > 0 and width * height > smaller / 2


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
