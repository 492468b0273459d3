"""Does every job end once, whatever is killed? Workers and servers are, at random moments.

    python benchmarks/serve_kills.py [--workers-killed 20] [--servers-killed 10] [--seed 0]

Clips are sent to `deeptell serve` until so many workers and then so many servers were killed (-9)
while there was work. It fails where a job is lost, does not end, ends twice, or has another answer
than the same clip has by itself, and where an answer or an upload is left that no job knows.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from serve_trial import Server, clip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers-killed", type=int, default=20)
    parser.add_argument("--servers-killed", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), workers=2) as server:
        content = clip(Path(folder))
        expected = ended(server, [send(server, content, 0)])[0]["verdict"]
        sent = 1
        for what, times in (("worker", asked.workers_killed), ("server", asked.servers_killed)):
            killed = 0
            while killed < times:
                if sum(job["state"] in ("queued", "running") for job in server.jobs()) < 3:
                    for _ in range(3):
                        send(server, content, sent)
                        sent += 1
                time.sleep(rng.uniform(0.05, 2.0))
                if what == "worker":
                    killed += server.kill_worker()
                else:
                    server.kill()
                    server.start()
                    killed += 1
            print(f"{times} times a {what} was killed", flush=True)
        jobs = ended(server, [job["id"] for job in server.jobs()])
        ends = Counter[str]()
        last = max(job["number"] for job in jobs)
        for event in server.events(after=0):
            ends[event["job"]] += event["kind"] in ("done", "failed", "cancelled")
            if len(ends) == len(jobs) and all(ends.values()):
                break
        states = Counter(job["state"] for job in jobs)
        others = sum(job["state"] == "done" and job["verdict"] != expected for job in jobs)
        twice = sum(count > 1 for count in ends.values())
        print(f"{sent} jobs were sent, {len(jobs)} are there (the last is {last}): {dict(states)}")
        print(f"ended twice: {twice}; with another answer: {others}")
        server.kill()
        server.start()  # sweeps
        results = len(list((server.folder / "results").iterdir()))
        uploads = len(list((server.folder / "uploads").iterdir()))
        print(f"answers: {results}, uploads: {uploads}")
        whole = len(jobs) == sent and not twice and not others
        if not whole or results != states["done"] or uploads != sent:
            sys.exit("A job was lost, ended twice, or left something behind.")


def send(server: Server, content: bytes, number: int) -> str:
    body = content + number.to_bytes(8, "big")
    return str(server.send([body], length=len(body))["id"])


def ended(server: Server, ids: list[str]) -> list[dict]:
    """Those jobs once all of them have ended."""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        jobs = [job for job in server.jobs() if job["id"] in ids]
        if all(job["state"] in ("done", "failed", "cancelled") for job in jobs):
            return jobs
        time.sleep(0.2)
    raise TimeoutError(f"Not ended after ten minutes: {[job['state'] for job in jobs]}")


if __name__ == "__main__":
    main()
