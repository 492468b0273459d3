"""Events for any number of watchers, read from the database once for all of them."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress

from anyio import to_thread

from deeptell.serve.jobs import Jobs
from deeptell.serve.records import Event

_LOOK_SECONDS = 0.2
_KEPT = 10_000  # events in memory; who resumes from before them is served from the database
_QUIET_SECONDS = 15.0  # after which a comment keeps proxies from closing the line


class Feed:
    """Follows the events of a database while it is entered."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._recent: deque[Event] = deque(maxlen=_KEPT)
        self._last = 0
        self._came = asyncio.Event()  # a new one after every arrival
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Feed":
        self._last = await to_thread.run_sync(self._jobs.last_event)
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def last(self) -> int:
        """The number of the latest event."""
        return self._last

    async def watch(self, *, after: int, job: str | None = None) -> AsyncIterator[bytes]:
        """Server-sent events from the one after `after` on, of one job or of all; never ends."""
        yield b"retry: 1000\n\n"
        while True:
            for event in await self._since(after):
                after = event.id
                if job is None or event.job == job:
                    yield _line(event)
            came = self._came
            if self._last <= after:
                try:
                    await asyncio.wait_for(came.wait(), _QUIET_SECONDS)
                except TimeoutError:
                    yield b": quiet\n\n"

    async def _since(self, after: int) -> list[Event]:
        if self._last <= after:
            return []
        if self._recent and self._recent[0].id <= after + 1:
            return [event for event in self._recent if event.id > after]
        return await to_thread.run_sync(lambda: self._jobs.events(after=after))

    async def _follow(self) -> None:
        while True:
            with suppress(Exception):  # a database that is gone for a moment comes back
                new = await to_thread.run_sync(lambda: self._jobs.events(after=self._last))
                if new:
                    self._recent.extend(new)
                    self._last = new[-1].id
                    self._came.set()
                    self._came = asyncio.Event()
            await asyncio.sleep(_LOOK_SECONDS)


def _line(event: Event) -> bytes:
    data = json.dumps({"job": event.job, **event.data})
    return f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n".encode()
