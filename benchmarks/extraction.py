"""How fast are faces found and followed, beside MTCNN on every frame, and whom does it lose?

    python benchmarks/extraction.py [CLIP ...]

The measure is facenet-pytorch's own MTCNN, run on every frame as it comes. For each clip, and one
of a generated person at 720p: frames per second of both and of decoding alone, in processor time
of one process; two such processes share the machine. Of the faces that MTCNN is sure of (0.9),
how many have a box of ours in the same frame (intersection over union 0.6); and how many of our
boxes have no face of MTCNN's (0.4) below them. It fails where the rate is not 20 times MTCNN's for
each clip, or over all clips fewer than 0.95 of the faces are matched or more than 0.05 of the boxes
are without a face.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from facenet_pytorch import MTCNN
from facenet_pytorch.models.utils.detect_face import detect_face
from numpy.typing import NDArray

from deeptell.config import ExtractConfig
from deeptell.faces.detect import create_detector
from deeptell.faces.read import read_faces
from deeptell.faces.track import face_at
from deeptell.forge.clip import draw_frame, make_clip
from deeptell.media.decode import open_video
from deeptell.media.encode import write_video
from deeptell.records import Image, Track
from deeptell.workers import Died, each

CONFIG = ExtractConfig(min_face=20)  # the smallest that MTCNN looks for
LEAST_RATIO, LEAST_MATCHED, MOST_WITHOUT = 20, 0.95, 0.05
SURE = 0.9

Boxes = NDArray[np.float64]  # (N, 4 or 5): x1, y1, x2, y2, score


@dataclass(frozen=True)
class Row:
    frames: int
    decode: float  # seconds
    ours: float
    theirs: float
    sure: int  # faces of MTCNN
    matched: int
    boxes: int  # ours
    without: int


def main() -> None:
    with TemporaryDirectory() as folder:
        generated = Path(folder, "generated_720p.mp4")
        write_video(generated, person(seconds=6), crf=23)
        clips = [generated, *map(Path, sys.argv[1:])]
        rows = dict(each(measure, clips, jobs=2, setup=torch.set_num_threads, arguments=(1,)))
    print(f"{'clip':36} frames  decode    ours   MTCNN  ratio  matched  without")
    kept = True
    for clip in clips:
        row = rows[clip]
        if isinstance(row, Died):
            sys.exit(f"{clip}: {row.reason}.")
        rates = (row.frames / seconds for seconds in (row.decode, row.ours, row.theirs))
        print(
            f"{clip.name[-36:]:36} {row.frames:6}", *(f"{rate:7.1f}" for rate in rates),
            f"{row.theirs / row.ours:6.1f}  {row.matched / max(1, row.sure):7.3f}"
            f"  {row.without / max(1, row.boxes):7.3f}",
        )  # fmt: skip
        kept &= row.theirs >= LEAST_RATIO * row.ours
    found = [row for row in rows.values() if isinstance(row, Row)]
    matched = sum(row.matched for row in found) / sum(row.sure for row in found)
    without = sum(row.without for row in found) / sum(row.boxes for row in found)
    print(f"of all faces {matched:.3f} matched; of all boxes {without:.3f} without a face")
    if not (kept and matched >= LEAST_MATCHED and without <= MOST_WITHOUT):
        sys.exit("A limit is passed.")


def person(*, seconds: int) -> Iterator[Image]:
    """A generated person, 720 lines high, moving across a picture of 1280 x 720."""
    clip = make_clip(1, 25 * seconds)
    for number in range(25 * seconds):
        image = draw_frame(clip, number)
        high = cv2.resize(image, None, fx=720 / len(image), fy=720 / len(image))
        wide = cv2.copyMakeBorder(high, 0, 0, 0, 1280, cv2.BORDER_REPLICATE)
        yield np.asarray(np.roll(wide, 2 * number, axis=1)[:, :1280], np.uint8)


def measure(path: Path) -> Row:
    """Decode, extract, and detect in every frame."""
    cv2.setNumThreads(1)
    began = time.process_time()
    with open_video(path) as video:
        times = [raw.pts_seconds for raw in video.raw_frames()]
    decoded, detector = time.process_time(), create_detector("mtcnn")
    read_faces(path, detector=detector, config=CONFIG)  # warms up; a worker reads many
    start = time.process_time()
    faces = read_faces(path, detector=detector, config=CONFIG)
    done = time.process_time()
    theirs, seconds = on_every_frame(path)
    counts = compare(theirs, followed(faces.tracks, times))
    return Row(len(times), decoded - began, done - start, seconds, *counts)


def on_every_frame(path: Path) -> tuple[list[Boxes], float]:
    """The boxes of facenet-pytorch's MTCNN in each frame, and the seconds with decoding."""
    net = MTCNN(device="cpu")
    nets = (net.pnet, net.rnet, net.onet, net.thresholds, net.factor, net.device)
    found, start = [], time.process_time()
    with open_video(path) as video, torch.inference_mode():
        for frame in video:
            # Its `detect` fails on NumPy 2; this is what that calls, a picture at a time.
            try:
                boxes = detect_face(frame.image[None], net.min_face_size, *nets)[0][0]
            except (RuntimeError, IndexError):  # it stumbles where it finds nothing
                boxes = []
            found.append(np.asarray(boxes, np.float64).reshape(-1, 5))
    return found, time.process_time() - start


def followed(tracks: tuple[Track, ...], times: list[float]) -> list[Boxes]:
    """Our boxes in each frame."""
    boxes: list[list[tuple[float, ...]]] = [[] for _ in times]
    for track in tracks:
        for number in range(track.faces[0].frame_index, track.faces[-1].frame_index + 1):
            if (one := face_at(track.faces, number, times[number])) is not None:
                boxes[number].append(one.face.box_xyxy)
    return [np.array(some, np.float64).reshape(-1, 4) for some in boxes]


def compare(theirs: list[Boxes], ours: list[Boxes]) -> tuple[int, int, int, int]:
    """Faces that MTCNN is sure of, those matched; our boxes, those without a face."""
    sure = matched = boxes = without = 0
    for wanted, given in zip(theirs, ours, strict=True):
        certain = wanted[wanted[:, 4] >= SURE]
        sure, boxes = sure + len(certain), boxes + len(given)
        matched += int((overlaps(certain, given).max(axis=1, initial=0) >= 0.6).sum())
        without += int((overlaps(given, wanted).max(axis=1, initial=0) < 0.4).sum())
    return sure, matched, boxes, without


def overlaps(a: Boxes, b: Boxes) -> Boxes:
    """Intersection over union of each box with each other."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    inside = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(boxes[:, 2:4] - boxes[:, :2], axis=1) for boxes in (a, b)]
    return np.asarray(inside / (areas[0][:, None] + areas[1][None] - inside), np.float64)


if __name__ == "__main__":
    main()
