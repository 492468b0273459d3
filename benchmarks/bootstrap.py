"""How much time and memory do the intervals of a million scores take?

    python benchmarks/bootstrap.py [--scores 1000000] [--groups 1000] [--resamples 1000]

All figures with their intervals, in a process of its own: the seconds, those of the processor, and
the highest resident memory. It fails past 60 s or 2 GB, which are meant for 2 idle cores.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from deeptell.evaluation.bootstrap import bootstrap
from deeptell.evaluation.metrics import sigmoid

MOST_SECONDS, MOST_MB = 60, 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scores", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measured(asked.scores, asked.groups, asked.resamples)))
        return
    command = [sys.executable, __file__, *sys.argv[1:], "--measure"]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(ran.stdout)
    print(
        f"{asked.scores:,} scores of {asked.groups:,} groups, {asked.resamples:,} resamples: "
        f"{found['seconds']:.1f} s ({found['processor']:.1f} s of a processor), "
        f"{found['megabytes']:.0f} MB at most"
    )
    if found["seconds"] > MOST_SECONDS or found["megabytes"] > MOST_MB:
        sys.exit(f"More than {MOST_SECONDS} s or {MOST_MB} MB.")


def measured(scores: int, groups: int, resamples: int) -> dict[str, float]:
    """What it takes in this process, the scores themselves and all imports included."""
    rng = np.random.default_rng(0)
    group, labels = rng.integers(0, groups, scores), rng.integers(0, 2, scores)
    values = sigmoid(rng.normal(size=scores) + labels)
    began, worked = time.perf_counter(), time.process_time()
    bootstrap(labels, values, group, resamples=resamples)
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - worked,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,  # counted in KB
    }


if __name__ == "__main__":
    main()
