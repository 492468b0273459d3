"""The FaceStore: a folder of face crops with a table that says what each one is.

store.json       format, version, and the ExtractConfig that made it
videos.parquet   one row per video asked for: the columns given, status, reason, file facts
index.parquet    one row per crop, sorted by video_key, track, frame_index; see `shard`
index.rows       the same once more, for reading crops by their position; see `rows`
crops/xx/        per video: a tar of JPEG crops, and its part of the index
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from deeptell.config import ExtractConfig
from deeptell.errors import ConfigError, StoreError
from deeptell.faces.rows import ROW, Row, held, read_crop, read_rows, rows_of
from deeptell.faces.shard import INDEX_SCHEMA, Outcome, part_path, read_part
from deeptell.files import replacing
from deeptell.records import StoredCrop, VideoInfo

FORMAT, VERSION = "deeptell-facestore", 2  # version 1 had no index.rows

_HEAD, _INDEX, _ROWS, _VIDEOS = "store.json", "index.parquet", "index.rows", "videos.parquet"
_ROWS_AT_ONCE = 100_000

_OUTCOME_SCHEMA = pa.schema(
    [
        ("status", pa.string()),
        ("reason", pa.string()),
        ("tracks", pa.int32()),
        ("crops", pa.int32()),
        ("container", pa.string()),
        ("codec", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("pixel_format", pa.string()),
        ("frame_rate", pa.float64()),
        ("duration_seconds", pa.float64()),
        ("declared_frames", pa.int32()),
        ("decoded_frames", pa.int32()),
        ("bad_packets", pa.int32()),
        ("rotation_degrees", pa.int32()),
        ("color_transfer", pa.string()),
        ("is_picture", pa.bool_()),
    ]
)


class FaceStore:
    """A finished store, for reading.

    It may be handed to worker processes: nothing is kept open between two reads.

    Raises:
        StoreError: the folder is no store, was written by a newer version, or is unfinished.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        version, self.config = _read_head(path)
        if version < VERSION:
            raise StoreError(
                f"The store {path} has version {version}, which lacks {_ROWS}: run 'deeptell "
                "extract' again; it keeps the faces and writes the tables anew."
            )
        if not all((path / name).is_file() for name in (_INDEX, _ROWS, _VIDEOS)):
            raise StoreError(f"The store {path} is unfinished: run 'deeptell extract' again.")

    def __reduce__(self) -> tuple[Callable[[Path], "FaceStore"], tuple[Path]]:
        return FaceStore, (self.path,)

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per crop, sorted, with what sampling needs: 12 bytes of memory each.

        The columns are `video_key`, a category whose codes are rows of `videos`, `track` and
        `frame_index`, both int32.

        Raises:
            StoreError: a table is damaged, or they do not belong together.
        """
        path = self.path / _INDEX
        try:
            with pq.ParquetFile(path, read_dictionary=["video_key"]) as file:
                codes, track, frame_index = _sampled_columns(file, self._keys)
        except (OSError, pa.ArrowException) as error:
            raise _damaged(path, error) from None
        if len(codes) != held(self.path / _ROWS) or (codes < 0).any():
            raise _damaged(path, f"it does not belong to {_ROWS} and {_VIDEOS}")
        keys = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(self._keys))
        columns = {"video_key": keys, "track": track, "frame_index": frame_index}
        return pd.DataFrame(columns, copy=False)

    @cached_property
    def videos(self) -> pd.DataFrame:
        """One row per video asked for, sorted by video_key: columns given, status, reason, ..."""
        try:
            table: pd.DataFrame = pq.read_table(self.path / _VIDEOS).to_pandas()
        except (OSError, pa.ArrowException) as error:
            raise _damaged(self.path / _VIDEOS, error) from None
        return table

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over both tables, 64 hexadecimal digits: what a training run was fed."""
        digest = hashlib.sha256()
        for name in (_INDEX, _VIDEOS):
            with (self.path / name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def read(self, rows: Sequence[int]) -> list[StoredCrop]:
        """Read the crops at these positions of the index, in this order, still encoded.

        Only their own bytes are read; a run of rows of one video opens its tar once.

        Raises:
            StoreError: a tar is missing, cut short or damaged.
        """
        crops: list[StoredCrop] = []
        for video, run in groupby(read_rows(self.path / _ROWS, rows), key=lambda row: int(row[0])):
            tar = part_path(self._keys[video]).with_suffix(".tar")
            crops += _read_run(self.path / tar, run)
        return crops

    def rows(self, positions: NDArray[np.int64]) -> NDArray[np.void]:
        """What the index says of the crops at `(n,)` positions, as `rows.ROW`.

        What lies between the first and the last of them is read as well.
        """
        if not len(positions):
            return np.empty(0, ROW)
        first, last = int(positions.min()), int(positions.max())
        held = np.fromfile(
            self.path / _ROWS, ROW, count=last + 1 - first, offset=first * ROW.itemsize
        )
        return np.asarray(held[positions - first])

    @cached_property
    def _keys(self) -> "pd.Index[str]":
        """The video_key of each row of `videos`."""
        path = self.path / _VIDEOS
        try:
            keys: pd.Series[str] = pq.read_table(path, columns=["video_key"])[0].to_pandas()
        except (OSError, pa.ArrowException) as error:
            raise _damaged(path, error) from None
        return pd.Index(keys)


def _read_run(tar: Path, rows: Iterable[Row]) -> list[StoredCrop]:
    try:
        with tar.open("rb", buffering=0) as file:
            return [read_crop(file, row) for row in rows]
    except FileNotFoundError:
        problem = "is missing"
    except (OSError, ValueError) as error:
        problem = f"is cut short or damaged ({error})"
    raise StoreError(f"{tar} {problem}: run 'deeptell extract --repair'.")


def _sampled_columns(
    file: pq.ParquetFile, keys: "pd.Index[str]"
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Three columns of the index, part by part, so that nothing lies in memory twice."""
    columns = tuple(np.empty(file.metadata.num_rows, np.int32) for _ in range(3))
    codes, track, frame_index = columns
    start = 0
    for part in file.iter_batches(
        _ROWS_AT_ONCE, columns=["video_key", "track", "frame_index"], use_threads=False
    ):
        place = slice(start, start + len(part))
        texts = part["video_key"]
        codes[place] = keys.get_indexer(texts.dictionary.to_pandas())[texts.indices.to_numpy()]
        track[place] = part["track"].to_numpy()
        frame_index[place] = part["frame_index"].to_numpy()
        start += len(part)
    return codes, track, frame_index


def _damaged(path: Path, why: object) -> StoreError:
    return StoreError(f"{path} is damaged ({why}): run 'deeptell extract' again.")


def read_config(path: Path) -> ExtractConfig:
    """Read the configuration a store was made with, also one of an older version.

    Raises:
        StoreError: the folder is no store, or one of a newer version.
    """
    return _read_head(path)[1]


def _read_head(path: Path) -> tuple[int, ExtractConfig]:
    if not (path / _HEAD).is_file():
        raise StoreError(f"{path} is not a FaceStore: it holds no {_HEAD}.")
    try:
        head = json.loads((path / _HEAD).read_text(encoding="utf-8"))
        kind, version, settings = head["format"], int(head["version"]), head["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path / _HEAD} is damaged ({error}).") from None
    if kind != FORMAT:
        raise StoreError(f"{path} is not a FaceStore: its format is '{kind}'.")
    if version > VERSION:
        raise StoreError(
            f"The store {path} has version {version}, this deeptell reads up to {VERSION}: "
            "install a newer deeptell."
        )
    try:
        return version, ExtractConfig(**settings)
    except (ValueError, TypeError, ConfigError) as error:
        raise StoreError(f"{path / _HEAD} holds settings that are not known: {error}") from None


def claim(path: Path, config: ExtractConfig) -> None:
    """Make `path` a store with this configuration, or check that it is one.

    Raises:
        StoreError: the folder holds other things, or faces found with another configuration.
        OutputError: the folder cannot be written to.
    """
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path} is a file: give a folder for the store.")
    for leftover in path.glob(f".{_HEAD}.*"):  # of a run killed at its very first step
        leftover.unlink(missing_ok=True)
    if not path.is_dir() or not any(path.iterdir()):
        _write_head(path, config)
        return
    version, made_with = _read_head(path)
    theirs, ours = made_with.model_dump(), config.model_dump()
    changed = [f"{key}={theirs[key]} (now {ours[key]})" for key in ours if ours[key] != theirs[key]]
    if changed:
        raise StoreError(
            f"The store {path} was made with {', '.join(changed)}: use the same settings or "
            "another folder."
        )
    if version < VERSION:  # faces and parts are the same; `compact` writes what is new
        _write_head(path, config)


def _write_head(path: Path, config: ExtractConfig) -> None:
    head = {"format": FORMAT, "version": VERSION, "config": config.model_dump(mode="json")}
    with replacing(path / _HEAD) as temporary:
        temporary.write_text(json.dumps(head, indent=2) + "\n", encoding="utf-8")


def sweep(path: Path) -> None:
    """Remove the temporary files that a killed run left behind."""
    for leftover in [*path.glob(".*.tmp*"), *path.glob("crops/*/.*.tmp*")]:
        leftover.unlink(missing_ok=True)


def compact(path: Path, videos: pd.DataFrame) -> pd.DataFrame:
    """Write the tables from the parts of `videos` and of the videos asked for before.

    Every part is read once, in order; memory grows with the number of videos, not of crops.

    Returns:
        The rows of `videos` as the store now has them.

    Raises:
        StoreError: a part is damaged or vanished.
    """
    given = videos.drop(columns=_OUTCOME_SCHEMA.names, errors="ignore")
    table = pa.Table.from_pandas(given, preserve_index=False).replace_schema_metadata(None)
    older = _older(path, given["video_key"])
    keys = sorted({*given["video_key"], *(older["video_key"].to_pylist() if older else ())})
    outcomes: dict[str, Outcome] = {}
    write_index(path, _parts(path, keys, outcomes), video_keys=keys)
    found = [_flat(outcomes[key]) for key in given["video_key"]]
    for field, column in zip(
        _OUTCOME_SCHEMA, pa.Table.from_pylist(found, _OUTCOME_SCHEMA).columns, strict=True
    ):
        table = table.append_column(field, column)
    rows = (
        table if older is None else pa.concat_tables([older, table], promote_options="permissive")
    )
    with replacing(path / _VIDEOS) as temporary:
        pq.write_table(rows.sort_by("video_key"), temporary, write_page_checksum=True)
    result: pd.DataFrame = table.sort_by("video_key").to_pandas()
    return result


def write_index(path: Path, parts: Iterable[pa.Table], *, video_keys: Sequence[str]) -> None:
    """Write index.parquet and index.rows from the parts of videos, as they come.

    Args:
        parts: rows of `INDEX_SCHEMA`, sorted by video_key, track and frame_index.
        video_keys: those of videos.parquet, sorted.
    """
    keys: pd.Index[str] = pd.Index(list(video_keys))
    with (
        replacing(path / _ROWS) as rows,
        replacing(path / _INDEX) as index,
        rows.open("wb") as file,
        pq.ParquetWriter(index, INDEX_SCHEMA, write_page_checksum=True) as writer,
    ):
        for table in _large(parts):
            writer.write_table(table)
            file.write(rows_of(table, keys).tobytes())


def _older(path: Path, video_keys: "pd.Series[str]") -> pa.Table | None:
    """The rows of videos that were asked for before, and are not now."""
    if not (path / _VIDEOS).is_file():
        return None
    try:
        before = pq.read_table(path / _VIDEOS)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"{path / _VIDEOS} cannot be read ({error}): run 'deeptell extract' with --repair."
        ) from None
    return before.filter(pa.array(~before["video_key"].to_pandas().isin(video_keys)))


def _flat(outcome: Outcome) -> dict[str, Any]:
    info: VideoInfo | None = outcome.info
    facts = dataclasses.asdict(outcome) | (dataclasses.asdict(info) if info else {})
    return {name: facts.get(name) for name in _OUTCOME_SCHEMA.names}


def _parts(
    path: Path, video_keys: Sequence[str], outcomes: dict[str, Outcome]
) -> Iterator[pa.Table]:
    """The rows of each video, whose outcome is added to `outcomes`."""
    for key in video_keys:
        part = read_part(path, key)
        if part is None:
            raise StoreError(
                f"The part of '{key}' vanished from {path}: run 'deeptell extract' again with "
                "the manifest that names it."
            )
        table, outcomes[key] = part
        yield table


def _large(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join small tables, so that the index has few row groups and never lies in memory whole."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += len(table)
        if rows >= _ROWS_AT_ONCE:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)
