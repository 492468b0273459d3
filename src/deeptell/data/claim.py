"""A folder of results belongs to one run and its settings, and says so from the first moment."""

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deeptell.errors import OutputError
from deeptell.files import replacing


def begun(out: Path, *, marker: str) -> dict[str, Any] | None:
    """The settings with which the folder `out` was begun; None where it is new or empty.

    Raises:
        OutputError: `out` is a file, holds other things, or its marker is damaged.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file: give a folder.")
    try:
        if (out / marker).is_file():
            return dict(json.loads((out / marker).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise OutputError(f"{out / marker} is damaged ({error}): choose another folder.") from None
    # A run killed at its very first step leaves nothing but its marker's temporary file.
    if out.is_dir() and any(not file.name.startswith(f".{marker}.") for file in out.iterdir()):
        raise OutputError(
            f"The folder {out} is not empty and has no {marker}: choose a new or an empty one."
        )
    return None


def claim(out: Path, settings: Mapping[str, Any], *, marker: str) -> None:
    """Write the marker into `out`, or check that it names the same settings (plain JSON values).

    Raises:
        OutputError: as `begun`, or the settings are others, or `out` cannot be written to.
    """
    theirs = begun(out, marker=marker)
    if theirs is None:
        with replacing(out / marker) as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        return
    changed = [
        f"{key}={theirs.get(key)} (now {value})"
        for key, value in settings.items()
        if theirs.get(key) != value
    ]
    if changed:
        raise OutputError(
            f"The folder {out} was begun with {', '.join(changed)}: use the same settings or "
            "another folder."
        )


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; it becomes `path` when the block ends well.

    Raises:
        OutputError: it cannot be made, or written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sweep(out: Path, *, keep: Collection[Path] = ()) -> None:
    """Remove the temporary files and folders that killed workers left below `out`.

    Args:
        keep: results, for the case that one is named like a temporary file.
    """
    for leftover in [path for path in out.rglob(".*.tmp*") if path not in keep]:
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
