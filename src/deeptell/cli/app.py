"""The app that commands are added to, and the options that several of them share."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from deeptell import __version__

app = typer.Typer(
    help="Finds the tell in video: was a person manipulated, who, when, how sure, and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

CORES = os.cpu_count() or 1

Jobs = Annotated[int, typer.Option(min=1, help="Processes that work at the same time.")]
Engine = Annotated[str, typer.Option(help="local, or ray (needs the extra 'cluster').")]
TimeLimit = Annotated[float, typer.Option(min=0.001, help="Seconds for one video, at most.")]
Asked = Annotated[
    Path | None, typer.Option(help="The model to ask; the packaged one if not given.")
]
Journalled = Annotated[
    Path | None, typer.Option(help="A .jsonl that results are appended to as they come; resumes.")
]
Frames = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Frames to examine, spread over each video; 32, or two a second of longer ones, if "
        "not given.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def print_json(document: Any) -> None:
    """Write one JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"deeptell {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass
