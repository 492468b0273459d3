"""Work shared among processes that may die: a decoder can crash on a file made to crash it."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

# Threads do not survive a fork, and Windows and macOS have none: workers start afresh.
_CONTEXT = multiprocessing.get_context("spawn")


class Died(Generic[T]):
    """Stands in for the result of an item that killed its worker, alone as well."""


def each(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    jobs: int,
    setup: Callable[..., None],
    arguments: tuple[Any, ...] = (),
) -> Iterator[tuple[T, R | Died[T]]]:
    """Yield `(item, function(item))` as results come, in any order.

    When a worker dies, the items in flight are tried again one by one, each in a process of its
    own, so that only the one that kills its worker is given up. With `jobs=1` everything runs in
    this process.

    Args:
        function: picklable; errors that concern one item only are its own to catch.
        setup: called once with `arguments` in every worker, before its first item.
    """
    if jobs == 1:
        setup(*arguments)
        for item in items:
            yield item, function(item)
        return
    waiting = iter(items)
    suspects: list[T] | None = None
    while suspects is None or suspects:
        suspects = []
        with _pool(jobs, setup, arguments) as pool:
            yield from _until_broken(function, waiting, pool, 2 * jobs, suspects)
        for item in suspects:
            with _pool(1, setup, arguments) as pool:
                try:
                    yield item, pool.submit(function, item).result()
                except BrokenProcessPool:
                    yield item, Died()


def _pool(jobs: int, setup: Callable[..., None], arguments: tuple[Any, ...]) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(jobs, _CONTEXT, initializer=setup, initargs=arguments)


def _until_broken(
    function: Callable[[T], R],
    waiting: Iterator[T],
    pool: ProcessPoolExecutor,
    in_flight: int,
    suspects: list[T],
) -> Iterator[tuple[T, R]]:
    """Yield results until all is done or the pool breaks; then `suspects` holds what was in it."""
    running: dict[Future[R], T] = {}
    while True:
        fresh = [] if suspects else list(islice(waiting, in_flight - len(running)))
        for item in fresh:
            try:
                running[pool.submit(function, item)] = item
            except BrokenProcessPool:
                suspects.append(item)
        if not running:
            return
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            item = running.pop(future)
            try:
                yield item, future.result()
            except BrokenProcessPool:
                suspects.append(item)
