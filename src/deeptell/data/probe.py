"""Each file of a manifest is looked at once: can it be read, how long is it, what does it show."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pandas as pd

from deeptell.data.looks import PLACES, SIDE, look_of
from deeptell.errors import ConfigError, DeeptellError
from deeptell.files import sha256_of
from deeptell.media.glance import glance
from deeptell.media.sequence import is_sequence
from deeptell.progress import Progress
from deeptell.workers import Died, each

LIMIT = 120.0  # seconds for one file; a decoder that hangs is ended
PROBED = ("unreadable", "bytes", "sha256", "phash")


@dataclass(frozen=True, slots=True)
class _Seen:
    unreadable: str
    size: int = 0
    look: str = ""


def probe(
    manifest: pd.DataFrame, *, root: Path, jobs: int, progress: Progress | None = None
) -> pd.DataFrame:
    """Add what the files themselves say, in the columns `PROBED`.

    - unreadable: why, in words; "" where the header opens and a frame decodes
    - bytes: of the file, or of all pictures in a folder; 0 inside an archive
    - sha256: only where another file has as many bytes, else ""
    - phash: the look of three frames, see `looks`; "" where it cannot be read

    Args:
        root: folder that relative paths start from.
        jobs: worker processes, which end a file that takes longer than `LIMIT`.
        progress: called with (videos seen, videos in all).
    """
    if jobs < 1:
        raise ConfigError(f"jobs must be at least 1, got {jobs}.")
    paths = [root / path for path in manifest["path"]]
    seen: dict[Path, _Seen] = {}
    work = dict.fromkeys(paths)
    jobs = min(jobs, max(1, len(work)))
    for path, found in each(_look, work, jobs=jobs, setup=_nothing, seconds=LIMIT):
        seen[path] = _Seen(found.reason) if isinstance(found, Died) else found
        if progress is not None:
            progress(len(seen), len(work))
    table = pd.DataFrame([seen[path] for path in paths], index=manifest.index)
    shared = table["size"].gt(0) & table["size"].duplicated(keep=False)
    digests = {path: _digest(path) for path, twin in zip(paths, shared, strict=True) if twin}
    return manifest.assign(
        unreadable=table["unreadable"],
        bytes=table["size"],
        sha256=[digests.get(path, "") for path in paths],
        phash=table["look"],
    )


def _nothing() -> None:
    """Workers need no preparation."""


def _look(path: Path) -> _Seen:
    try:
        size = sum(file.stat().st_size for file in _files(path))
        return _Seen("", size, look_of(glance(path, at=PLACES, side=SIDE)))
    except DeeptellError as error:
        return _Seen(str(error))
    except Exception as error:  # one file must not stop ten thousand; the row says what happened
        return _Seen(f"deeptell failed on it: {type(error).__name__}: {error}")


def _files(path: Path) -> list[Path]:
    """The file, or those of a folder, sorted; none for what lies inside an archive."""
    if not is_sequence(path):
        return [path] if path.is_file() else []
    return sorted(file for file in path.glob("*") if file.is_file())


def _digest(path: Path) -> str:
    """SHA-256 of the file, or over those of the files in a folder; "" where one cannot be read."""
    try:
        digests = [sha256_of(file) for file in _files(path)]
    except OSError:
        return ""
    return sha256("".join(digests).encode()).hexdigest() if path.is_dir() else digests[0]
