"""One small world for all tests: generated people, their faces, and a detector trained briefly."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock

from deeptell import config
from deeptell.cli import main
from deeptell.data.manifest import read_manifest, write_manifest
from deeptell.data.sources import faceforensics
from deeptell.faces.extract import extract
from deeptell.faces.store import FaceStore
from deeptell.forge.benchmark import write_benchmark

SHARED = Path(__file__).parents[2] / "shared" / "data"
BACKBONE = "test_resnet"  # timm's smallest


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Make a folder once per test run, however many processes share the run."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen") else base

    def make(name: str, build: Callable[[Path], None]) -> Path:
        folder = shared / name
        with FileLock(shared / f"{name}.lock"):
            if not (shared / f"{name}.done").exists():
                build(folder)
                (shared / f"{name}.done").touch()
        return folder

    return make


@pytest.fixture(scope="session")
def benchmark(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A generated benchmark of 4 pairs of people at c23, with its `extra/` set and manifest."""
    settings = config.SynthConfig(
        pairs={"train": 2, "val": 1, "test": 1}, seconds=0.4, compressions=("c23",), seed=7
    )

    def build(folder: Path) -> None:
        write_benchmark(folder, settings, jobs=1)
        write_manifest(faceforensics.index(folder), folder / "manifest.parquet", root=folder)

    return once("benchmark", build)


@pytest.fixture(scope="session")
def store(once: Callable[[str, Callable[[Path], None]], Path], benchmark: Path) -> FaceStore:
    """The faces of the benchmark, all 10 frames of each video."""

    def build(folder: Path) -> None:
        videos = read_manifest(benchmark / "manifest.parquet")
        extract(videos, folder, config=config.ExtractConfig(frames=10), jobs=1)

    return FaceStore(once("faces", build))


@pytest.fixture(scope="session")
def bundle(once: Callable[[str, Callable[[Path], None]], Path], store: FaceStore) -> Path:
    """A bundle trained for two epochs: whole, but no good."""

    def build(folder: Path) -> None:
        from deeptell.training.run import train  # slow to import, and few tests need it

        settings = config.TrainConfig(model=BACKBONE, size=64, epochs=2, frames_per_video=4)
        train(store, folder, config=settings)

    return once("run", build) / "bundle"


@pytest.fixture(scope="session")
def settings_for(bundle: Path) -> Callable[..., Any]:
    """Settings of a server in a folder, with this world's detector."""
    from deeptell.serve.settings import ServeSettings

    def make(folder: Path, **changes: object) -> ServeSettings:
        return ServeSettings(folder=folder, bundle=bundle, **{"spare_bytes": 0, **changes})

    return make


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, settings_for: Callable[..., Any], benchmark: Path
) -> Iterator[Any]:
    """A client of a server that may read the benchmark's extra clips."""
    from asking import serving

    settings = settings_for(tmp_path_factory.mktemp("served"), roots=(benchmark / "extra",))
    with serving(settings) as asked:
        yield asked


@pytest.fixture
def shared_clips() -> Path:
    """Real clips, where this machine has them."""
    if not (SHARED / "clips").is_dir():
        pytest.skip("no real clips beside the repository")
    return SHARED / "clips"


class Ran(NamedTuple):
    """What a command gave."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process, as its entry point does."""

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["deeptell", *map(str, arguments)])
        capfd.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return Ran(code, *capfd.readouterr())

    return call
