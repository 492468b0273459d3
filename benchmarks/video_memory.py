"""Does the memory that finding faces takes grow with the length of a video?

    python benchmarks/video_memory.py [--minutes 2 120]

A generated person, ten seconds at 1080p, is made longer by repeating its packets, without encoding
again. For each length, in a process of its own: frames per second, and the peak of its resident
memory. It fails where the longest video takes 150 MB more than the shortest. Two hours of video
take about half an hour.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import cv2
import numpy as np

from deeptell.config import ExtractConfig
from deeptell.faces.detect import create_detector
from deeptell.faces.read import read_faces
from deeptell.forge.clip import draw_frame, make_clip
from deeptell.media.encode import write_video
from deeptell.records import Image

SECONDS, RATE, MOST_MB = 10, 25, 150


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", nargs="*", type=int, default=[2, 120])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure)))
        return
    peaks = []
    with TemporaryDirectory() as folder:
        short, long = Path(folder, "short.mp4"), Path(folder, "long.mp4")
        write_video(short, person(), crf=23)
        for minutes in asked.minutes:
            repeat(short, long, times=minutes * 60 // SECONDS)
            command = [sys.executable, __file__, "--measure", str(long)]
            ran = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(ran.stdout)
            peaks.append(found["peak"])
            print(
                f"{minutes:4} min: {found['frames']:7,} frames, {found['rate']:5.0f} a second, "
                f"{found['faces']:7,} faces followed, peak {found['peak']:.0f} MB",
                flush=True,
            )
    if peaks[-1] - peaks[0] > MOST_MB:
        sys.exit("A limit is passed.")


def person() -> Iterator[Image]:
    """A generated person who fills a picture of 1920 x 1080 in height."""
    clip = make_clip(1, SECONDS * RATE)
    for number in range(SECONDS * RATE):
        image = draw_frame(clip, number)
        high = cv2.resize(image, None, fx=1080 / len(image), fy=1080 / len(image))
        wide = cv2.copyMakeBorder(high, 0, 0, 0, 1920 - high.shape[1], cv2.BORDER_REPLICATE)
        yield np.asarray(wide, np.uint8)


def repeat(source: Path, target: Path, *, times: int) -> None:
    """Write the packets of a video again and again, each time later."""
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        base, length = stream.time_base, round(SECONDS / stream.time_base)
        data = [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in packets]
        with av.open(str(target), "w", format="mp4") as output:
            copy = output.add_stream_from_template(stream)
            for turn, (content, pts, dts, key) in itertools.product(range(times), data):
                packet = av.Packet(content)
                packet.stream, packet.time_base = copy, base
                packet.pts, packet.dts = pts + turn * length, dts + turn * length
                packet.is_keyframe = key
                output.mux(packet)


def measure(path: Path) -> dict[str, float]:
    """Find the faces of a video as a worker of `extract` does."""
    cv2.setNumThreads(1)
    detector, began = create_detector("mtcnn"), time.perf_counter()
    faces = read_faces(path, detector=detector, config=ExtractConfig())
    seconds, frames = time.perf_counter() - began, faces.info.decoded_frames
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    followed = sum(len(track.faces) for track in faces.tracks)
    return {"frames": frames, "rate": frames / seconds, "faces": followed, "peak": peak}


if __name__ == "__main__":
    main()
