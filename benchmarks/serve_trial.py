"""A server of `deeptell serve` for trials: started, asked, killed, and started again."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from deeptell.config import SynthConfig
from deeptell.forge.extra import write_scene


class Server:
    """One that may be killed; what it knows lies in a folder and outlives it."""

    def __init__(self, folder: Path, *, workers: int = 1) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.folder, self._workers = folder / "data", workers
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        command = [sys.executable, "-m", "deeptell", "serve", "--data", str(self.folder)]
        command += ["--port", str(self.port), "--workers", str(self._workers)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(600):
            try:
                self.ask("GET", "/api/v1/health")
                return
            except OSError:
                time.sleep(0.1)
        raise TimeoutError("The server did not answer within a minute.")

    def kill(self) -> None:
        """Kill the server alone, as the kernel would; its workers end by themselves."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def workers(self) -> list[int]:
        """Its processes that examine files."""
        found = []
        for child in psutil.Process(self.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # which a dead one is not yet: it was killed
                found += [child.pid] * ("spawn_main" in " ".join(child.cmdline()))
        return found

    def kill_worker(self) -> bool:
        """Kill one; False where there is none at the moment."""
        found = self.workers()
        for pid in found[:1]:
            os.kill(pid, signal.SIGKILL)
        return bool(found)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            raise RuntimeError(f"{response.status} {content[:200]!r}")
        return content

    def send(self, chunks: Iterable[bytes], *, length: int) -> dict[str, Any]:
        headers = {"Content-Length": str(length)}
        answer = self.ask("POST", "/api/v1/jobs?name=clip.mp4", iter(chunks), headers)
        return dict(json.loads(answer))

    def jobs(self) -> list[dict[str, Any]]:
        return list(json.loads(self.ask("GET", "/api/v1/jobs?limit=500"))["jobs"])

    def events(self, *, after: int) -> Iterator[dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            connection.request("GET", f"/api/v1/events?after={after}")
            event: dict[str, Any] = {}
            for line in connection.getresponse():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "data":
                    event |= json.loads(value)
                elif name in ("id", "event"):
                    event["id" if name == "id" else "kind"] = int(value) if name == "id" else value
                elif not name and event:
                    yield event
                    event = {}
        finally:
            connection.close()


def clip(folder: Path) -> bytes:
    """A short clip of a person who does not exist."""
    config = SynthConfig(pairs={"test": 2}, seconds=0.8)
    write_scene(folder / "scenes", config, "real", compression="c23")
    return next((folder / "scenes").rglob("real*.mp4")).read_bytes()
