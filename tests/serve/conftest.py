"""A server as `deeptell serve` runs it, with real workers, and clips to send it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from asking import Client

from deeptell.serve.app import create_app
from deeptell.serve.settings import ServeSettings

Serving = Callable[..., "contextmanager[Client]"]


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


@pytest.fixture(scope="session")
def settings_for(bundle: Path) -> Callable[..., ServeSettings]:
    """Settings in a folder, with the small world's detector."""

    def make(folder: Path, **changes: object) -> ServeSettings:
        return ServeSettings(folder=folder, bundle=bundle, **{"spare_bytes": 0, **changes})

    return make


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory,
    settings_for: Callable[..., ServeSettings],
    benchmark: Path,
) -> Iterator[Client]:
    """A server that reads below the benchmark's extra clips."""
    settings = settings_for(tmp_path_factory.mktemp("served"), roots=(benchmark / "extra",))
    with serving(settings) as asked:
        yield asked
