"""A store's faces, or a manifest's frames, become plain pictures or one array.

unpack.json                                                what is written here, and how
<split>/<real|fake>/<method>_<compression>_<video>/*.jpg   the pictures of one video
pictures.csv                                               a row per picture, written last

The split is "all" where none is given. Faces are named <track>_<frame>.jpg, frames <frame>.jpg.
"""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeptell.data.arrays import Streamed, write_arrays
from deeptell.data.claim import claim, replacing_folder, sweep
from deeptell.data.manifest import check_manifest
from deeptell.data.places import places
from deeptell.data.samples import Ints, spread
from deeptell.data.tasks import do_each
from deeptell.errors import ConfigError, DataError, StoreError
from deeptell.faces.crop import encode_crop
from deeptell.faces.store import FaceStore
from deeptell.files import replacing
from deeptell.inputs import InputSpec, cut
from deeptell.media.decode import open_media
from deeptell.progress import Progress
from deeptell.records import Image

MARKER, TABLE, ARRAY = "unpack.json", "pictures.csv", "faces.npz"
MARGIN = 1.3  # squares are this many times the longer side of the box, as FaceForensics++ cuts

_AT_ONCE = 256  # crops in memory
_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class UnpackSummary:
    """What a run of `unpack` or `unpack_frames` gave."""

    videos: int  # of the store or the manifest
    written: int  # that have pictures now
    pictures: int
    path: Path  # the table of the pictures, or the array
    reasons: tuple[tuple[str, str], ...] = field(repr=False)  # (video_key, reason) if none


def unpack(
    store: FaceStore,
    out: Path,
    *,
    frames: int,
    size: int,
    first: bool = False,
    npz: bool = False,
    progress: Progress | None = None,
) -> UnpackSummary:
    """Write squares of `size` pixels around the faces of some frames of every video.

    Pictures are JPEG of the store's own setting, quality 95 with colour at full resolution: a
    PNG is four times as large, and the common 75 with halved colour would hide what detectors
    look for. A run that was killed goes on where it was.

    Args:
        frames: at most so many frames of each video, with all faces in them.
        first: take the first ones, as the reference system does, not ones spread over the video.
        npz: write one `.npz` instead, `out` or `out/faces.npz`: images `(N, size, size, 3)` uint8
            RGB, labels `(N,)` int64 with FAKE = 1, and keys, splits, tracks, frames `(N,)`.
        progress: called with (videos done, videos in all).

    Raises:
        ConfigError: `frames` or `size` is out of range.
        DataError: the store's videos have no labels, or none has a face.
        OutputError: `out` holds other things, was begun otherwise, or cannot be written.
        StoreError: with `npz`, a crop cannot be read; the array would have a hole.
    """
    if frames < 1:
        raise ConfigError(f"frames must be at least 1, got {frames}.")
    if not 8 <= size <= 4096:
        raise ConfigError(f"size must lie between 8 and 4096 pixels, got {size}.")
    faces = _Faces(store, InputSpec(size=size, margin=MARGIN), frames=frames, first=first)
    if npz:
        path = out if out.suffix.lower() == ".npz" else out / ARRAY
        write_arrays(path, faces.arrays(progress or _silent))
        return UnpackSummary(len(store.videos), len(faces.rows), len(faces), path, ())
    settings = {"store": store.fingerprint, "frames": frames, "size": size, "first": first}
    claim(out, settings, marker=MARKER)
    sweep(out)
    return faces.pictures(out, progress or _silent)


class _Faces:
    """The chosen faces of a store: rows of its index, video by video."""

    def __init__(self, store: FaceStore, spec: InputSpec, *, frames: int, first: bool) -> None:
        self.store, self.spec = store, spec
        self.places = places(store.videos, what=f"The store {store.path}")
        self.labels = store.videos.set_index("video_key")["label"].astype(int)
        self.tracks = store.index["track"].to_numpy()
        self.frames = store.index["frame_index"].to_numpy()
        self.rows = {
            key: rows[_chosen(self.frames[rows], frames, first=first)]
            for key, rows in _by_video(store.index)
        }
        if not self.rows:
            raise DataError(f"The store {store.path} holds no face.")

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows.values())

    def cut(self, rows: Ints) -> Iterator[Image]:
        """The squares of some rows, few of them in memory at once."""
        for start in range(0, len(rows), _AT_ONCE):
            for crop in self.store.read(rows[start : start + _AT_ONCE].tolist()):
                yield cut(crop, self.spec)

    def arrays(self, progress: Progress) -> Iterator[Streamed]:
        """The parts of the `.npz`; all but the images are small."""
        n, side = len(self), self.spec.size
        every = np.concatenate(list(self.rows.values()))
        counts = [len(rows) for rows in self.rows.values()]
        splits = [self.places[key].parts[0] for key in self.rows]
        labels = self.labels.loc[list(self.rows)].to_numpy()
        yield Streamed("images", (n, side, side, 3), np.dtype(np.uint8), self._images(progress))
        yield _small("labels", np.repeat(labels, counts).astype(np.int64))
        yield _repeated("keys", list(self.rows), counts)
        yield _repeated("splits", splits, counts)
        yield _small("tracks", self.tracks[every])
        yield _small("frames", self.frames[every])

    def _images(self, progress: Progress) -> Iterator[NDArray[np.uint8]]:
        for done, rows in enumerate(self.rows.values()):
            progress(done, len(self.rows))
            for face in self.cut(rows):
                yield face[None]
        progress(len(self.rows), len(self.rows))

    def pictures(self, out: Path, progress: Progress) -> UnpackSummary:
        """Write the pictures that are missing; a video whose crops are damaged is named."""
        reasons: dict[str, str] = {}
        for done, (key, rows) in enumerate(self.rows.items()):
            progress(done, len(self.rows))
            folder = out / self.places[key]
            try:
                if not folder.is_dir():  # it got its name when it was whole
                    self._write(folder, rows)
            except StoreError as error:
                reasons[key] = str(error)
        progress(len(self.rows), len(self.rows))
        written = {key: self.places[key] for key in self.rows if key not in reasons}
        return _finish(out, written, self.labels, videos=len(self.store.videos), reasons=reasons)

    def _write(self, folder: Path, rows: Ints) -> None:
        with replacing_folder(folder) as temporary:
            for row, face in zip(rows, self.cut(rows), strict=True):
                name = f"{self.tracks[row]:04d}_{self.frames[row]:08d}.jpg"
                (temporary / name).write_bytes(encode_crop(face))


@dataclass(frozen=True, slots=True)
class _Task:
    video_key: str
    path: Path
    folder: Path
    rate: float


def unpack_frames(
    manifest: pd.DataFrame,
    out: Path,
    *,
    rate: float,
    jobs: int = 1,
    progress: Progress | None = None,
) -> UnpackSummary:
    """Write whole frames of every video, `rate` of them per second, as JPEG of quality 95.

    Each is the first at or after its time; a video with fewer frames per second gives all of
    them. What cannot be read is named. Started again, it does what is missing.

    Args:
        manifest: its paths are absolute, as `read_manifest` gives them.
        progress: called with (videos done, videos in all).

    Raises:
        ConfigError: `rate` is not above 0, or there are no jobs.
        DataError: it is no manifest, or not one video could be read.
        OutputError: `out` holds other things, was begun otherwise, or cannot be written.
    """
    if not (math.isfinite(rate) and rate > 0):
        raise ConfigError(f"rate must be above 0 frames per second, got {rate}.")
    check_manifest(manifest, what="The manifest")
    folders = places(manifest, what="The manifest")
    claim(out, {"frames_per_second": rate}, marker=MARKER)
    sweep(out)
    tasks = [
        _Task(key, Path(path), out / folders[key], rate)
        for key, path in zip(manifest["video_key"], manifest["path"], strict=True)
        if not (out / folders[key]).is_dir()
    ]
    reasons = do_each(_write_frames, tasks, jobs=jobs, total=len(manifest), progress=progress)
    sweep(out)  # a worker that died may have left its folder
    written = {key: folder for key, folder in folders.items() if key not in reasons}
    labels = manifest.set_index("video_key")["label"].astype(int)
    return _finish(out, written, labels, videos=len(manifest), reasons=reasons)


def _write_frames(task: _Task) -> None:
    with replacing_folder(task.folder) as folder, open_media(task.path) as media:
        last = -1
        for raw in media.raw_frames():
            due = math.floor(raw.pts_seconds * task.rate + _EPSILON)
            if due > last:
                jpeg = encode_crop(raw.frame().image)
                (folder / f"{raw.frame_index:08d}.jpg").write_bytes(jpeg)
                last = due


def _finish(
    out: Path,
    written: dict[str, Path],
    labels: "pd.Series[int]",
    *,
    videos: int,
    reasons: dict[str, str],
) -> UnpackSummary:
    """Write the table of all pictures: where it stands, the run came to its end."""
    if not written:
        key, reason = next(iter(reasons.items()))
        raise DataError(f"Not one video could be unpacked; '{key}': {reason}")
    pictures = 0
    with (
        replacing(out / TABLE) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as f,
    ):
        table = csv.writer(f, lineterminator="\n")
        table.writerow(("path", "label", "video_key"))
        for key, folder in written.items():
            for name in sorted(path.name for path in (out / folder).iterdir()):
                table.writerow(((folder / name).as_posix(), labels[key], key))
                pictures += 1
    return UnpackSummary(
        videos, len(written), pictures, out / TABLE, tuple(sorted(reasons.items()))
    )


def _by_video(index: pd.DataFrame) -> Iterator[tuple[str, Ints]]:
    """The rows of each video; an index is sorted by it."""
    if not len(index):
        return
    codes = pd.factorize(index["video_key"])[0]
    ends = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(index)]
    for start, stop in pairwise(ends):
        yield str(index["video_key"].iloc[start]), np.arange(start, stop, dtype=np.int64)


def _chosen(frames: NDArray[np.integer], count: int, *, first: bool) -> NDArray[np.bool_]:
    """Tell of each face of a video whether its frame is among the chosen ones."""
    distinct = np.unique(frames)
    kept = distinct[:count] if first else spread(distinct, count=count)
    return np.isin(frames, kept)


def _small(name: str, values: NDArray[np.integer]) -> Streamed:
    return Streamed(name, values.shape, values.dtype, (values,))


def _repeated(name: str, words: list[str], counts: list[int]) -> Streamed:
    """Each word as often as it counts; never all in memory, where a letter takes four bytes."""
    kind = np.dtype(f"U{max(len(word) for word in words)}")
    parts = (np.full(count, word, kind) for word, count in zip(words, counts, strict=True))
    return Streamed(name, (sum(counts),), kind, parts)


def _silent(done: int, total: int) -> None:
    pass
