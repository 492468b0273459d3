"""Real clips, where this machine has them: every one decodes and ends in tracks."""

from pathlib import Path

import pytest

from deeptell.config import ExtractConfig
from deeptell.faces.detect import create_detector
from deeptell.faces.extract import read_faces
from deeptell.media.decode import find_media


@pytest.mark.slow
def test_every_real_clip_ends_in_tracks(shared_clips: Path) -> None:
    detector, config = create_detector("mtcnn"), ExtractConfig(frames=8, follow_seconds=0.4)
    people = {}
    for path in find_media(shared_clips):
        faces = read_faces(path, detector=detector, config=config)
        assert faces.info.decoded_frames == faces.info.declared_frames, path
        assert faces.info.bad_packets == 0, path
        assert faces.crops, path
        people[path.name] = len(faces.tracks)
    assert people["ghost_two_people_720p.mp4"] == 2
    assert people["face_recognition_two_people.mp4"] >= 2
    assert people["grid_bbaf2n.mpg"] == people["liveportrait_d0.mp4"] == 1
