"""Workers that die, hang, are killed or never start: nothing else is lost, and nothing is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from deeptell.errors import ConfigError, DeeptellError, MissingExtraError
from deeptell.workers import Died, each

DIED = Died("its worker process died: out of memory, or the decoder crashed")
HERE = str(Path(__file__).parent)

_greeting = ""


def set_up(greeting: str) -> None:
    global _greeting
    _greeting = greeting


def greet(item: int) -> str:
    if item < 0:
        os._exit(1)
    return f"{_greeting} {item}"


def tried(item: tuple[str, Path]) -> int:
    """Leave a mark for every try, do what the name says, and return the number of the try."""
    name, folder = item
    number = len(list(folder.glob(f"{name}.*"))) + 1
    (folder / f"{name}.{number}").touch()
    if name.startswith("hang") or (name.startswith("slow") and number == 1):
        time.sleep(60)
    if name.startswith("crash") or (name.startswith("weak") and number == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def nothing() -> None:
    pass


def die_at_once() -> None:
    os._exit(3)


def wait_long(item: int) -> None:
    time.sleep(60)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One small cluster for all tests of it: starting one takes seconds."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", HERE)  # workers must find this file
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            object_store_memory=80 * 2**20,
        )
        yield
        ray.shutdown()


@pytest.fixture(params=["local", "ray"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return str(request.param)


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_item_gets_its_result(jobs: int, engine: str) -> None:
    work = each(greet, range(9), jobs=jobs, setup=set_up, arguments=("hi",), engine=engine)
    assert dict(work) == {item: f"hi {item}" for item in range(9)}


def test_an_item_that_kills_its_worker_takes_no_other_along() -> None:
    items = [0, 1, -1, 2, 3, 4, -2, 5, 6]
    found = dict(each(greet, items, jobs=2, setup=set_up, arguments=("hi",)))
    assert {item for item, result in found.items() if isinstance(result, Died)} == {-1, -2}
    assert {item: found[item] for item in items if item >= 0} == {
        item: f"hi {item}" for item in items if item >= 0
    }


def test_everything_gets_two_tries_and_no_more(engine: str, tmp_path: Path) -> None:
    names = ["good", "weak", "crash", "slow", "hang", "good2"]
    items = [(name, tmp_path) for name in names]
    work = each(tried, items, jobs=2, setup=nothing, engine=engine, seconds=1.5)
    found = {name: result for (name, _), result in work}
    assert found == {
        "good": 1,
        "good2": 1,
        "weak": 2,
        "slow": 2,
        "crash": DIED,
        "hang": Died("it took longer than the limit of 1.5 s"),
    }
    marks = sorted(path.name for path in tmp_path.iterdir())
    assert marks == [
        *("crash.1", "crash.2", "good.1", "good2.1", "hang.1", "hang.2"),
        *("slow.1", "slow.2", "weak.1", "weak.2"),
    ]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_the_function_comes_through(jobs: int, engine: str) -> None:
    work = each(int, ["x", "1"], jobs=jobs, setup=set_up, arguments=("",), engine=engine)
    with pytest.raises(ValueError, match="invalid literal"):
        list(work)


def test_an_error_of_the_setup_comes_through() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        list(each(greet, [1, 2], jobs=2, setup=int, arguments=("x",)))


def test_workers_that_never_start_are_not_started_for_ever() -> None:
    with pytest.raises(DeeptellError, match=r"6 worker processes.*\(it ended with code 3\)"):
        list(each(greet, [1], jobs=2, setup=die_at_once))


def test_no_item_starts_no_worker() -> None:
    assert list(each(greet, [], jobs=2, setup=die_at_once)) == []


def test_items_are_drawn_as_they_are_needed() -> None:
    drawn: list[int] = []

    def items() -> Iterator[int]:
        for item in range(1000):
            drawn.append(item)
            yield item

    work = each(greet, items(), jobs=2, setup=set_up, arguments=("",))
    for _ in range(10):
        next(work)
    work.close()
    assert len(drawn) <= 13


def test_closed_early_it_leaves_no_process_behind() -> None:
    of_others = workers_of(os.getpid())  # of a test before, that a small cluster is still ending
    work = each(time.sleep, [0, 60, 60], jobs=2, setup=nothing)
    assert next(work) == (0, None)
    workers = [worker for worker in workers_of(os.getpid()) if worker not in of_others]
    assert len(workers) == 2
    work.close()
    assert not any(is_alive(worker) for worker in workers)


def workers_of(pid: int) -> list[psutil.Process]:
    """The workers that live below a process, of either engine."""
    workers = []
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            words = " ".join(child.cmdline())
            if is_alive(child) and ("spawn_main" in words or "ray::_Hand" in words):
                workers.append(child)
    return workers


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


# A shell lets what it runs in the background ignore interrupts, and that is inherited.
DRIVER = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from deeptell.workers import each
from test_workers import nothing, wait_long
if __name__ == "__main__":
    for _ in each(wait_long, range(9), jobs=2, setup=nothing, engine={engine!r}):
        pass
"""


@pytest.mark.parametrize(
    ("name", "signal_number"),
    [
        ("local", signal.SIGKILL),
        ("local", signal.SIGINT),
        pytest.param("ray", signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_when_the_parent_ends_its_workers_end(
    name: str, signal_number: signal.Signals, tmp_path: Path
) -> None:
    if name == "ray":
        pytest.importorskip("ray")
    script = tmp_path / "driver.py"
    script.write_text(DRIVER.format(engine=name))
    environment = os.environ | {"PYTHONPATH": HERE}
    driver = subprocess.Popen(
        [sys.executable, str(script)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        assert eventually(lambda: len(workers_of(driver.pid)) == 2, seconds=60)
        workers = workers_of(driver.pid)
        driver.send_signal(signal_number)
        driver.wait(30)
        assert eventually(lambda: not any(is_alive(worker) for worker in workers), seconds=20)
    finally:
        driver.kill()
        driver.wait()


def eventually(condition: Callable[[], bool], *, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.1)
    return False


def test_workers_killed_now_and_then_cost_no_item(engine: str) -> None:
    """After every seventh result: by then the item that lost its worker has had its second try."""
    items, found = [0.1 + number / 1000 for number in range(30)], {}
    of_others = workers_of(os.getpid())
    work = each(time.sleep, items, jobs=2, setup=nothing, engine=engine)
    for number, (item, result) in enumerate(work, start=1):
        found[item] = result
        if number % 7 == 0:
            workers = [worker for worker in workers_of(os.getpid()) if worker not in of_others]
            min(workers, key=psutil.Process.create_time).kill()
    assert found == dict.fromkeys(items)


def test_an_unknown_engine_suggests_the_right_one() -> None:
    with pytest.raises(ConfigError, match="no engine named 'rey'"):
        each(greet, [1], jobs=1, setup=nothing, engine="rey")


VISITOR = """
from deeptell.workers import each
from test_workers import greet, set_up
if __name__ == "__main__":
    work = each(greet, [1, -1, 2], jobs=2, setup=set_up, arguments=("hi",), engine="ray")
    print(sorted(str(result) for _, result in work))
"""


def test_the_cluster_at_ray_address_is_used_and_left_alone(cluster: None, tmp_path: Path) -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    environment = os.environ | {"PYTHONPATH": HERE, "RAY_ADDRESS": address}
    (tmp_path / "visitor.py").write_text(VISITOR)
    command = [sys.executable, str(tmp_path / "visitor.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout == f"{sorted([str(DIED), 'hi 1', 'hi 2'])}\n"
    assert done.stderr == "", "Ray is quiet about the worker that died"
    assert ray.cluster_resources()["CPU"] == 2


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "deeptell.workers.cluster", raising=False)
    with pytest.raises(MissingExtraError, match=r"pip install 'deeptell\[cluster\]'"):
        each(greet, [1], jobs=1, setup=nothing, engine="ray")


def test_a_cluster_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"RAY_ADDRESS=127\.0\.0\.1:9 \(.*refused.*unset it"):
        list(each(greet, [1], jobs=1, setup=nothing, engine="ray"))
