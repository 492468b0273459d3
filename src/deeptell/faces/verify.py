"""What is wrong with a FaceStore: every damaged piece by name, and those that can be made again."""

import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from deeptell.errors import StoreError
from deeptell.faces.rows import rows_of
from deeptell.faces.shard import (
    INDEX_SCHEMA,
    Outcome,
    encode_part,
    part_path,
    read_part_file,
    tar_size,
)
from deeptell.faces.store import read_config
from deeptell.files import sha256_of

INDEX, ROWS, VIDEOS = Path("index.parquet"), Path("index.rows"), Path("videos.parquet")

_UNREADABLE = "cannot be read"
_ROWS_AT_ONCE = 100_000

Part = tuple[pa.Table, Outcome]


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged piece of a store."""

    path: Path  # relative to the store
    problem: str  # goes on after the path: "is missing"
    video_key: str = ""  # whose it is; "" for tables and for what belongs to no video

    def __str__(self) -> str:
        whose = f" (of '{self.video_key}')" if self.video_key else ""
        return f"{self.path.as_posix()}{whose} {self.problem}"


def verify(
    store: Path, *, deep: bool, progress: Callable[[int, int], None] | None = None
) -> list[Damage]:
    """Examine a store and name what is damaged, missing or left over.

    Memory does not grow with the number of crops.

    Args:
        deep: read every tar and compare it with its checksum; else only with its length.
        progress: called with (videos done, videos in all).

    Raises:
        StoreError: the folder is no store, was written by a newer version, or has no readable
            store.json.
    """
    read_config(store)
    videos, damages = _videos(store)
    places = _places(store, videos)
    content: _Content | None = _Content(pd.Index(list(places.values()), dtype="str"))
    for done, (path, key) in enumerate(places.items(), start=1):
        found, part = _examine(store, path, key, deep=deep)
        damages += found
        if part is None or videos is None:
            content = None  # tables can be compared with whole parts only
        elif content is not None:
            content.add(part[0])
            damages += _as_listed(key, videos.loc[key], part[1])
        if progress:
            progress(done, len(places))
    damages += _tables(store, content)
    damages += _leftovers(store, places, listed=videos is not None)
    return damages


def forget(store: Path, video_keys: Iterable[str], damages: Iterable[Damage]) -> list[Damage]:
    """Remove the damaged pieces of these videos, so that `extract` makes them again.

    A table that cannot be read is removed as well: those of crops are made of the parts, and
    videos.parquet of the parts and the manifest. Where several manifests went into it, extract
    all of them again.

    Returns:
        The damages of these videos and of the tables.
    """
    ours = {part_path(key) for key in video_keys}
    mended = []
    for damage in damages:
        part = damage.path.with_suffix(".parquet")
        if part in ours:
            (store / part).unlink(missing_ok=True)  # first: where it is gone, nothing is done
            (store / part).with_suffix(".tar").unlink(missing_ok=True)
        elif damage.path == VIDEOS and damage.problem.startswith(_UNREADABLE):
            (store / VIDEOS).unlink()
        if part in ours or damage.path in (INDEX, ROWS, VIDEOS):
            mended.append(damage)
    return mended


def _videos(store: Path) -> tuple[pd.DataFrame | None, list[Damage]]:
    """How each video ended, by video_key and sorted by it; None where that cannot be told."""
    if not (store / VIDEOS).is_file():
        return None, [Damage(VIDEOS, "is missing: the extraction has not ended")]
    try:
        columns = ["video_key", "status", "crops"]
        with pq.ParquetFile(store / VIDEOS, page_checksum_verification=True) as file:
            file.read()  # all columns: damage may be in any
            return file.read(columns).to_pandas().set_index("video_key"), []
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        return None, [Damage(VIDEOS, f"{_UNREADABLE} ({error})")]


def _places(store: Path, videos: pd.DataFrame | None) -> dict[Path, str]:
    """The parts there should be, relative to the store, with the video of each."""
    if videos is not None:
        return {part_path(key): key for key in videos.index}
    found = store.glob("crops/*/[!.]*.parquet")
    return dict.fromkeys(sorted(path.relative_to(store) for path in found), "")


def _examine(store: Path, path: Path, key: str, *, deep: bool) -> tuple[list[Damage], Part | None]:
    """Look at one video's part and tar."""
    if not (store / path).is_file():
        return [Damage(path, "is missing", key)], None
    try:
        part = read_part_file(store / path)
    except StoreError as error:
        return [Damage(path, f"{_UNREADABLE} ({_inner(error)})", key)], None
    rows, outcome = part
    if outcome.tar_sha256 is None:
        return [Damage(path, "was written by an older deeptell, without checksums", key)], part
    if _has_changed(store / path, part):
        return [Damage(path, "has changed", key)], None
    if not len(rows):
        return [], part
    key = key or rows["video_key"][0].as_py()
    tar = path.with_suffix(".tar")
    if set(rows["video_key"].to_pylist()) != {key} or part_path(key) != path:
        return [Damage(path, "holds the faces of another video", key)], None
    problem = _problem_of_tar(store / tar, rows, outcome, deep=deep)
    return [Damage(tar, problem, key)] if problem else [], part


def _has_changed(path: Path, part: Part) -> bool:
    """Whether a part is not what encoding its content again gives.

    The checksums of its pages leave out what stands around them. Another version of pyarrow
    encodes otherwise, and then they have to do.
    """
    theirs, ours = path.read_bytes(), encode_part(*part)
    try:
        writers = {pq.read_metadata(io.BytesIO(data)).created_by for data in (theirs, ours)}
    except ValueError:  # its name is no text
        return True
    return len(writers) == 1 and theirs != ours


def _inner(error: StoreError) -> str:
    """What stands in the outermost brackets of an error about a damaged part."""
    return str(error).partition("(")[2].rpartition("):")[0]


def _problem_of_tar(tar: Path, rows: pa.Table, outcome: Outcome, *, deep: bool) -> str:
    if not tar.is_file():
        return "is missing"
    wanted, found = tar_size(rows), tar.stat().st_size
    if found < wanted:
        return f"is cut short: {found} of {wanted} bytes"
    if found > wanted:
        return f"is longer than it was written: {found} bytes, not {wanted}"
    try:
        return "has changed (SHA-256)" if deep and sha256_of(tar) != outcome.tar_sha256 else ""
    except OSError as error:
        return f"{_UNREADABLE} ({error.strerror})"


def _as_listed(key: str, listed: Any, outcome: Outcome) -> list[Damage]:
    if (listed["status"], listed["crops"]) == (outcome.status, outcome.crops):
        return []
    return [Damage(VIDEOS, f"does not say of '{key}' what its part says")]


class _Content:
    """A digest of rows of the index, however they are cut into tables."""

    def __init__(self, keys: "pd.Index[str]") -> None:
        self._keys = keys
        self._rows, self._tars = hashlib.sha256(), hashlib.sha256()

    def add(self, table: pa.Table) -> None:
        """Add the next rows, in the order of the index."""
        self._rows.update(rows_of(table, self._keys).tobytes())
        self._tars.update("\n".join([*table["tar"].to_pylist(), ""]).encode())

    def equals_rows(self, path: Path) -> bool:
        """Whether a file of rows holds the same."""
        return sha256_of(path) == self._rows.hexdigest()

    def equals_index(self, file: pq.ParquetFile) -> bool:
        """Whether the index holds the same."""
        theirs = _Content(self._keys)
        for batch in file.iter_batches(_ROWS_AT_ONCE):
            theirs.add(pa.Table.from_batches([batch]).cast(INDEX_SCHEMA))
        return (theirs._rows.digest(), theirs._tars.digest()) == (
            self._rows.digest(),
            self._tars.digest(),
        )


def _tables(store: Path, content: _Content | None) -> list[Damage]:
    """Look at the two tables of crops; with `content`, that of all parts, compare them with it."""
    damages = []
    for path, differs in ((INDEX, _index_differs), (ROWS, _rows_differ)):
        if not (store / path).is_file():
            damages.append(Damage(path, "is missing: the extraction has not ended"))
            continue
        try:
            if differs(store / path, content):
                damages.append(Damage(path, "does not hold what the parts of the videos hold"))
        except (OSError, pa.ArrowException, ValueError) as error:
            damages.append(Damage(path, f"{_UNREADABLE} ({error})"))
    return damages


def _index_differs(path: Path, content: _Content | None) -> bool:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return content is not None and not content.equals_index(file)


def _rows_differ(path: Path, content: _Content | None) -> bool:
    return content is not None and not content.equals_rows(path)


def _leftovers(store: Path, places: Mapping[Path, str], *, listed: bool) -> list[Damage]:
    """Files that belong to nothing."""
    damages = [
        Damage(path.relative_to(store), "was left behind by a run that was killed")
        for path in sorted([*store.glob(".*.tmp*"), *store.glob("crops/*/.*.tmp*")])
    ]
    expected = {*places, *(path.with_suffix(".tar") for path in places)}
    found = {path.relative_to(store) for path in store.glob("crops/*/[!.]*")}
    strange = sorted(found - expected) if listed else []
    return damages + [
        Damage(path, "belongs to no video of videos.parquet: extract its manifest again")
        for path in strange
    ]
