"""The command line: one subcommand per stage; parse, call one function, print.

Nothing heavy is imported before a command runs, so that help and usage errors are instant.
"""

import sys

# Help lists the commands in the order in which they are made here.
from deeptell.cli import scanning, auditing, serving, videos, faces, models, measuring, whole  # isort: skip # noqa: F401
from deeptell.cli.app import app
from deeptell.errors import DeeptellError

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 2."""
    try:
        app()
    except DeeptellError as error:
        sys.stderr.write(f"deeptell: {error}\n")
        sys.exit(2)
