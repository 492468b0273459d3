"""How far do shortcuts get? Both audits of `deeptell.forge.shortcuts` on a folder, as a table.

    python benchmarks/shortcut_audit.py [BENCHMARK]      a tree of `deeptell synth`, or the demo's
    python benchmarks/shortcut_audit.py PAIRS            real/, fake/ and groups.csv

A benchmark is scored on its test people by a fit on its training people; pairs are scored by
cross-validation over their source groups. Faces are found by MTCNN.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from deeptell.faces.detect import Detector, create_detector
from deeptell.forge.manipulations import MANIPULATIONS
from deeptell.forge.shortcuts import VideoFeatures, grouped_auc, held_out_auc, measure
from deeptell.media.decode import open_video

FRAMES = 8


@dataclass(frozen=True)
class Clip:
    path: Path
    method: str | None  # None for a real one
    group: str
    held_out: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("demo/benchmark"))
    parser.add_argument("--compression", default="c23")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    pairs = (options.folder / "groups.csv").is_file()
    clips = list(_pairs(options.folder) if pairs else _tree(options.folder, options.compression))
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        features = list(pool.map(_measure, [clip.path for clip in clips]))
    found = [(c, f) for c, f in zip(clips, features, strict=True) if f is not None]
    print(f"{len(found)} of {len(clips)} videos measured, {FRAMES} frames each\n")
    print(f"{'fakes':16}{'videos':>8}{'(a) file, scene':>18}{'(b) face crop':>16}")
    methods = sorted({clip.method for clip, _ in found if clip.method})
    for name, kept in [("all", methods), *((method, [method]) for method in methods)]:
        rows = [(c, f) for c, f in found if c.method is None or c.method in kept]
        scene, face = _aucs(rows, grouped=pairs)
        print(f"{name:16}{len(rows):>8}{scene:>18.3f}{face:>16.3f}")


def _aucs(rows: list[tuple[Clip, VideoFeatures]], *, grouped: bool) -> tuple[float, float]:
    fake = np.array([clip.method is not None for clip, _ in rows])
    held_out = np.array([clip.held_out for clip, _ in rows])
    groups = [clip.group for clip, _ in rows]
    tables = [np.stack([getattr(f, name) for _, f in rows]) for name in ("scene", "face")]
    if grouped:
        scene, face = (grouped_auc(table, fake, groups) for table in tables)
    else:
        scene, face = (held_out_auc(table, fake, held_out) for table in tables)
    return scene, face


def _pairs(folder: Path) -> Iterator[Clip]:
    with (folder / "groups.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield Clip(folder / "real" / row["file"], None, row["source_group"], False)
            yield Clip(folder / "fake" / row["file"], "swaps", row["source_group"], False)


def _tree(root: Path, level: str) -> Iterator[Clip]:
    for split in ("train", "test"):
        for pair in json.loads((root / "splits" / f"{split}.json").read_text()):
            group, held_out = "_".join(pair), split == "test"
            for person in pair:
                path = root / "original_sequences/youtube" / level / "videos" / f"{person}.mp4"
                yield Clip(path, None, group, held_out)
            for method in MANIPULATIONS:
                videos = root / "manipulated_sequences" / method / level / "videos"
                for a, b in (pair, pair[::-1]):
                    yield Clip(videos / f"{a}_{b}.mp4", method, group, held_out)


@cache
def _detector() -> Detector:
    return create_detector("mtcnn")


def _measure(path: Path) -> VideoFeatures | None:
    with open_video(path) as video:
        images = [frame.image for frame in video]
        seconds = len(images) / max(video.info.frame_rate, 1.0)
    chosen = [images[k] for k in np.linspace(0, len(images) - 1, FRAMES).round().astype(int)]
    faces = _detector().detect(chosen)
    boxes = [found[0].box_xyxy if found else None for found in faces]
    pairs = zip(chosen, boxes, strict=True)
    return measure(pairs, file_bytes=path.stat().st_size, seconds=seconds)


if __name__ == "__main__":
    main()
