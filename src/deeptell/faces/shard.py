"""What one video leaves in a FaceStore: a tar with its crops, and a Parquet part beside it.

The part is written last: where it stands, the video is done. Both are byte-identical however often
they are written, and the tar can be read as a WebDataset shard as it is. The part knows the SHA-256
of its tar, and Parquet a checksum of each of its own pages: `verify` finds what changed since.
"""

import dataclasses
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from deeptell.errors import StoreError
from deeptell.files import replacing, sha256_of
from deeptell.records import StoredCrop, VideoInfo

OK, NO_FACE, FAILED = "ok", "no face", "failed"

# One row per crop. Boxes and landmarks lie on a grid that 32 bits hold exactly; see `crop`.
INDEX_SCHEMA = pa.schema(
    [
        ("video_key", pa.string()),
        ("track", pa.int32()),
        ("frame_index", pa.int32()),
        ("seconds", pa.float64()),
        *((name, pa.float32()) for name in ("x1", "y1", "x2", "y2")),
        *((f"lm{point}{axis}", pa.float32()) for point in range(5) for axis in "xy"),
        ("score", pa.float32()),
        ("origin_x", pa.float32()),
        ("origin_y", pa.float32()),
        ("scale", pa.float64()),
        ("tar", pa.string()),  # relative to the store
        ("offset", pa.int64()),  # of the JPEG in the tar, bytes
        ("length", pa.int32()),
    ]
)

_FOLDER = "crops"
_METADATA = b"deeptell"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a video ended: `OK`, `NO_FACE` or `FAILED`, the reason if not OK, and what it is."""

    status: str
    reason: str
    tracks: int = 0
    crops: int = 0
    info: VideoInfo | None = None
    # Filled in by `write_shard`, "" without a tar; None where a deeptell wrote that knew it not.
    tar_sha256: str | None = None


def part_path(video_key: str) -> Path:
    """Where a video's part lies, relative to the store: readable, unique, safe on any system."""
    digest = hashlib.sha256(video_key.encode()).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", video_key)[-40:].strip("_")
    return Path(_FOLDER, digest[:2], f"{readable}-{digest}.parquet")


def write_shard(
    store: Path, video_key: str, outcome: Outcome, crops: Sequence[StoredCrop] = ()
) -> None:
    """Write a video's tar, unless it has no crop, and then its part.

    A tar that an earlier try left where there is no crop now is removed.

    Raises:
        OutputError: the store cannot be written to.
    """
    part = part_path(video_key)
    tar = part.with_suffix(".tar")
    rows, sha256 = [], ""
    if crops:
        with replacing(store / tar) as temporary:
            offsets = _write_tar(temporary, tar.stem, crops)
            sha256 = sha256_of(temporary)
        rows = [
            _row(video_key, tar, crop, offset) for crop, offset in zip(crops, offsets, strict=True)
        ]
    outcome = dataclasses.replace(outcome, tar_sha256=sha256)
    with replacing(store / part) as temporary:
        temporary.write_bytes(encode_part(pa.Table.from_pylist(rows, INDEX_SCHEMA), outcome))
        if not crops:
            (store / tar).unlink(missing_ok=True)


def encode_part(rows: pa.Table, outcome: Outcome) -> bytes:
    """Encode a part; equal rows and outcomes give equal bytes with one version of pyarrow."""
    about = json.dumps(dataclasses.asdict(outcome), sort_keys=True)
    table = rows.replace_schema_metadata({_METADATA: about.encode()})
    buffer = io.BytesIO()
    # Statistics help to skip parts of a table; a part is small and read whole.
    pq.write_table(table, buffer, write_page_checksum=True, write_statistics=False)
    return buffer.getvalue()


def read_part(store: Path, video_key: str) -> tuple[pa.Table, Outcome] | None:
    """Read a video's rows of the index and how it ended; None where it is not done.

    Raises:
        StoreError: the part is damaged.
    """
    path = store / part_path(video_key)
    return read_part_file(path) if path.is_file() else None


def read_part_file(path: Path) -> tuple[pa.Table, Outcome]:
    """Read a part: rows of `INDEX_SCHEMA`, and how the video ended.

    Raises:
        StoreError: the part is damaged.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read().cast(INDEX_SCHEMA)
            about: dict[str, Any] = json.loads(file.schema_arrow.metadata[_METADATA])
        info = about.pop("info")
        outcome = Outcome(**about, info=VideoInfo(**info) if info else None)
        if outcome.crops != len(table):
            raise ValueError(f"{len(table)} of {outcome.crops} rows")
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} is damaged ({error}): delete it and extract again, or run "
            "'deeptell extract --repair'."
        ) from None
    return table, outcome


def tar_size(rows: pa.Table) -> int:
    """How long the tar of these rows of the index is, at least one, bytes."""
    end: int = rows["offset"][-1].as_py() + rows["length"][-1].as_py()
    blocks = -(-end // tarfile.BLOCKSIZE) + 2  # two empty ones end a tar
    return -(-blocks * tarfile.BLOCKSIZE // tarfile.RECORDSIZE) * tarfile.RECORDSIZE


def _write_tar(path: Path, stem: str, crops: Sequence[StoredCrop]) -> list[int]:
    """Write the crops in order and return where in the file each picture begins."""
    offsets = []
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for crop in crops:
            member = tarfile.TarInfo(f"{stem}/{crop.track:04d}_{crop.frame_index:08d}.jpg")
            member.size = len(crop.jpeg)
            tar.addfile(member, io.BytesIO(crop.jpeg))
            blocks = -(-len(crop.jpeg) // tarfile.BLOCKSIZE)
            offsets.append(tar.offset - blocks * tarfile.BLOCKSIZE)
    return offsets


def _row(video_key: str, tar: Path, crop: StoredCrop, offset: int) -> dict[str, Any]:
    marks = {
        f"lm{point}{axis}": value
        for point, place in enumerate(crop.face.landmarks)
        for axis, value in zip("xy", place, strict=True)
    }
    return {
        "video_key": video_key,
        "track": crop.track,
        "frame_index": crop.frame_index,
        "seconds": crop.pts_seconds,
        **dict(zip(("x1", "y1", "x2", "y2"), crop.face.box_xyxy, strict=True)),
        **marks,
        "score": crop.face.score,
        "origin_x": crop.origin_xy[0],
        "origin_y": crop.origin_xy[1],
        "scale": crop.scale,
        "tar": tar.as_posix(),
        "offset": offset,
        "length": len(crop.jpeg),
    }
