"""Commands that answer for videos."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deeptell.cli.app import AsJson, Asked, Frames, Jobs, Journalled, app, print_json
from deeptell.errors import ConfigError, MediaError

if TYPE_CHECKING:
    from deeptell.answers import FileResult
    from deeptell.scan.run import ScanJob


@app.command(epilog="Example: deeptell scan interview.mp4 clips --report report.html")
def scan(
    paths: Annotated[list[Path], typer.Argument(help="Videos, pictures, or folders of them.")],
    bundle: Asked = None,
    jobs: Jobs = 1,
    as_json: AsJson = False,
    out: Journalled = None,
    report: Annotated[Path | None, typer.Option(help="Write a report, one HTML file.")] = None,
    annotate: Annotated[
        Path | None, typer.Option(help="Write the (one) video again, with boxes and scores.")
    ] = None,
    frames: Frames = None,
    false_alarms: Annotated[
        str | None,
        typer.Option(
            help="Flag at most this share of genuine files, such as 1%; the bundle's own line if "
            "not given."
        ),
    ] = None,
    audit: Annotated[
        Path | None,
        typer.Option(
            help="Take that line from an audit of your own footage, as 'deeptell audit --json' "
            "printed it."
        ),
    ] = None,
    stress: Annotated[
        bool, typer.Option("--stress", help="Scan 12 worse versions of each: does it hold?")
    ] = False,
    identity: Annotated[
        Path | None,
        typer.Option(
            help="An ONNX model of identity (aligned faces, RGB), to join people across cuts."
        ),
    ] = None,
) -> None:
    """Say whether the people in videos and pictures were manipulated, who, when, how sure, why."""
    from deeptell.config import ExtractConfig
    from deeptell.evaluation.false_alarms import check_rate
    from deeptell.files import check_writable, default_bundle
    from deeptell.models.bundle import load_bundle
    from deeptell.report import scan_page
    from deeptell.scan.document import document
    from deeptell.scan.identity import Identity
    from deeptell.scan.origin import origin
    from deeptell.scan.run import ScanJob, expand, kind_of

    files = expand(paths)
    for target in (out, report, annotate):
        if target is not None:
            check_writable(target)
    rate = None if false_alarms is None else _share(false_alarms)
    job = ScanJob(
        bundle or default_bundle(),
        ExtractConfig() if frames is None else ExtractConfig(frames=frames),
        false_alarms=rate,
        stress=stress,
        identity=identity,
        dense=frames is None,
    )
    card = load_bundle(job.bundle).card
    if identity is not None:
        Identity.of(identity)  # a file that cannot be used is told before anything is scanned
    kinds = sorted({kind_of(file) for file in files})
    if audit is not None:
        from deeptell.scan.audited import read_lines

        if rate is None:
            raise ConfigError("--audit says where lines lie: name the rate with --false-alarms.")
        lines = read_lines(audit, rate, bundle_sha256=card.sha256, media=kinds)
        job = replace(job, audited=lines)
    elif rate is not None:
        for media in kinds:
            check_rate(card, rate, media=media)
    card = job.card_of(card)
    results = scanned(files, job, jobs=jobs, out=out, annotate=annotate, sha256=card.sha256)
    if report is not None:
        made = origin(sys.argv[1:])
        scan_page.write(report, scan_page.render(results, card, origin=made))
    if as_json:
        print_json(document(results))
    else:
        _print_scan(results, report=report, out=out, annotate=annotate, statement=card.statement)


def _share(text: str) -> float:
    """The share that "1%" or "0.01" means."""
    try:
        value = float(text.rstrip("% ")) / (100 if "%" in text else 1)
    except ValueError:
        value = -1.0
    if not 1e-6 <= value < 1:  # nobody has the three million sources that less would take
        raise ConfigError(
            f"--false-alarms takes a share of genuine files between 0 and 1, such as 1% or 0.01, "
            f"got '{text}'."
        )
    return value


def scanned(
    files: Sequence[Path],
    job: "ScanJob",
    *,
    jobs: int,
    out: Path | None,
    annotate: Path | None,
    sha256: str,
) -> list["FileResult"]:
    """The results in the order of the files; a single one that cannot be read is an error."""
    from deeptell import console
    from deeptell.scan.annotate import scan_and_annotate
    from deeptell.scan.journal import Journal
    from deeptell.scan.run import scan_files

    if annotate is not None:
        if len(files) != 1:
            raise ConfigError(f"--annotate takes exactly one video, {len(files)} files are given.")
        return [scan_and_annotate(files[0], annotate, job)]
    journal = None
    if out:
        journal = Journal(out, bundle_sha256=sha256, options=job.options(), stress=job.stress)
    found = {}
    with console.step(f"Scanning {len(files)} file{'s' * (len(files) != 1)}") as progress:
        for result in scan_files(files, job, jobs=min(jobs, len(files)), journal=journal):
            if len(files) == 1 and result.info is None:
                raise MediaError(str(result.reasons[0]))
            found[result.path] = result
            progress(len(found), len(files))
    if journal:
        journal.write_summary()
    return [found[str(path)] for path in files]


def _print_scan(
    results: Sequence["FileResult"],
    *,
    report: Path | None,
    out: Path | None,
    annotate: Path | None,
    statement: str,
) -> None:
    from deeptell import console

    console.print_scan(results)
    console.print_stress(results)
    console.out.print(f"\nModel: {statement}", style="dim", highlight=False)
    for name, target in (("Report", report), ("Results", out), ("Annotated", annotate)):
        if target is not None:
            console.out.print(f"{name}: {console.shown(target)}", highlight=False)
