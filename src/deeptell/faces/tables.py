"""The tables of a store, written from the parts of its videos."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from deeptell.errors import StoreError
from deeptell.faces.rows import rows_of
from deeptell.faces.shard import INDEX_SCHEMA, Outcome, read_part
from deeptell.faces.store import INDEX, ROWS, ROWS_AT_ONCE, VIDEOS
from deeptell.files import replacing
from deeptell.records import VideoInfo

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
    with replacing(path / VIDEOS) as temporary:
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
        replacing(path / ROWS) as rows,
        replacing(path / INDEX) as index,
        rows.open("wb") as file,
        pq.ParquetWriter(index, INDEX_SCHEMA, write_page_checksum=True) as writer,
    ):
        for table in _large(parts):
            writer.write_table(table)
            file.write(rows_of(table, keys).tobytes())


def _older(path: Path, video_keys: "pd.Series[str]") -> pa.Table | None:
    """The rows of videos that were asked for before, and are not now."""
    if not (path / VIDEOS).is_file():
        return None
    try:
        before = pq.read_table(path / VIDEOS)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"{path / VIDEOS} cannot be read ({error}): run 'deeptell extract' with --repair."
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
        if rows >= ROWS_AT_ONCE:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)
