"""The FaceStore: a folder of face crops with a table that says what each one is.

store.json       format, version, and the ExtractConfig that made it
videos.parquet   one row per video asked for: the columns given, status, reason, file facts
index.parquet    one row per crop, sorted by video_key, track, frame_index; see `shard`
index.rows       the same once more, for reading crops by their position; see `rows`
crops/xx/        per video: a tar of JPEG crops, and its part of the index

`tables` writes the three tables from the parts of the videos.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from deeptell.config import ExtractConfig
from deeptell.errors import ConfigError, StoreError
from deeptell.faces.rows import ROW, Row, held, read_crop, read_rows
from deeptell.faces.shard import part_path
from deeptell.files import replacing
from deeptell.records import StoredCrop

FORMAT, VERSION = "deeptell-facestore", 2  # version 1 had no index.rows

INDEX, ROWS, VIDEOS = "index.parquet", "index.rows", "videos.parquet"
ROWS_AT_ONCE = 100_000
_HEAD = "store.json"


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
                f"The store {path} has version {version}, which lacks {ROWS}: run 'deeptell "
                "extract' again; it keeps the faces and writes the tables anew."
            )
        if not all((path / name).is_file() for name in (INDEX, ROWS, VIDEOS)):
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
        path = self.path / INDEX
        try:
            with pq.ParquetFile(path, read_dictionary=["video_key"]) as file:
                codes, track, frame_index = _sampled_columns(file, self._keys)
        except (OSError, pa.ArrowException) as error:
            raise _damaged(path, error) from None
        if len(codes) != held(self.path / ROWS) or (codes < 0).any():
            raise _damaged(path, f"it does not belong to {ROWS} and {VIDEOS}")
        keys = pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(self._keys))
        columns = {"video_key": keys, "track": track, "frame_index": frame_index}
        return pd.DataFrame(columns, copy=False)

    @cached_property
    def videos(self) -> pd.DataFrame:
        """One row per video asked for, sorted by video_key: columns given, status, reason, ..."""
        try:
            table: pd.DataFrame = pq.read_table(self.path / VIDEOS).to_pandas()
        except (OSError, pa.ArrowException) as error:
            raise _damaged(self.path / VIDEOS, error) from None
        return table

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over both tables, 64 hexadecimal digits: what a training run was fed."""
        digest = hashlib.sha256()
        for name in (INDEX, VIDEOS):
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
        for video, run in groupby(read_rows(self.path / ROWS, rows), key=lambda row: int(row[0])):
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
            self.path / ROWS, ROW, count=last + 1 - first, offset=first * ROW.itemsize
        )
        return np.asarray(held[positions - first])

    @cached_property
    def _keys(self) -> "pd.Index[str]":
        """The video_key of each row of `videos`."""
        path = self.path / VIDEOS
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
        ROWS_AT_ONCE, columns=["video_key", "track", "frame_index"], use_threads=False
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
