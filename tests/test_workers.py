import os
from pathlib import Path

import pytest

from deeptell.workers import Died, each

_greeting = ""


def set_up(greeting: str) -> None:
    global _greeting
    _greeting = greeting


def greet(item: int) -> str:
    if item < 0:
        os._exit(1)
    return f"{_greeting} {item}"


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_item_gets_its_result(jobs: int) -> None:
    found = dict(each(greet, range(9), jobs=jobs, setup=set_up, arguments=("hi",)))
    assert found == {item: f"hi {item}" for item in range(9)}


def test_an_item_that_kills_its_worker_takes_no_other_along() -> None:
    items = [0, 1, -1, 2, 3, 4, -2, 5, 6]
    found = dict(each(greet, items, jobs=2, setup=set_up, arguments=("hi",)))
    assert {item for item, result in found.items() if isinstance(result, Died)} == {-1, -2}
    assert {item: found[item] for item in items if item >= 0} == {
        item: f"hi {item}" for item in items if item >= 0
    }


def test_an_error_of_the_function_comes_through(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        list(each(int, ["x"], jobs=1, setup=set_up, arguments=("",)))
