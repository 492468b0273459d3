"""One function for many items, in workers of which any may die or hang at any time."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from deeptell.catalog import lookup
from deeptell.errors import DeeptellError
from deeptell.workers.crew import Crew, Done, Gone, Raised, Task

T = TypeVar("T")
R = TypeVar("R")

_TRIES = 2  # of every item: the first worker may have been killed from outside
_STARTS = 3  # of each worker, while none of them all gets as far as an answer
_DIED = "its worker process died: out of memory, or the decoder crashed"


@dataclass(frozen=True, slots=True)
class Died:
    """Stands in for the result of an item that is given up, and says why in plain words."""

    reason: str


def each(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    jobs: int,
    setup: Callable[..., None],
    arguments: tuple[Any, ...] = (),
    engine: str = "local",
    seconds: float | None = None,
) -> Generator[tuple[T, R | Died], None, None]:
    """Yield `(item, function(item))` as results come, in any order.

    When a worker dies it is replaced, and the item it had is tried once more, the next of all. An
    item that lost two workers, or ran out of time in both, is given up. With `jobs=1`, the engine
    "local" and no time limit everything runs in this process.

    Args:
        function: picklable; errors that concern one item only are its own to catch, any other
            ends the work and is raised here.
        jobs: number of workers.
        setup: called once with `arguments` in every worker, before its first item.
        engine: "local" (processes) or "ray" (actors of a cluster); see `ENGINES`.
        seconds: time limit for a try of one item, at the end of which its worker is killed.

    Raises:
        ConfigError: there is no such engine, or its cluster does not answer.
        MissingExtraError: the engine's package is not installed.
        DeeptellError: workers die before they have begun.
    """
    check_engine(engine)
    if jobs == 1 and engine == "local" and seconds is None:
        return _in_this_process(function, items, setup=setup, arguments=arguments)
    return _in_workers(Task(function, setup, arguments), items, jobs, engine, seconds)


def check_engine(name: str) -> None:
    """Raise what `each` would raise for an engine that is unknown or not installed."""
    lookup(ENGINES, name, kind="engine")()


def _in_this_process(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    setup: Callable[..., None],
    arguments: tuple[Any, ...],
) -> Generator[tuple[T, R | Died], None, None]:
    setup(*arguments)
    for item in items:
        yield item, function(item)


def _in_workers(
    task: Task, items: Iterable[T], jobs: int, engine: str, seconds: float | None
) -> Generator[tuple[T, Any], None, None]:
    with closing(ENGINES[engine]()(task, jobs=jobs)) as crew:
        yield from _Foreman(crew, items, jobs=jobs, seconds=seconds).results()


def _local() -> Callable[..., Crew]:
    from deeptell.workers.local import LocalCrew

    return LocalCrew


def _ray() -> Callable[..., Crew]:
    from deeptell.workers.cluster import RayCrew

    return RayCrew


ENGINES: dict[str, Callable[[], Callable[..., Crew]]] = {"local": _local, "ray": _ray}


@dataclass(slots=True)
class _Try(Generic[T]):
    item: T
    number: int = 1
    until: float = 0.0  # on the clock of `time.monotonic`


class _Foreman(Generic[T]):
    """Hands out the items, and knows what each worker is about."""

    def __init__(self, crew: Crew, items: Iterable[T], *, jobs: int, seconds: float | None) -> None:
        self._crew, self._jobs, self._seconds = crew, jobs, seconds
        self._fresh = iter(items)
        self._next: deque[_Try[T]] = deque()
        self._busy: dict[int, _Try[T]] = {}
        self._idle: list[int] = []
        self._stillborn = 0  # deaths before the first item, since any worker last answered

    def results(self) -> Iterator[tuple[T, Any]]:
        """Yield the items with their results until there is none left."""
        if self._more():
            for worker in range(self._jobs):
                self._crew.start(worker)
        while self._more() or self._busy:
            while self._idle and self._more():
                self._hand_out(self._idle.pop())
            answers = self._crew.wait(self._patience())
            for worker, answer in answers:
                if isinstance(answer, Raised):
                    raise answer.error
                if isinstance(answer, Gone):
                    yield from self._bury(worker, answer.words)
                else:
                    yield from self._take(worker, answer)
            if not answers:  # what is there already is in time, however late it is fetched
                yield from self._overdue()

    def _more(self) -> bool:
        """Tell whether an item waits, drawing it from the rest: they may be too many to hold."""
        if not self._next:
            self._next.extend(_Try(item) for item in islice(self._fresh, 1))
        return bool(self._next)

    def _hand_out(self, worker: int) -> None:
        one = self._busy[worker] = self._next.popleft()
        one.until = time.monotonic() + (self._seconds or 0.0)
        self._crew.send(worker, one.item)

    def _patience(self) -> float | None:
        """Seconds until the first item is overdue."""
        if self._seconds is None or not self._busy:
            return None
        return max(0.0, min(one.until for one in self._busy.values()) - time.monotonic())

    def _take(self, worker: int, answer: Done) -> Iterator[tuple[T, Any]]:
        self._idle.append(worker)
        self._stillborn = 0
        if worker in self._busy:  # else it has only set itself up
            yield self._busy.pop(worker).item, answer.result

    def _bury(self, worker: int, words: str) -> Iterator[tuple[T, Died]]:
        if worker in self._idle:
            self._idle.remove(worker)
        elif worker not in self._busy:
            self._stillborn += 1
            if self._stillborn == _STARTS * self._jobs:
                raise DeeptellError(
                    f"{self._stillborn} worker processes in a row died before their first item "
                    f"({words}): where memory is short, use fewer jobs."
                )
        yield from self._lose(worker, _DIED)

    def _overdue(self) -> Iterator[tuple[T, Died]]:
        late = [worker for worker, one in self._busy.items() if one.until <= time.monotonic()]
        for worker in late:
            yield from self._lose(worker, f"it took longer than the limit of {self._seconds:g} s")

    def _lose(self, worker: int, reason: str) -> Iterator[tuple[T, Died]]:
        """Replace a worker, and try its item again or give it up."""
        one = self._busy.pop(worker, None)
        # The second try comes next, not last: it settles what becomes of the item while the others
        # still work, and where workers are killed now and then it is over before the next time.
        if one and one.number < _TRIES:
            self._next.appendleft(_Try(one.item, one.number + 1))
        if self._more():
            self._crew.start(worker)
        if one and one.number == _TRIES:
            yield one.item, Died(reason)
