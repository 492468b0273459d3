"""How often is the answer "cannot tell" where it must be, and where it should not be?

    python benchmarks/cannot_tell.py [--bundle FOLDER] [--clips 20] [CLIPS ...]

Generated clips of people who do not exist are scanned as they are, and after what should make an
answer impossible. Of folders of further clips (CLIPS) those are counted whose largest face has 64
px or more. Beside every share stands that of quality alone, without what depends on the model:
where a score lies between its lines, and how far the faces are from its training data. The script
fails where one of the promised shares is missed: of the folders and the clean clips, by quality.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from deeptell.answers import FileResult, Verdict
from deeptell.config import ExtractConfig, SynthConfig
from deeptell.files import default_bundle
from deeptell.forge.extra import write_scene
from deeptell.media.decode import find_media, open_media
from deeptell.media.encode import write_video
from deeptell.records import Image
from deeptell.scan.run import ScanJob, scan_files

SCENES = ("real", "partial_deepfakes", "partial_neuraltextures", "cuts_real")
AT_LEAST, CLEAN_AT_MOST, REAL_AT_MOST = 0.95, 0.10, 0.20
CLEAN = "clean"
LARGE_PX = 64
BY_MODEL = {"between_points", "stretch_above_flag", "unlike_training", "no_error_rates"}
BESIDE = {"people_disagree", "some_not_judged", "shots_apart"}  # reasons for nothing
SIZE = (640, 360)  # of drawn clips


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, metavar="CLIPS")
    parser.add_argument("--bundle", type=Path, default=default_bundle())
    parser.add_argument("--clips", type=int, default=20)
    asked = parser.parse_args()
    job = ScanJob(asked.bundle, ExtractConfig())
    print(f"{'clips':26}{'number':>7}{'cannot tell':>13}{'by quality':>12}  reasons, by clips")
    kept = []
    with tempfile.TemporaryDirectory() as folder:
        for name, paths in generated(Path(folder), count=asked.clips):
            told, quality = row(name, list(scan_files(paths, job, jobs=1)))
            kept.append(quality <= CLEAN_AT_MOST if name == CLEAN else told >= AT_LEAST)
    for path in asked.folders:
        results = [one for one in scan_files(find_media(path), job, jobs=1) if large(one)]
        kept.append(row(f"{path.parent.name}/{path.name}", results)[1] <= REAL_AT_MOST)
    if not all(kept):
        sys.exit("A share lies outside its limits.")


def row(name: str, results: list[FileResult]) -> tuple[float, float]:
    """Print the row of one kind of clips; the share that cannot be told, and that by quality."""
    undecided = [one for one in results if one.verdict is Verdict.CANNOT_TELL]
    codes = [{reason.code for reason in one.reasons} - BESIDE for one in undecided]
    told, quality = (n / len(results) for n in (len(codes), sum(bool(c - BY_MODEL) for c in codes)))
    counts = Counter(code for one in codes for code in one).most_common()
    why = ", ".join(f"{code} {n}" for code, n in counts)
    print(f"{name:26}{len(results):7}{told:13.2f}{quality:12.2f}  {why}", flush=True)
    return told, quality


def large(result: FileResult) -> bool:
    return any(person.median_face_px >= LARGE_PX for person in result.people)


def generated(folder: Path, *, count: int) -> Iterator[tuple[str, list[Path]]]:
    """Kinds of clips, and the files of each."""
    clean = [clip for _, clip in zip(range(count), scenes(folder / "clean", SCENES), strict=False)]
    yield CLEAN, clean
    nobody = scenes(folder / "no_face", ("no_face",))
    yield "no face", [clip for _, clip in zip(range(count), nobody, strict=False)]
    for name, change in CHANGES.items():
        yield name, [changed(clip, folder / name / clip.name, change) for clip in clean]
    yield "CRF 51", [changed(clip, folder / "crf51" / clip.name, same, crf=51) for clip in clean]
    for name, draw in DRAWN.items():
        paths = [folder / name / f"{seed}.mp4" for seed in range(count)]
        for seed, path in enumerate(paths):
            path.parent.mkdir(exist_ok=True)
            write_video(path, draw(seed), crf=18)
        yield name, paths


def scenes(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """Scenes of the benchmark's extra set, with other people for every seed."""
    for seed in range(1000):
        config = SynthConfig(pairs={"train": 0, "val": 0, "test": 1}, seed=seed, seconds=0.8)
        for name in names:
            out = folder / str(seed)
            out.mkdir(parents=True, exist_ok=True)
            write_scene(out, config, name, compression="c23")
            target = folder / f"{seed}_{name}.mp4"
            (out / f"{name}.mp4").rename(target)
            yield target


def changed(clip: Path, target: Path, change, *, crf: int = 18) -> Path:
    """The clip with every picture changed."""
    target.parent.mkdir(exist_ok=True)
    with open_media(clip) as media:
        write_video(target, (even(change(frame.image)) for frame in media), crf=crf)
    return target


def same(image: Image) -> Image:
    return image


def even(image: Image) -> Image:
    height, width = image.shape[:2]
    return np.ascontiguousarray(image[: height // 2 * 2, : width // 2 * 2])


def blurred(image: Image) -> Image:
    return cv2.GaussianBlur(image, (0, 0), 8)


def small(image: Image, *, share: float = 0.24) -> Image:
    """The picture so small in a grey one that its faces, of about 100 px, have 24 px."""
    part = cv2.resize(image, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    whole = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    whole[100 : 100 + part.shape[0], 200 : 200 + part.shape[1]] = part
    return whole


def as_cartoon(image: Image) -> Image:
    """Flat colours and dark outlines in place of a photograph."""
    flat = image
    for _ in range(4):
        flat = cv2.bilateralFilter(flat, 9, 40, 9)
    flat = (flat // 32 * 32 + 16).astype(np.uint8)
    grey = cv2.medianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), 5)
    lines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 4)
    return np.where(lines[..., None] > 0, flat, 20).astype(np.uint8)


def cartoon(seed: int) -> Iterator[Image]:
    """Two seconds of a drawn head that sways and talks."""
    rng = np.random.default_rng(seed)
    skin, hair, wall, cloth = (
        rng.integers(*limits, 3) for limits in ((150, 250), (10, 120), (60, 230), (40, 220))
    )
    skin[2] = min(skin[1], 190)
    size, phase, wide = rng.uniform(90, 130), rng.uniform(0, 6), rng.uniform(0.72, 0.85)
    for frame in range(50):
        image = np.full((SIZE[1], SIZE[0], 3), wall, np.uint8)
        x, y = 320 + 14 * np.sin(frame / 9 + phase), 170 + 5 * np.cos(frame / 7)
        ellipse = partial(drawn_ellipse, image, x, y, size)
        ellipse(0, 1.75, 1.2, 0.9, cloth)
        ellipse(0, -0.12, wide * 1.12, 1.08, hair)
        ellipse(0, 0.08, wide, 0.95, skin)
        for side in (-1, 1):
            ellipse(0.34 * side, -0.08, 0.17, 0.12, (250, 250, 250))
            ellipse(0.34 * side, -0.08, 0.07, 0.09, (40, 60, 90))
            ellipse(0.34 * side, -0.3, 0.2, 0.035, hair)
        ellipse(0, 0.2, 0.08, 0.13, skin * 0.85)
        ellipse(0, 0.52, 0.26, 0.05 + 0.05 * (1 + np.sin(frame / 2)), (150, 50, 60))
        yield image


def drawn_ellipse(image, x, y, size, right, down, width, height, colour) -> None:
    centre = (round(x + right * size), round(y + down * size))
    axes = (max(1, round(width * size)), max(1, round(height * size)))
    colour = tuple(int(part) for part in colour)
    cv2.ellipse(image, centre, axes, 0, 0, 360, colour, -1, cv2.LINE_AA)
    cv2.ellipse(image, centre, axes, 0, 0, 360, (25, 20, 20), 2, cv2.LINE_AA)


def test_card(seed: int) -> Iterator[Image]:
    """Two seconds of colour bars over a ramp, a little noisier and brighter with the seed."""
    rng = np.random.default_rng(seed)
    level = rng.integers(150, 256)
    bars = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1), (0, 0, 0)]
    image = np.repeat(np.array(bars, np.float32)[None] * level, SIZE[0] // 8, axis=1)
    image = np.repeat(image, SIZE[1], axis=0)
    image[-80:] = np.linspace(0, 255, SIZE[0])[None, :, None]
    if seed % 2:
        cv2.circle(image, (SIZE[0] // 2, SIZE[1] // 2), 150, (255, 255, 255), 3)
    for _ in range(50):
        noisy = image + rng.normal(0, seed % 5, image.shape)
        yield noisy.clip(0, 255).astype(np.uint8)


CHANGES = {"24 px faces": small, "heavy blur": blurred, "cartoon of a photograph": as_cartoon}
DRAWN = {"drawn cartoon": cartoon, "colour test card": test_card}

if __name__ == "__main__":
    main()
