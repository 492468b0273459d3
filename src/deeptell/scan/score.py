"""One file in, one answer out."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deeptell.answers import FileResult, PersonResult, Reason, highest
from deeptell.config import ExtractConfig
from deeptell.errors import MediaError
from deeptell.evaluation.false_alarms import measured
from deeptell.faces.detect import Detector, create_detector
from deeptell.faces.read import VideoFaces, read_faces
from deeptell.files import sha256_of
from deeptell.media.decode import open_media
from deeptell.media.facts import facts_of
from deeptell.models.bundle import Bundle
from deeptell.progress import Share
from deeptell.records import FLAG, StoredCrop, VideoInfo
from deeptell.scan.identity import Identity
from deeptell.scan.person import person_result, points_for
from deeptell.scan.reasons import because, without_faces
from deeptell.scan.verdict import judge_file

LEAST_CLIPS = 8
# Of longer videos more moments are kept, so that five seconds in a minute are ten faces.
USUAL_SECONDS, MOST_MOMENTS = 0.5, 480


@dataclass(frozen=True)
class Scanner:
    """A bundle and a detector, ready to answer for one file after the other."""

    bundle: Bundle
    detector: Detector
    config: ExtractConfig
    identity: Identity | None = None
    dense: bool = False  # whether long videos get more moments than the configuration says

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        config: ExtractConfig,
        *,
        identity: Identity | None = None,
        dense: bool = False,
    ) -> "Scanner":
        """A scanner with the detector that the configuration names.

        Where the model takes clips, it keeps fewer moments, and as many frames from each on.
        """
        spec = bundle.model.spec
        if spec.consecutive and spec.frames > 1:
            moments = min(config.frames, max(LEAST_CLIPS, config.frames // spec.frames))
            change = {"frames": moments, "consecutive": spec.frames}
            config = config.model_copy(update=change)
        weights = Path(config.weights) if config.weights else None
        detector = create_detector(config.detector, weights=weights)
        return cls(bundle, detector, config, identity, dense)

    def scan(self, path: Path, *, progress: Share | None = None) -> FileResult:
        """Answer for one video or picture; without a usable face, "cannot tell" and why.

        Args:
            progress: as `read_faces` takes it; scoring is short beside reading.

        Raises:
            MediaError: the file cannot be read as video or picture.
        """
        return self.scan_with_faces(path, progress=progress)[0]

    def scan_with_faces(
        self, path: Path, *, progress: Share | None = None
    ) -> tuple[FileResult, VideoFaces]:
        """The answer, and the faces it rests on."""
        began = time.perf_counter()
        if not path.is_file():
            raise MediaError(f"There is no file {path}.")
        config = self._config_for(path)
        faces = read_faces(path, detector=self.detector, config=config, progress=progress)
        people = self._people(faces)
        verdict, reasons = judge_file(people, otherwise=without_faces(faces))
        flags = [one for one in points_for(self.bundle, faces.info) if one.name == FLAG]
        result = FileResult(
            path=str(path),
            verdict=verdict,
            reasons=(*reasons, *_damage(faces.info), *self._apart(faces)),
            fake_probability=highest([person.fake_probability for person in people]),
            people=people,
            sha256=sha256_of(path),
            info=faces.info,
            facts=facts_of(path),
            seconds_taken=time.perf_counter() - began,
            false_alarms=measured(flags[0]) if flags else None,
            identity=self.identity.name if self.identity else None,
        )
        return result, faces

    def _config_for(self, path: Path) -> ExtractConfig:
        """The configuration, for this length of a video."""
        if not self.dense:
            return self.config
        with open_media(path) as media:
            seconds = float(media.frame_times[-1]) if len(media.frame_times) else 0.0
        moments = min(MOST_MOMENTS, math.ceil(seconds / USUAL_SECONDS))
        frames = max(self.config.frames, moments)
        return self.config.model_copy(update={"frames": frames})

    def _people(self, faces: VideoFaces) -> tuple[PersonResult, ...]:
        """Without an identity model each track is its own person; numbered as they appear."""
        crops_of: dict[int, list[StoredCrop]] = {}
        for crop in faces.crops:
            crops_of.setdefault(crop.track, []).append(crop)
        tracks = sorted(crops_of.values(), key=lambda crops: _appearance(crops[0]))
        people: list[list[Sequence[StoredCrop]]] = [[one] for one in tracks]
        if self.identity:
            people = self.identity.people(tracks)
        return tuple(
            person_result(self.bundle, mine, faces.info, number=number)
            for number, mine in enumerate(people, start=1)
        )

    def _apart(self, faces: VideoFaces) -> tuple[Reason, ...]:
        """That people of several shots may be one, where nothing could tell."""
        kept = {crop.track for crop in faces.crops}
        shots = {track.shot for track in faces.tracks if track.track in kept}
        if self.identity or len(shots) < 2:
            return ()
        text = (
            f"Faces are seen in {len(shots)} shots. Without a model of identity each shot's faces "
            "stand for themselves, and one human may be several people here."
        )
        return (because("shots_apart", text),)


def _damage(info: VideoInfo) -> tuple[Reason, ...]:
    if not info.bad_packets:
        return ()
    text = f"The file is damaged in {info.bad_packets} places; what could be decoded was examined."
    return (because("damaged", text),)


def _appearance(crop: StoredCrop) -> tuple[int, float]:
    """Order of people: by the frame in which they appear, then from left to right."""
    return crop.frame_index, crop.face.box_xyxy[0]
