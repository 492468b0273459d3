"""What reading one crop takes, in a file of rows that are all equally long.

A Parquet table can only be read by groups of many thousand rows. Training reads crops in random
order, so beside `index.parquet` stands `index.rows`: the row of crop n begins at n times the length
of a row, and is read by its position. `numpy.fromfile(path, ROW)` reads it as well.
"""

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from deeptell.records import Face, StoredCrop

_FACE = ["x1", "y1", "x2", "y2", *(f"lm{point}{axis}" for point in range(5) for axis in "xy")]

ROW = np.dtype(
    [
        ("video", "<i4"),  # row of videos.parquet
        ("track", "<i4"),
        ("frame_index", "<i4"),
        ("length", "<i4"),
        ("offset", "<i8"),
        ("seconds", "<f8"),
        ("scale", "<f8"),
        *((name, "<f4") for name in (*_FACE, "score", "origin_x", "origin_y")),
    ]
)
_UNPACK = struct.Struct("<4iq2d17f").unpack

Row = tuple[float, ...]  # the fields of ROW


def rows_of(table: pa.Table, keys: "pd.Index[str]") -> NDArray[np.void]:
    """Rows of the index as `ROW`; `keys` are those of videos.parquet."""
    rows = np.empty(len(table), ROW)
    rows["video"] = keys.get_indexer(table["video_key"].to_pandas())
    for name in ROW.names[1:] if ROW.names else ():
        rows[name] = table[name].to_numpy()
    return rows


def held(path: Path) -> int:
    """How many rows a file has."""
    return path.stat().st_size // ROW.itemsize


def read_rows(path: Path, numbers: Sequence[int]) -> list[Row]:
    """Read rows, in this order.

    Nothing is mapped or kept: resident memory does not grow with the number of rows, nor with how
    many were read. A row takes some 3 microseconds; decoding its picture takes hundreds.

    Raises:
        IndexError: there is no such row.
    """
    rows = []
    with path.open("rb", buffering=0) as file:
        for number in numbers:
            file.seek(max(0, number) * ROW.itemsize)
            data = file.read(ROW.itemsize)
            if number < 0 or len(data) < ROW.itemsize:
                raise IndexError(f"{path} has {held(path)} rows, and row {number} was asked for")
            rows.append(_UNPACK(data))
    return rows


def read_crop(tar: BinaryIO, row: Row) -> StoredCrop:
    """Read a crop from an open tar.

    Raises:
        ValueError: what stands at its place is no whole JPEG.
    """
    _, track, frame_index, length, offset, seconds, scale, x1, y1, x2, y2, *rest = row
    tar.seek(int(offset))
    jpeg = tar.read(int(length))
    if len(jpeg) != length:
        raise ValueError(f"{len(jpeg)} of {int(length)} bytes of frame {int(frame_index)}")
    if jpeg[:2] != b"\xff\xd8" or jpeg[-2:] != b"\xff\xd9":  # the marks at both ends
        raise ValueError(
            f"the {len(jpeg)} bytes of frame {int(frame_index)} are not a JPEG picture"
        )
    *marks, score, origin_x, origin_y = rest
    return StoredCrop(
        jpeg,
        Face((x1, y1, x2, y2), tuple(zip(marks[::2], marks[1::2], strict=True)), score),
        int(track),
        int(frame_index),
        seconds,
        (origin_x, origin_y),
        scale,
    )
