"""Files: nothing half-written is ever left behind, what they hold is named, one comes along."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path

from deeptell.errors import OutputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it becomes `path` when the block ends well.

    Raises:
        OutputError: the folder does not exist and cannot be made, or cannot be written to.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):  # whatever keeps it there has been said
            temporary.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(path: Path) -> None:
    """Raise an `OutputError` now, not after long work, where `path` cannot be written later."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it.")
    with replacing(path.with_name(f".{path.name}.probe")) as temporary:
        temporary.touch()
    path.with_name(f".{path.name}.probe").unlink()


def default_bundle() -> Path:
    """The folder of the packaged bundle, made with `recipes/default/recipe.yaml`."""
    return Path(str(files("deeptell"))) / "bundles" / "default"
