"""The command that asks how a bundle does on the user's own genuine footage."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from deeptell.cli.app import AsJson, Asked, Frames, Jobs, Journalled, app, print_json
from deeptell.cli.scanning import scanned


@app.command(epilog="Example: deeptell audit archive --out archive.jsonl --report audit.html")
def audit(
    folder: Annotated[
        Path, typer.Argument(help="Genuine videos and pictures; a subfolder counts as one source.")
    ],
    bundle: Asked = None,
    jobs: Jobs = 1,
    as_json: AsJson = False,
    out: Journalled = None,
    report: Annotated[Path | None, typer.Option(help="Write a page, one HTML file.")] = None,
    frames: Frames = None,
) -> None:
    """Count false alarms on footage known to be genuine, and suggest from which score to flag."""
    from deeptell import console
    from deeptell.config import ExtractConfig
    from deeptell.files import check_writable, default_bundle
    from deeptell.models.bundle import load_bundle
    from deeptell.report import audit_page, page
    from deeptell.scan.audit import as_document, check_folder
    from deeptell.scan.audit import audit as count
    from deeptell.scan.origin import origin
    from deeptell.scan.run import ScanJob, expand

    check_folder(folder)
    files = expand([folder])
    for target in (out, report):
        if target is not None:
            check_writable(target)
    config = ExtractConfig() if frames is None else ExtractConfig(frames=frames)
    job = ScanJob(bundle or default_bundle(), config, dense=frames is None)
    card = load_bundle(job.bundle).card
    results = scanned(files, job, jobs=jobs, out=out, annotate=None, sha256=card.sha256)
    found = count(results, folder)
    if report is not None:
        page.write(report, audit_page.render(found, card, origin=origin(sys.argv[1:])))
    if as_json:
        print_json(as_document(found, bundle_sha256=card.sha256))
        return
    console.print_audit(found)
    console.out.print(f"\nModel: {card.statement}", style="dim", highlight=False)
    for name, target in (("Report", report), ("Results", out)):
        if target is not None:
            console.out.print(f"{name}: {console.shown(target)}", highlight=False)
