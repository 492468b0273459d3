"""Does Ray work as fast as the local processes, and does it survive the death of its workers?

    python benchmarks/ray_trials.py [--videos 500] [--every 10] [--rounds 2] [--folder trials]

Extracts the faces of generated one-second videos with two workers of each engine, in turns, and
compares their rates from the first videos on, without the start. Then it extracts them with Ray
while a random worker is killed every ten seconds. It fails where Ray has less than 0.9 of the local
rate, or where any store is not the first one to the last byte.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
from kill_trials import contents, make_videos

from deeptell.config import ExtractConfig
from deeptell.data.manifest import read_manifest
from deeptell.faces.extract import extract

LEAST = 0.9
JOBS = 2
CONFIG = ExtractConfig(frames=8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=500)
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two kills")
    parser.add_argument("--rounds", type=int, default=2, help="of the comparison")
    parser.add_argument("--folder", type=Path, help="videos in it are used again")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        manifest = make_videos(folder / "videos", count=asked.videos)
        with tempfile.TemporaryDirectory() as stores:
            failures = compare(manifest, Path(stores), rounds=asked.rounds)
            failures += disturb(manifest, Path(stores), every=asked.every)
    if failures:
        sys.exit(" ".join(failures))


def compare(manifest: Path, stores: Path, *, rounds: int) -> list[str]:
    """Print the rates of both engines and return what is wrong with them."""
    seconds = {"local": 0.0, "ray": 0.0}
    same = True
    print("engine   whole run   from the first videos on", flush=True)
    for number in range(rounds):
        # The other one first in every second round: the machine may be busier now than then.
        for engine in ("local", "ray") if number % 2 == 0 else ("ray", "local"):
            store = stores / f"{engine}{number}"
            whole, steady = timed(manifest, store, engine)
            seconds[engine] += steady
            same &= contents(store) == contents(stores / "local0")
            print(f"{engine:6}{whole:10.1f} s{steady:10.1f} s", flush=True)
    share = seconds["local"] / seconds["ray"]
    print(f"Ray has {share:.2f} of the local rate; the same bytes: {'yes' if same else 'NO'}")
    slow = [] if share >= LEAST else [f"Ray has less than {LEAST} of the local rate."]
    return slow + ([] if same else ["The engines do not write the same bytes."])


def timed(manifest: Path, store: Path, engine: str) -> tuple[float, float]:
    """Seconds that extraction took, and those after the first videos of each worker."""
    times: dict[int, float] = {}
    began = time.perf_counter()
    extract(
        read_manifest(manifest),
        store,
        config=CONFIG,
        jobs=JOBS,
        engine=engine,
        progress=lambda done, total: times.setdefault(done, time.perf_counter()),
    )
    return time.perf_counter() - began, times[max(times)] - times[min(2 * JOBS, max(times))]


def disturb(manifest: Path, stores: Path, *, every: float) -> list[str]:
    """Extract while workers are killed, print what came of it and return what is wrong with it."""
    over, killed = threading.Event(), [0]
    killer = threading.Thread(target=kill_now_and_then, args=(over, every, killed))
    killer.start()
    began = time.perf_counter()
    try:
        videos = read_manifest(manifest)
        summary = extract(videos, stores / "killed", config=CONFIG, jobs=JOBS, engine="ray")
    finally:
        over.set()
        killer.join()
    same = contents(stores / "killed") == contents(stores / "local0")
    print(
        f"{summary.videos} videos in {time.perf_counter() - began:.1f} s, {killed[0]} workers "
        f"killed, {summary.failed} videos given up; the same bytes: {'yes' if same else 'NO'}"
    )
    return [] if same else ["The store made while workers were killed is another one."]


def kill_now_and_then(over: threading.Event, every: float, killed: list[int]) -> None:
    """Kill a random worker of Ray, again and again."""
    rng = random.Random(0)
    while not over.wait(every):
        if workers := ray_workers():
            with suppress(psutil.NoSuchProcess):
                rng.choice(workers).kill()
                killed[0] += 1


def ray_workers() -> list[psutil.Process]:
    """The actors of the cluster that this process started."""
    found = []
    for child in psutil.Process(os.getpid()).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.cmdline()[:1] and child.cmdline()[0].startswith("ray::_Hand"):
                found.append(child)
    return found


if __name__ == "__main__":
    main()
