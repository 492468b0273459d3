"""Detections become tracks: one face followed through one shot."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from deeptell.records import Box, Face, Landmarks, StoredCrop, Track, TrackedFace

MAX_GAP_SECONDS = 0.5  # a face missed for longer starts a new track
MAX_SHIFT = 1.0  # between two detections, in mean box sizes
MAX_GROWTH = 2.0  # ratio of box sizes between two detections

# A track is spurious when it has fewer detections than this and is missing from more than half of
# the pictures of its shot that were searched.
MIN_DETECTIONS = 3


@dataclass(slots=True)
class OpenTrack:
    """A track that may still grow; everything in it ascends in time."""

    shot: int
    detections: list[TrackedFace]
    cut: list[TrackedFace] = field(default_factory=list)  # in the frames that were cut
    crops: list[StoredCrop] = field(default_factory=list)

    def face_at(self, frame_index: int, pts_seconds: float) -> TrackedFace | None:
        """Return the face in a frame, interpolated between detections; None outside of them."""
        return face_at(self.detections, frame_index, pts_seconds)

    def closed(self, number: int) -> Track:
        """Return the record, with its detections and the faces that were cut between them."""
        faces = {tracked.frame_index: tracked for tracked in [*self.cut, *self.detections]}
        return Track(number, self.shot, tuple(faces[index] for index in sorted(faces)))


@dataclass(slots=True)
class Shot:
    """The tracks of one shot, and how many of its pictures were searched."""

    tracks: list[OpenTrack] = field(default_factory=list)
    searched: int = 0

    def is_spurious(self, track: OpenTrack) -> bool:
        """Tell whether a track was seen too rarely to be believed; see `MIN_DETECTIONS`."""
        seen = len(track.detections)
        return seen < MIN_DETECTIONS and 2 * seen < self.searched


@dataclass(slots=True)
class Tracker:
    """Links the faces of one searched picture after the other.

    Within a shot a face continues the track whose last box is nearest in place and size, nearest
    pair first; each track takes one face at most.
    """

    shots: dict[int, Shot] = field(default_factory=dict)

    def live(self, shot: int, pts_seconds: float) -> list[OpenTrack]:
        """The tracks that a face seen now may continue."""
        here = self.shots.setdefault(shot, Shot())
        return [
            track
            for track in here.tracks
            if pts_seconds - track.detections[-1].pts_seconds <= MAX_GAP_SECONDS
        ]

    def update(
        self, faces: Sequence[Face], *, shot: int, frame_index: int, pts_seconds: float
    ) -> list[OpenTrack]:
        """Add the faces found in one picture, in order of time; return the tracks they start."""
        live, here = self.live(shot, pts_seconds), self.shots[shot]
        here.searched += 1
        continued = _match([track.detections[-1].face for track in live], faces)
        begun = []
        for number, face in enumerate(faces):
            tracked = TrackedFace(frame_index, pts_seconds, face, detected=True)
            if number in continued:
                live[continued[number]].detections.append(tracked)
            else:
                begun.append(OpenTrack(shot, [tracked]))
        here.tracks += begun
        return begun

    def count(self) -> int:
        """Count all tracks."""
        return sum(len(shot.tracks) for shot in self.shots.values())

    def kept(self) -> list[OpenTrack]:
        """Return the tracks that are not spurious, as they appear, from left to right."""
        believed = [
            track
            for shot in self.shots.values()
            for track in shot.tracks
            if not shot.is_spurious(track)
        ]
        return sorted(believed, key=_appearance)


def _appearance(track: OpenTrack) -> tuple[int, float]:
    first = track.detections[0]
    return first.frame_index, first.face.box_xyxy[0]


def face_at(
    faces: Sequence[TrackedFace], frame_index: int, pts_seconds: float
) -> TrackedFace | None:
    """Return the face of a track in any frame of its span, linearly interpolated in time.

    Args:
        faces: of one track, ascending in time, such as `Track.faces`.
    """
    after = bisect_left(faces, frame_index, key=lambda tracked: tracked.frame_index)
    if after < len(faces) and faces[after].frame_index == frame_index:
        return faces[after]
    if after in (0, len(faces)):
        return None
    return _between(faces[after - 1], faces[after], frame_index, pts_seconds)


def _between(
    before: TrackedFace, after: TrackedFace, frame_index: int, pts_seconds: float
) -> TrackedFace:
    span = after.pts_seconds - before.pts_seconds
    share = (pts_seconds - before.pts_seconds) / span if span > 0 else 0.5
    share = min(max(share, 0.0), 1.0)

    def mix(a: float, b: float) -> float:
        return a + share * (b - a)

    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = before.face.box_xyxy, after.face.box_xyxy
    box: Box = (mix(ax1, bx1), mix(ay1, by1), mix(ax2, bx2), mix(ay2, by2))
    landmarks: Landmarks = tuple(
        (mix(ax, bx), mix(ay, by))
        for (ax, ay), (bx, by) in zip(before.face.landmarks, after.face.landmarks, strict=True)
    )
    face = Face(box, landmarks, min(before.face.score, after.face.score))
    return TrackedFace(frame_index, pts_seconds, face, detected=False)


def _match(known: Sequence[Face], found: Sequence[Face]) -> dict[int, int]:
    """Pair found faces with known ones: found index -> known index."""
    pairs = sorted(
        (distance, k, f)
        for k, old in enumerate(known)
        for f, new in enumerate(found)
        if (distance := _distance(old, new)) is not None
    )
    matched: dict[int, int] = {}
    taken: set[int] = set()
    for _, k, f in pairs:
        if k not in taken and f not in matched:
            matched[f] = k
            taken.add(k)
    return matched


def _distance(a: Face, b: Face) -> float | None:
    """How far two boxes are apart in place and size; None where they cannot be the same face."""
    (ax1, ay1, ax2, ay2), (bx1, by1, bx2, by2) = a.box_xyxy, b.box_xyxy
    shift = math.hypot(ax1 + ax2 - bx1 - bx2, ay1 + ay2 - by1 - by2) / (a.size + b.size)
    growth = abs(math.log(a.size / b.size))
    if shift > MAX_SHIFT or growth > math.log(MAX_GROWTH):
        return None
    return shift + growth
