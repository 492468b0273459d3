"""Does the server hold under load? Many uploads and watchers at once, and one large upload.

    python benchmarks/serve_load.py [--uploads 50] [--mib 20] [--watchers 100] [--large-mib 4096]

Starts `deeptell serve` on this machine. Clips of generated people are padded to the asked size and
sent all at once, while as many watchers as asked follow all events and the page is asked for again
and again. It fails on any error, any event that a watcher missed or had twice, a 95th percentile of
the page's answers of 200 ms or more, or a server that takes 500 MB (the workers not counted). Then
one large file is sent, during which memory must not grow by 50 MB, and another whose connection is
cut, after which nothing may be left.
"""

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from serve_trial import Server, clip

CHUNK = 2**20
PAGE_SECONDS, SERVER_MB, GROWTH_MB = 0.2, 500, 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uploads", type=int, default=50)
    parser.add_argument("--mib", type=int, default=20)
    parser.add_argument("--watchers", type=int, default=100)
    parser.add_argument("--large-mib", type=int, default=4096)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
        content = clip(Path(folder))
        kept = crowd(server, content, asked.uploads, asked.mib * 2**20, asked.watchers)
        kept &= large(server, content, asked.large_mib * 2**20)
        kept &= cut_off(server, content)
    if not kept:
        sys.exit("A limit was not kept.")


def crowd(server: Server, content: bytes, uploads: int, size: int, watchers: int) -> bool:
    """All uploads and watchers at once."""
    errors: list[str] = []
    heard: list[list[int]] = [[] for _ in range(watchers)]
    page: list[float] = []
    over = threading.Event()
    watching = [
        threading.Thread(target=watch, args=(server, own, uploads, errors)) for own in heard
    ]
    asking = threading.Thread(target=ask, args=(server, page, over, errors))
    memory = Peak(server.pid)
    sending = [
        threading.Thread(target=send, args=(server, content, size, number, errors))
        for number in range(uploads)
    ]
    began = time.perf_counter()
    for thread in (*watching, memory, asking, *sending):
        thread.start()
    for thread in sending:
        thread.join()
    sent = time.perf_counter() - began
    for thread in watching:
        thread.join()
    took = time.perf_counter() - began
    over.set()
    memory.over.set()
    asking.join()
    memory.join()
    all_events = sorted({event for own in heard for event in own})
    lost = sum(own != all_events for own in heard)
    late = float(np.quantile(page, 0.95))
    states = Counter(job["state"] for job in server.jobs())
    print(
        f"{uploads} uploads of {size / 2**20:.0f} MiB: "
        f"sent in {sent:.1f} s, answered in {took:.1f} s"
    )
    print(f"errors: {len(errors)} {errors[:3]}; jobs: {dict(states)}")
    print(f"{watchers} watchers of {len(all_events)} events: {lost} missed some or had some twice")
    print(
        f"page, {len(page)} answers: median {np.median(page) * 1e3:.0f} ms, "
        f"95 % {late * 1e3:.0f} ms"
    )
    print(f"server: {memory.most / 1e6:.0f} MB at most")
    done = states == {"done": uploads}
    return (
        not errors and not lost and done and late < PAGE_SECONDS and memory.most < SERVER_MB * 1e6
    )


def large(server: Server, content: bytes, size: int) -> bool:
    """One file of that size."""
    memory = Peak(server.pid)
    before = memory.now()
    memory.start()
    began = time.perf_counter()
    answer = server.send(padded(content, size, 10**6), length=size)
    took = time.perf_counter() - began
    memory.over.set()
    memory.join()
    grown = (memory.most - before) / 1e6
    print(
        f"{size / 2**20:.0f} MiB in {took:.1f} s: {answer['state']}; memory grew by {grown:.0f} MB"
    )
    return grown < GROWTH_MB


def cut_off(server: Server, content: bytes) -> bool:
    """A connection that breaks in the middle."""
    uploads = server.folder / "uploads"
    before = {path.name for path in uploads.iterdir()}
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("POST", "/api/v1/jobs?name=cut.mp4")
    connection.putheader("Content-Length", str(2**32))
    connection.endheaders()
    connection.send(content + bytes(50 * CHUNK))
    time.sleep(1)
    connection.close()
    time.sleep(2)
    left = {path.name for path in uploads.iterdir()} - before
    print(f"cut connection: {len(left)} files left")
    return not left


def padded(content: bytes, size: int, number: int) -> Iterator[bytes]:
    """A clip, a number that makes it another file, and zeros up to the size."""
    yield content + number.to_bytes(8, "big")
    left = size - len(content) - 8
    while left > 0:
        yield bytes(min(CHUNK, left))
        left -= CHUNK


def send(server: Server, content: bytes, size: int, number: int, errors: list[str]) -> None:
    try:
        server.send(padded(content, size, number), length=size)
    except Exception as error:
        errors.append(f"upload {number}: {error!r}")


def watch(server: Server, heard: list[int], uploads: int, errors: list[str]) -> None:
    """Follow all events until so many jobs have ended."""
    ended = 0
    try:
        for event in server.events(after=0):
            heard.append(event["id"])
            ended += event["kind"] in ("done", "failed")
            if ended == uploads:
                return
    except Exception as error:
        errors.append(f"watcher: {error!r}")


def ask(server: Server, seconds: list[float], over: threading.Event, errors: list[str]) -> None:
    while not over.wait(0.05):
        began = time.perf_counter()
        try:
            json.loads(server.ask("GET", "/api/v1/jobs"))
            server.ask("GET", "/")
        except Exception as error:
            errors.append(f"page: {error!r}")
        seconds.append((time.perf_counter() - began) / 2)


class Peak(threading.Thread):
    """The most memory that a process takes."""

    def __init__(self, pid: int) -> None:
        super().__init__()
        self.over, self._process, self.most = threading.Event(), psutil.Process(pid), 0

    def now(self) -> int:
        return int(self._process.memory_info().rss)

    def run(self) -> None:
        while not self.over.wait(0.05):
            self.most = max(self.most, self.now())


if __name__ == "__main__":
    main()
