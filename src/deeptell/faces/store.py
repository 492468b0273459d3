"""The FaceStore: a folder of face crops with a table that says what each one is.

store.json       format, version, and the ExtractConfig that made it
videos.parquet   one row per video asked for: the columns given, status, reason, file facts
index.parquet    one row per crop, sorted by video_key, track, frame_index
crops/xx/        per video: a tar of JPEG crops, and its part of the index
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
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
from deeptell.faces.crop import StoredCrop
from deeptell.faces.shard import INDEX_SCHEMA, Outcome, read_part
from deeptell.files import replacing
from deeptell.records import Crop, Face, VideoInfo

FORMAT, VERSION = "deeptell-facestore", 1

_HEAD, _INDEX, _VIDEOS = "store.json", "index.parquet", "videos.parquet"
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
        self.config = read_config(path)
        if not (path / _INDEX).is_file() or not (path / _VIDEOS).is_file():
            raise StoreError(f"The store {path} is unfinished: run 'deeptell extract' again.")

    def __reduce__(self) -> tuple[Callable[[Path], "FaceStore"], tuple[Path]]:
        return FaceStore, (self.path,)

    @cached_property
    def index(self) -> pd.DataFrame:
        """One row per crop, sorted by video_key, track, frame_index; see `INDEX_SCHEMA`."""
        return _read_table(self.path / _INDEX)

    @cached_property
    def videos(self) -> pd.DataFrame:
        """One row per video asked for, sorted by video_key: columns given, status, reason, ..."""
        return _read_table(self.path / _VIDEOS)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over both tables, 64 hexadecimal digits: what a training run was fed."""
        digest = hashlib.sha256()
        for name in (_INDEX, _VIDEOS):
            with (self.path / name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def read(self, rows: Sequence[int]) -> list[Crop]:
        """Read the crops at these positions of the index, in this order.

        Only their own bytes are read; a run of rows of one video opens its tar once.

        Raises:
            StoreError: a tar is missing, cut short or damaged.
        """
        codes, tars = self._tars
        crops: list[Crop] = []
        for code, run in groupby(rows, key=lambda row: int(codes[row])):
            crops += self._read_run(self.path / tars[code], list(run))
        return crops

    def _read_run(self, tar: Path, rows: list[int]) -> list[Crop]:
        offsets, lengths = self._columns["offset"], self._columns["length"]
        try:
            with tar.open("rb", buffering=0) as file:
                jpegs = []
                for row in rows:
                    file.seek(int(offsets[row]))
                    jpegs.append(file.read(int(lengths[row])))
            return [self._crop(row, jpeg) for row, jpeg in zip(rows, jpegs, strict=True)]
        except FileNotFoundError:
            problem = "is missing"
        except (OSError, ValueError) as error:
            problem = f"is cut short or damaged ({error})"
        raise StoreError(
            f"{tar} {problem}: delete the .parquet beside it and run 'deeptell extract' again."
        )

    def _crop(self, row: int, jpeg: bytes) -> Crop:
        def at(name: str) -> float:
            return float(self._columns[name][row])

        face = Face(
            (at("x1"), at("y1"), at("x2"), at("y2")),
            tuple((at(f"lm{point}x"), at(f"lm{point}y")) for point in range(5)),
            at("score"),
        )
        if len(jpeg) != int(at("length")):
            raise ValueError(f"{len(jpeg)} of {int(at('length'))} bytes of row {row}")
        return StoredCrop(
            jpeg,
            face,
            int(at("track")),
            int(at("frame_index")),
            at("seconds"),
            (at("origin_x"), at("origin_y")),
            at("scale"),
        ).decoded()

    @cached_property
    def _columns(self) -> dict[str, NDArray[Any]]:
        texts = {"video_key", "tar"}
        return {
            name: self.index[name].to_numpy() for name in INDEX_SCHEMA.names if name not in texts
        }

    @cached_property
    def _tars(self) -> tuple[NDArray[np.int64], list[str]]:
        codes, tars = pd.factorize(self.index["tar"])
        return codes, [str(tar) for tar in tars]


def _read_table(path: Path) -> pd.DataFrame:
    try:
        table: pd.DataFrame = pq.read_table(path).to_pandas()
        return table
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path} is damaged ({error}): run 'deeptell extract' again.") from None


def read_config(path: Path) -> ExtractConfig:
    """Read the configuration a store was made with.

    Raises:
        StoreError: the folder is no store, or one of a newer version.
    """
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
        return ExtractConfig(**settings)
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
        head = {"format": FORMAT, "version": VERSION, "config": config.model_dump(mode="json")}
        with replacing(path / _HEAD) as temporary:
            temporary.write_text(json.dumps(head, indent=2) + "\n", encoding="utf-8")
        return
    theirs, ours = read_config(path).model_dump(), config.model_dump()
    changed = [f"{key}={theirs[key]} (now {ours[key]})" for key in ours if ours[key] != theirs[key]]
    if changed:
        raise StoreError(
            f"The store {path} was made with {', '.join(changed)}: use the same settings or "
            "another folder."
        )


def sweep(path: Path) -> None:
    """Remove the temporary files that a killed run left behind."""
    for leftover in [*path.glob(".*.tmp*"), *path.glob("crops/*/.*.tmp*")]:
        leftover.unlink(missing_ok=True)


def compact(path: Path, videos: pd.DataFrame) -> pd.DataFrame:
    """Write the two tables from the parts of `videos` and of the videos asked for before.

    Returns:
        The rows of `videos` as the store now has them.
    """
    rows = _with_outcomes(path, videos)
    if (path / _VIDEOS).is_file():
        before = pq.read_table(path / _VIDEOS)
        older = ~before["video_key"].to_pandas().isin(videos["video_key"])
        kept = before.filter(pa.array(older))
        rows = pa.concat_tables([kept, rows], promote_options="permissive")
    rows = rows.sort_by("video_key")
    with (
        replacing(path / _INDEX) as temporary,
        pq.ParquetWriter(temporary, INDEX_SCHEMA) as writer,
    ):
        for table in _large(_parts(path, rows["video_key"].to_pylist())):
            writer.write_table(table)
    with replacing(path / _VIDEOS) as temporary:
        pq.write_table(rows, temporary)
    mine = pa.array(rows["video_key"].to_pandas().isin(videos["video_key"]))
    result: pd.DataFrame = rows.filter(mine).to_pandas()
    return result


def _with_outcomes(path: Path, videos: pd.DataFrame) -> pa.Table:
    given = videos.drop(columns=_OUTCOME_SCHEMA.names, errors="ignore")
    table = pa.Table.from_pandas(given, preserve_index=False).replace_schema_metadata(None)
    outcomes = [_flat(path, key) for key in given["video_key"]]
    found = pa.Table.from_pylist(outcomes, _OUTCOME_SCHEMA)
    for name in _OUTCOME_SCHEMA.names:
        table = table.append_column(_OUTCOME_SCHEMA.field(name), found[name])
    return table


def _flat(path: Path, video_key: str) -> dict[str, Any]:
    part = read_part(path, video_key)
    if part is None:
        raise StoreError(f"The part of '{video_key}' vanished from {path} while it was written.")
    outcome: Outcome = part[1]
    info: VideoInfo | None = outcome.info
    facts = dataclasses.asdict(outcome) | (dataclasses.asdict(info) if info else {})
    return {name: facts.get(name) for name in _OUTCOME_SCHEMA.names}


def _parts(path: Path, video_keys: Sequence[str]) -> Iterator[pa.Table]:
    for key in video_keys:
        part = read_part(path, key)
        if part is not None:
            yield part[0]


def _large(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Join small tables, so that the index has few row groups and never lies in memory whole."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(len(part) for part in held) >= _ROWS_AT_ONCE:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)
