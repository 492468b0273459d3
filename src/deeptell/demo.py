"""The whole way in one go: generate, extract, train, measure, scan, report."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path

from deeptell import config
from deeptell.answers import FileResult
from deeptell.data.sources import faceforensics
from deeptell.evaluation.evaluate import Evaluation, evaluate
from deeptell.faces.extract import extract
from deeptell.faces.store import FaceStore
from deeptell.figures import Measurement
from deeptell.forge.benchmark import write_benchmark
from deeptell.media.decode import find_media
from deeptell.models.bundle import update_card
from deeptell.progress import Progress, Step
from deeptell.report import scan_page
from deeptell.results.files import write_results
from deeptell.results.gather import results
from deeptell.results.sources import Judged, Source
from deeptell.scan.run import ScanJob, scan_files
from deeptell.training.run import train

MEASURED_ON = "generated people never seen in training, c23"
TITLE = "The demo's detector, measured"
ABOUT = ("Trained and measured on people who are drawn by a program: none of them exists.",)


@dataclass(frozen=True)
class DemoResult:
    """What the demo found, and where it lies."""

    evaluation: Evaluation
    scans: tuple[FileResult, ...]
    report: Path  # on the scanned clips
    results: Path  # on the measured videos
    bundle: Path


def run_demo(out: Path, *, jobs: int, step: Step) -> DemoResult:
    """Make everything under `out`; what is already there from a demo cut short is kept.

    Args:
        step: opens a named step of the work and gives the function that reports its progress.
    """
    data, run = out / "benchmark", out / "run"
    synth = config.SynthConfig(
        pairs={"train": 14, "val": 10, "test": 12}, seconds=0.8, compressions=("c23",)
    )
    with step("Writing a benchmark of people who do not exist") as progress:
        write_benchmark(data, synth, jobs=jobs, progress=progress)
    with step("Finding and storing faces") as progress:
        videos = faceforensics.index(data)
        videos["path"] = [str(data / path) for path in videos["path"]]
        faces = config.ExtractConfig(frames=8)
        extract(videos, out / "faces", config=faces, jobs=jobs, progress=progress)
    store = FaceStore(out / "faces")
    with step("Training a detector") as progress:
        bundle = train(store, run, config=_recipe(), progress=progress)
    with step("Measuring it on people it never saw"):
        evaluation = evaluate(bundle, store, split="test", data=MEASURED_ON)
        card = replace(bundle.card, measurements=_for_the_card(evaluation.measurements))
        update_card(run / "bundle", replace(bundle, card=card))
    with step("Gathering the results"):
        source = Source(bundle, store, "test")
        measured = Judged(card.name, run / "bundle", MEASURED_ON, evaluation, source)
        page = write_results(results([measured], title=TITLE, about=ABOUT), out / "results")
    with step("Scanning clips it never saw") as progress:
        clips = find_media(data / "extra")
        job = ScanJob(run / "bundle", config.ExtractConfig())
        scans = _in_order(clips, scan_files(clips, job, jobs=jobs), progress)
    report = out / "report.html"
    scan_page.write(report, scan_page.render(scans, card))
    return DemoResult(evaluation, scans, report, page, run / "bundle")


def _for_the_card(measured: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """What whoever gets the bundle should know: all videos and frames, and each manipulation."""
    return tuple(
        row
        for row in measured
        if row.level in ("frame", "video") and row.by in ("all", "manipulation")
    )


def _recipe() -> config.TrainConfig:
    with as_file(files("deeptell") / "recipes" / "demo.yaml") as path:
        return config.load(config.TrainConfig, path)


def _in_order(
    paths: list[Path], results: Iterable[FileResult], progress: Progress
) -> tuple[FileResult, ...]:
    found = {}
    for result in results:
        found[result.path] = result
        progress(len(found), len(paths))
    return tuple(found[str(path)] for path in paths)
