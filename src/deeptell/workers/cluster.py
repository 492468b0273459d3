"""Workers that are actors of a Ray cluster: the one at RAY_ADDRESS, or a small one started here.

Items and results travel through Ray's control plane, so they must be small: paths and counts. Every
machine of a cluster needs this version of deeptell, and the files under the same paths.

When this process is killed, the workers of a small cluster end within seconds; two idle helpers of
Ray's own take about a minute.
"""

import os
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from deeptell.errors import ConfigError, MissingExtraError
from deeptell.workers.crew import Answer, Done, Gone, Raised, Task, answer_of

# Ray reads all these when it is imported.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # deeptell calls nobody
# Of every dead worker Ray prints a page on standard output; we say what there is to say.
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
if not os.environ.get("RAY_ADDRESS") and "ray" not in sys.modules:
    # Ray listens to the whole network and runs what it is sent: of a cluster of ours, only by those
    # who know this token.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
try:
    import ray
    from ray.exceptions import OutOfMemoryError, RayActorError, RayError
except ImportError:
    raise MissingExtraError(
        "The engine 'ray' needs the package ray: pip install 'deeptell[cluster]'."
    ) from None

_OBJECT_STORE = 80 * 2**20  # bytes; Ray takes 30 % of the memory if not told, nothing goes in here
_ANSWERS_WITHIN = 5.0  # seconds; Ray itself would try for minutes


class _Hand:
    """The actor: what `local._serve` is to a process."""

    def __init__(self, task: Task, folder: Path) -> None:
        self._task = task
        with suppress(OSError):  # relative paths mean the driver's folder, where that exists
            os.chdir(folder)

    def set_up(self) -> Done | Raised:
        return answer_of(self._task.setup, *self._task.arguments)

    def work(self, item: Any) -> Done | Raised:
        return answer_of(self._task.function, item)


class RayCrew:
    """See `crew.Crew`."""

    def __init__(self, task: Task, *, jobs: int) -> None:
        self._task = task
        self._actors: dict[int, Any] = {}
        self._awaited: dict[Any, int] = {}  # the worker that each reference will answer for
        self._started_here = not ray.is_initialized()
        if self._started_here:
            _connect(jobs)
        self._actor = ray.remote(num_cpus=1, max_restarts=0)(_Hand)

    def start(self, worker: int) -> None:
        """Ask for an actor; on a busy cluster it may be a while until it is there."""
        self._stop(worker)
        actor: Any = self._actor.remote(self._task, Path.cwd())
        self._actors[worker] = actor
        self._awaited[actor.set_up.remote()] = worker

    def send(self, worker: int, item: Any) -> None:
        """Call the actor."""
        self._awaited[self._actors[worker].work.remote(item)] = worker

    def wait(self, seconds: float | None) -> list[tuple[int, Answer]]:
        """Fetch the first answer that comes."""
        ready, _ = ray.wait(list(self._awaited), num_returns=1, timeout=seconds)
        return [(self._awaited.pop(reference), self._fetch(reference)) for reference in ready]

    def close(self) -> None:
        """Kill the actors, and the cluster if it was started here."""
        for worker in list(self._actors):
            self._stop(worker)
        if self._started_here:
            ray.shutdown()

    def _fetch(self, reference: Any) -> Answer:
        try:
            answer: Answer = ray.get(reference)
            return answer
        except (RayActorError, OutOfMemoryError) as error:
            return Gone(str(error).strip().splitlines()[-1])

    def _stop(self, worker: int) -> None:
        self._awaited = {ref: one for ref, one in self._awaited.items() if one != worker}
        if worker in self._actors:
            with suppress(RayError):  # it is dead already
                ray.kill(self._actors.pop(worker), no_restart=True)


def _connect(jobs: int) -> None:
    address = os.environ.get("RAY_ADDRESS", "")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if not address:
        ray.init(
            address="local",
            num_cpus=jobs,
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE,
            **quiet,
        )
        return
    try:
        _knock(address)
        ray.init(address=address, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"No Ray cluster can be used at RAY_ADDRESS={address} ({error}): correct it, or unset "
            "it to have a small one started here."
        ) from None


def _knock(address: str) -> None:
    """Raise an `OSError` where an address with a port does not answer."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=_ANSWERS_WITHIN).close()
