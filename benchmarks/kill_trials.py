"""Does extraction survive `kill -9`?

    python benchmarks/kill_trials.py [--videos 100] [--trials 20] [--folder trials]

Runs `deeptell extract` on generated one-second videos once undisturbed. Then, in every trial, runs
it into a new store, kills the whole group of processes at a random moment of that time, and runs it
again. It fails unless every store is the undisturbed one to the last byte.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import pandas as pd

from deeptell.data.manifest import COLUMNS, write_manifest
from deeptell.forge.clip import draw_frame, make_clip
from deeptell.media.encode import write_video
from deeptell.workers import each

FRAMES = 25  # one second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=100)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--folder", type=Path, help="videos in it are used again")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        manifest = make_videos(folder / "videos", count=asked.videos)
        if not trials(manifest, folder, count=asked.trials, seed=asked.seed):
            sys.exit("A store that was resumed after a kill is not the undisturbed one.")


def trials(manifest: Path, folder: Path, *, count: int, seed: int) -> bool:
    """Print a row for every trial and tell whether all went well."""
    rng = random.Random(seed)
    whole, usual = extracted(manifest, folder / "undisturbed")
    print(f"undisturbed: {usual:.1f} s, {len(whole)} files")
    print("trial  killed after  tars then  parts then  half-written  resumed in  identical")
    well = True
    for trial in range(1, count + 1):
        store = folder / "killed"
        shutil.rmtree(store, ignore_errors=True)
        moment = rng.uniform(0, usual)
        kill_after(moment, start(manifest, store))
        left = [path.name for path in store.rglob("*")]
        tars, parts, half = (
            sum(name.endswith(end) and name.startswith(".") == hidden for name in left)
            for end, hidden in ((".tar", False), (".parquet", False), ("", True))
        )
        found, seconds = extracted(manifest, store)
        well &= found == whole
        print(
            f"{trial:5}{moment:12.1f} s{tars:11}{parts:12}{half:14}{seconds:10.1f} s"
            f"{'yes' if found == whole else 'NO':>11}",
            flush=True,
        )
    return well


def start(manifest: Path, store: Path) -> subprocess.Popen[bytes]:
    """Run `deeptell extract` in a group of processes of its own."""
    command = [sys.executable, "-m", "deeptell", "extract", str(manifest), str(store)]
    return subprocess.Popen(
        [*command, "--frames", "8", "--jobs", "2"],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill_after(seconds: float, run: subprocess.Popen[bytes]) -> None:
    """Kill a run and all its processes, unless it ends before."""
    try:
        run.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


def extracted(manifest: Path, store: Path) -> tuple[dict[str, bytes], float]:
    """Run to the end; the files of the store and the seconds it took."""
    began = time.perf_counter()
    run = start(manifest, store)
    if run.wait() != 0:
        sys.exit(f"This failed: {' '.join(map(str, run.args))}")
    return contents(store), time.perf_counter() - began


def contents(store: Path) -> dict[str, bytes]:
    """Every file of a store by its name."""
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file()
    }


def make_videos(folder: Path, *, count: int) -> Path:
    """Write one-second videos of different people, where they are missing, and their manifest."""
    paths = [folder / f"{number:04d}.mp4" for number in range(count)]
    missing = [path for path in paths if not path.is_file()]
    jobs = min(os.cpu_count() or 1, max(1, len(missing)))
    for _ in each(make_video, missing, jobs=jobs, setup=cv2.setNumThreads, arguments=(1,)):
        pass
    rows = pd.DataFrame(dict.fromkeys(COLUMNS, ""), index=range(count))
    names = [path.name for path in paths]
    rows = rows.assign(video_key=names, path=names, label=0, method="real", group=names)
    write_manifest(rows, folder / "manifest.parquet", root=folder)
    return folder / "manifest.parquet"


def make_video(path: Path) -> None:
    """Film the person whose number is the name of the file."""
    clip = make_clip(int(path.stem), FRAMES)
    write_video(path, (draw_frame(clip, i) for i in range(FRAMES)), crf=23)


if __name__ == "__main__":
    main()
