"""Commands that measure models."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deeptell.cli.app import CORES, AsJson, Jobs, app, print_json
from deeptell.errors import ConfigError

if TYPE_CHECKING:
    from deeptell.report.results.records import Results
    from deeptell.results.sources import Judged

Bundles = Annotated[list[Path], typer.Argument(help="Made by 'deeptell train'; one or more.")]
Manifest = Annotated[Path, typer.Option("--data", help="A manifest, made by 'deeptell index'.")]
Split = Annotated[str, typer.Option(help="The side to measure on.")]
Folder = Annotated[Path, typer.Option(help="Folder for the faces, the figures and the page.")]
Frames = Annotated[int, typer.Option(min=1, help="Frames of each video.")]


@app.command(epilog="Example: deeptell evaluate run/bundle --data faces --out results")
def evaluate(
    models: Annotated[
        list[Path], typer.Argument(help="Bundles, and score files (.csv, .parquet) of any tool.")
    ],
    data: Annotated[
        list[Path] | None, typer.Option(help="A FaceStore for the bundles; may be repeated.")
    ] = None,
    split: Split = "test",
    embeddings: Annotated[
        Path | None, typer.Option(help="Of that store, by the model's own encoder.")
    ] = None,
    few_frames: Annotated[
        bool, typer.Option("--few-frames", help="Also with 1, 3, 5, 10 and 25 frames per video.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for results.html, .md, .json, .csv, drawings and score files."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure detectors on people they never saw, with 95 % intervals, and against each other."""
    from deeptell import console
    from deeptell.cli import figures
    from deeptell.results.sources import judge

    judged = judge(
        models,
        data or [],
        split=split,
        embeddings=embeddings,
        with_few_frames=few_frames,
        step=console.step,
    )
    results = _gathered(judged, title="Evaluation", pictures=out is not None)
    if out is not None:
        from deeptell.results.files import write_judged, write_results

        write_judged(judged, out)
        write_results(results, out)
    if as_json:
        from deeptell.report.results.document import document

        print_json(document(results))
        return
    figures.print_judged(judged)
    figures.print_differences(results.differences)
    if out is not None:
        _say_page(out)


def _gathered(judged: "Sequence[Judged]", *, title: str, pictures: bool) -> "Results":
    from deeptell import console
    from deeptell.report.words import listed
    from deeptell.results.gather import results

    names, data = ({one.name: "" for one in judged}, {one.data: "" for one in judged})
    about = [f"{listed(list(names))}, measured on {listed(list(data))}."]
    with console.step("Gathering the results"):
        return results(judged, title=title, about=about, pictures=pictures)


def _say_page(out: Path) -> None:
    from deeptell import console
    from deeptell.results.files import PAGE

    console.out.print(f"\nPage: {console.shown(out / PAGE)}", highlight=False)


@app.command(epilog="Example: deeptell robustness run/bundle --data ff/manifest.parquet --out worn")
def robustness(
    bundles: Bundles,
    data: Manifest,
    out: Folder,
    split: Split = "test",
    corruption: Annotated[
        list[str] | None, typer.Option(help="One of them only; may be repeated.")
    ] = None,
    severity: Annotated[
        list[int] | None, typer.Option(help="1 to 5: one of them only; may be repeated.")
    ] = None,
    frames: Frames = 16,
    jobs: Jobs = CORES,
    as_json: AsJson = False,
) -> None:
    """Measure what is left when videos were copied, badly lit or cut short; resumes."""
    from deeptell import console
    from deeptell.cli import figures
    from deeptell.config import ExtractConfig
    from deeptell.data.manifest import read_manifest
    from deeptell.evaluation.robustness import as_document
    from deeptell.evaluation.robustness import robustness as measure
    from deeptell.media.corrupt import CORRUPTIONS, SEVERITIES
    from deeptell.results.files import write_results
    from deeptell.results.sources import judge, names_of
    from deeptell.results.studies import with_robustness

    result = measure(
        {name: path for path, name in names_of(bundles).items()},
        read_manifest(data),
        out,
        split=split,
        data=f"{data.resolve().parent.name}, {split}",
        config=ExtractConfig(frames=frames),
        corruptions=tuple(corruption or CORRUPTIONS),
        severities=tuple(severity or SEVERITIES),
        jobs=jobs,
        step=console.step,
    )
    judged = judge(bundles, [out / "stores" / "clean"], split=split, step=console.step)
    page = _gathered(judged, title="Robustness", pictures=False)
    write_results(with_robustness(page, result.models), out)
    if as_json:
        print_json(as_document(result))
        return
    figures.print_robustness(result)
    _say_page(out)


@app.command(
    epilog="Example: deeptell sensitivity run/bundle --data ff/manifest.parquet --out ways"
)
def sensitivity(
    bundles: Bundles,
    data: Manifest,
    out: Folder,
    split: Split = "test",
    weights: Annotated[
        list[str] | None, typer.Option(help="NAME=FILE of a detector that brings none.")
    ] = None,
    frames: Frames = 16,
    jobs: Jobs = CORES,
    as_json: AsJson = False,
) -> None:
    """Measure how much the figures hang on how faces were found and cut; resumes."""
    from deeptell import console
    from deeptell.cli import figures
    from deeptell.config import ExtractConfig
    from deeptell.data.manifest import read_manifest
    from deeptell.evaluation.sensitivity import as_document
    from deeptell.evaluation.sensitivity import sensitivity as measure
    from deeptell.evaluation.ways import OWN
    from deeptell.results.files import write_results
    from deeptell.results.sources import judge, names_of
    from deeptell.results.studies import with_sensitivity

    result = measure(
        {name: path for path, name in names_of(bundles).items()},
        read_manifest(data),
        out,
        split=split,
        data=f"{data.resolve().parent.name}, {split}",
        config=ExtractConfig(frames=frames),
        weights=_named_files(weights or []),
        jobs=jobs,
        step=console.step,
    )
    judged = judge(bundles, [out / "stores" / OWN], split=split, step=console.step)
    page = _gathered(judged, title="Sensitivity to extraction", pictures=False)
    write_results(with_sensitivity(page, result.models), out)
    if as_json:
        print_json(as_document(result))
        return
    figures.print_sensitivity(result)
    _say_page(out)


def _named_files(given: list[str]) -> dict[str, Path]:
    for text in given:
        if "=" not in text:
            raise ConfigError(f"--weights takes NAME=FILE, such as yunet=yunet.onnx; got '{text}'.")
    return {name: Path(file) for name, _, file in (text.partition("=") for text in given)}


@app.command(epilog="Example: deeptell protocol cross_manipulation faces --out crossed")
def protocol(
    name: Annotated[str, typer.Argument(help="See 'deeptell list protocols'; or a YAML file.")],
    stores: Annotated[list[Path], typer.Argument(help="Made by 'deeptell extract'.")],
    out: Folder,
    config: Annotated[
        Path | None, typer.Option(help="Train with these settings (YAML), not the protocol's.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train and measure what a protocol file says, such as on the manipulation left out; resumes.

    Two runs with the same hash read the same, and can be compared.
    """
    from deeptell import console
    from deeptell.cli import figures
    from deeptell.config import TrainConfig, load
    from deeptell.evaluation.protocols import as_document, read_protocol
    from deeptell.faces.store import FaceStore
    from deeptell.report.words import short_names
    from deeptell.reproduce.protocols import run_protocol
    from deeptell.results.files import write_results
    from deeptell.results.studies import of_protocol

    asked = read_protocol(name, train=load(TrainConfig, config) if config else None)
    short = short_names(str(path) for path in stores)
    known = {short[str(path)]: FaceStore(path) for path in stores}
    result = run_protocol(asked, known, out, step=console.step)
    write_results(of_protocol(result), out)
    if as_json:
        print_json(as_document(result))
        return
    figures.print_protocol(result)
    _say_page(out)
