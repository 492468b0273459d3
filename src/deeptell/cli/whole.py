"""Commands that go the whole way, and what there is."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from deeptell.cli.app import CORES, Jobs, app


@app.command(epilog="Example: deeptell demo")
def demo(
    out: Annotated[Path, typer.Argument(help="Folder for everything it makes.")] = Path("demo"),
    jobs: Jobs = CORES,
) -> None:
    """The whole way in some minutes: generate, extract, train, measure, scan, report."""
    from deeptell import console
    from deeptell.cli import figures
    from deeptell.demo import run_demo

    console.out.print("People in this demo are drawn by a program; none of them exists.\n")
    result = run_demo(out, jobs=jobs, step=console.step)
    console.out.print("\nVideos of people it never saw:\n")
    figures.print_evaluation(result.evaluation, levels=("video",), figures=figures.SHORT)
    console.out.print("\nClips it never saw:\n")
    console.print_scan(result.scans)
    console.out.print(
        f"\nEverything is in {console.shown(out)}. Open {console.shown(result.report)} and "
        f"{console.shown(result.results)} in a browser, and try: deeptell scan "
        f"CLIP.mp4 --bundle {console.shown(result.bundle)}",
        highlight=False,
    )


@app.command(epilog="Example: deeptell reproduce iwbf2020 --size small")
def reproduce(
    paper: Annotated[str, typer.Argument(help="iwbf2020: Kumar, Bhavsar and Verma.")],
    out: Annotated[Path, typer.Option(help="Folder for everything it makes.")] = Path("reproduced"),
    data: Annotated[
        Path | None, typer.Option(help="A FaceForensics++ tree; generated people if not given.")
    ] = None,
    size: Annotated[str, typer.Option(help="small: two cores; full: the paper's grid.")] = "small",
    facenet: Annotated[
        Path | None, typer.Option(help="FaceNet's weights, 20180402-114759-vggface2.pt.")
    ] = None,
    jobs: Jobs = CORES,
) -> None:
    """Train and measure the published comparison, with one page of tables and plots; resumes."""
    from deeptell import console
    from deeptell.catalog import lookup
    from deeptell.cli import figures
    from deeptell.reproduce.run import FACES
    from deeptell.reproduce.run import reproduce as run_comparison

    lookup({"iwbf2020": None}, paper, kind="paper")
    lookup(FACES, size, kind="size")
    result = run_comparison(
        out,
        size="small" if size == "small" else "full",
        data=data,
        facenet=facenet,
        jobs=jobs,
        step=console.step,
    )
    figures.print_comparison(result.models)
    console.out.print(f"\nPage: {console.shown(result.page)}", highlight=False)


@app.command("build-default", epilog="Example: deeptell build-default portraits more-portraits")
def build_default(
    portraits: Annotated[
        list[Path],
        typer.Argument(help="Folders of pictures of real people, PERSON_NUMBER.jpg, each a set."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for everything it makes.")] = Path("default"),
    recipe: Annotated[
        Path | None, typer.Option(help="A recipe (YAML) instead of the packaged one.")
    ] = None,
    jobs: Jobs = CORES,
) -> None:
    """Make the detector that comes with deeptell: film, forge and learn from portraits; resumes."""
    from deeptell import console
    from deeptell.reproduce.default import build_default as build
    from deeptell.reproduce.default import recipe as read_recipe

    bundle = build(portraits, out, config=read_recipe(recipe), jobs=jobs, step=console.step)
    console.out.print(
        f"\nBundle: {console.shown(out / 'bundle')} ({bundle.card.sha256[:12]})",
        highlight=False,
    )


@app.command("list", epilog="Example: deeptell list models")
def list_names(
    what: Annotated[str, typer.Argument(help="models, detectors, datasets or protocols.")],
) -> None:
    """Name what deeptell knows."""
    from deeptell import console
    from deeptell.catalog import lookup

    tables = {
        "models": _models,
        "detectors": _detectors,
        "datasets": _datasets,
        "protocols": _protocols,
    }
    console.print_table(lookup(tables, what, kind="list")())


def _models() -> list[dict[str, str]]:
    from deeptell.models.overview import overview

    rows = [asdict(row) for row in overview()]
    counts = [f"{row['parameters'] / 1e6:.2f} M" if row["parameters"] else "" for row in rows]
    return [{**row, "parameters": count} for row, count in zip(rows, counts, strict=True)]


def _detectors() -> list[dict[str, str]]:
    from deeptell.faces.detect import DETECTORS

    return [
        {"name": name, "licence": entry.licence, "weights": entry.weights}
        for name, entry in DETECTORS.items()
    ]


def _datasets() -> list[dict[str, str]]:
    from deeptell.data.sources import SOURCES

    return [{"name": name, "what": source.about} for name, source in SOURCES.items()]


def _protocols() -> list[dict[str, str]]:
    from deeptell.evaluation.protocols import packaged, read_protocol

    return [{"name": name, "what": read_protocol(name).about} for name in packaged()]
