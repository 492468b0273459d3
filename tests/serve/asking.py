"""A server as `deeptell serve` runs it, and a client as plain as they come."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from deeptell.serve.app import create_app
from deeptell.serve.settings import ServeSettings

API = "/api/v1"
ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks one server."""

    def __init__(self, port: int, app: Any = None) -> None:
        self.port, self.app = port, app

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] = {},
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            read = response.read()
        finally:
            connection.close()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, read)

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask(
            "GET", API + path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )

    def post(self, path: str, content: Any = None) -> Answer:
        body = json.dumps(content).encode() if content is not None else b""
        return self.ask("POST", API + path, body, {"content-type": "application/json"})

    def send(self, content: bytes | Path, query: str = "") -> Answer:
        body = content.read_bytes() if isinstance(content, Path) else content
        return self.ask("POST", f"{API}/jobs?{query}", body)

    def delete(self, id: str) -> Answer:
        return self.ask("DELETE", f"{API}/jobs/{id}")

    def ended(self, id: str, *, within: float = 90) -> dict[str, Any]:
        """The job once it has ended."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            job = self.get(f"/jobs/{id}").json
            if job["state"] in ENDED:
                return job
            time.sleep(0.1)
        raise AssertionError(f"still {job['state']} after {within} s")

    def events(self, path: str, *, last: int | None = None) -> Iterator[dict[str, Any]]:
        """Server-sent events as they come, each with its id and kind."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        connection.request("GET", API + path, headers=headers)
        response = connection.getresponse()
        assert response.headers["content-type"].startswith("text/event-stream")
        event: dict[str, Any] = {}
        try:
            for line in response:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "data":
                    event |= json.loads(value)
                elif name == "id":
                    event["id"] = int(value)
                elif name == "event":
                    event["kind"] = value
                elif not name and event:
                    yield event
                    event = {}
        finally:
            connection.close()


@contextmanager
def serving(settings: ServeSettings, *, token: str | None = None) -> Iterator[Client]:
    """A server on a free port of this machine, until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = create_app(settings, hosts={"127.0.0.1", "localhost"}, token=token)
    server = uvicorn.Server(
        uvicorn.Config(
            app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        for _ in range(600):
            if server.started:
                break
            time.sleep(0.05)
        client = Client(port, app)
        yield client
    finally:
        server.should_exit = True
        thread.join()
