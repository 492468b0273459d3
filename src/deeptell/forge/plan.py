"""Who plays which part in a generated benchmark, and how the work is shared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import cv2

from deeptell.config import SynthConfig
from deeptell.errors import ConfigError, OutputError
from deeptell.forge.clip import FRAME_RATE
from deeptell.progress import Progress
from deeptell.workers import Died, each

T = TypeVar("T")

SPLITS: tuple[Literal["train", "val", "test"], ...] = ("train", "val", "test")
_MOST_PEOPLE = 1000  # names of three digits


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people who are swapped with each other, by id."""

    split: str
    first: int
    second: int

    @property
    def directions(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(target, source) both ways."""
        return (self.first, self.second), (self.second, self.first)


def plan(config: SynthConfig) -> list[Pair]:
    """Hand out ids: the pairs of the training split first, then validation, then test."""
    counts = [(split, config.pairs.get(split, 0)) for split in SPLITS]
    total = sum(count for _, count in counts)
    if 2 * total > _MOST_PEOPLE or total < 1 or min(count for _, count in counts) < 0:
        raise ConfigError(
            f"'pairs' must be 1 to {_MOST_PEOPLE // 2} in all, got {total}. Ask for another number."
        )
    splits = [split for split, count in counts for _ in range(count)]
    return [Pair(split, 2 * k, 2 * k + 1) for k, split in enumerate(splits)]


def person_seed(config: SynthConfig, person: int) -> int:
    """The seed of the person with this id."""
    return config.seed * _MOST_PEOPLE + person


def frame_count(config: SynthConfig) -> int:
    """How many frames a clip has."""
    return max(2, round(config.seconds * FRAME_RATE))


def spread(
    write: Callable[[T], None],
    items: Sequence[T],
    *,
    jobs: int,
    progress: Progress | None,
    setup: Callable[..., None] = cv2.setNumThreads,
    arguments: tuple[Any, ...] = (1,),
) -> None:
    """Call `write` for every item in `jobs` processes, one thread in each.

    Args:
        setup: called with `arguments` in every process first; it sees to the one thread.

    Raises:
        OutputError: a process was killed.
    """
    report = progress or (lambda done, total: None)
    report(0, len(items))
    work = each(write, items, jobs=jobs, setup=setup, arguments=arguments)
    for done, (item, result) in enumerate(work, start=1):
        if isinstance(result, Died):
            raise OutputError(
                f"The process that wrote {item} was killed, most likely for lack of memory. "
                f"Start again with fewer jobs: what is finished is kept."
            )
        report(done, len(items))
