"""Cached embeddings: what an encoder makes of every sample of a store, computed once.

cache/
  embeddings.npy     (M, D) float16, a row per sample, in the order of the store's index
  samples.npz        rows and lengths of the samples; see `data.samples`
  embeddings.json    format, version, SHA-256 of the encoder and of the store
  encoder/           the encoder itself, so that what is trained on the cache is complete
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deeptell.data.samples import Samples
from deeptell.errors import DataError, StoreError
from deeptell.faces.store import FaceStore
from deeptell.files import replacing

FORMAT, VERSION = "deeptell-embeddings", 1
ENCODER = "encoder"
_HEAD, _VALUES, _SAMPLES, _PART = "embeddings.json", "embeddings.npy", "samples.npz", "part-{}.npy"


@dataclass(frozen=True)
class Origin:
    """What a cache was made from: hashes of the encoder and of the store."""

    encoder: str
    store: str


class Embeddings:
    """A finished cache, for reading.

    Raises:
        StoreError: no cache, unfinished, damaged, or of a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        origin = read_origin(path)
        if origin is None:
            raise StoreError(f"{path} holds no embeddings: make them with 'deeptell embed'.")
        if not (path / _VALUES).is_file():
            raise StoreError(
                f"The embeddings in {path} are unfinished: run 'deeptell embed' again."
            )
        self.origin = origin

    @cached_property
    def values(self) -> NDArray[np.float32]:
        """`(M, D)` float32.

        Raises:
            DataError: a value is NaN or infinite.
        """
        try:
            values = np.load(self.path / _VALUES, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.path / _VALUES} is damaged: {error}.") from None
        broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(broken):
            raise DataError(
                f"{len(broken)} embeddings in {self.path} are not finite, the first is "
                f"number {broken[0]}: the encoder is broken, make the cache anew."
            )
        return np.asarray(values, np.float32)

    @cached_property
    def samples(self) -> Samples:
        """The samples that were embedded."""
        try:
            with np.load(self.path / _SAMPLES, allow_pickle=False) as held:
                return Samples(held["rows"], held["lengths"])
        except (OSError, ValueError, KeyError) as error:
            raise StoreError(f"{self.path / _SAMPLES} is damaged: {error}.") from None

    def check(self, *, store: FaceStore | None = None, encoder: str | None = None) -> None:
        """Raise a `DataError` if the cache was made from another store or by another encoder."""
        if store is not None and store.fingerprint != self.origin.store:
            raise DataError(
                f"The embeddings in {self.path} were made from another store than {store.path} "
                f"is now (SHA-256 {self.origin.store[:12]}, not {store.fingerprint[:12]}): "
                "make them anew with 'deeptell embed'."
            )
        if encoder is not None and encoder != self.origin.encoder:
            raise DataError(
                f"The embeddings in {self.path} were made by another encoder (SHA-256 "
                f"{self.origin.encoder[:12]}) than the model's ({encoder[:12]})."
            )


def read_origin(path: Path) -> Origin | None:
    """What the cache in a folder is made from; None where there is none."""
    if not (path / _HEAD).is_file():
        return None
    try:
        head = json.loads((path / _HEAD).read_text(encoding="utf-8"))
        kind, version = head["format"], int(head["version"])
        origin = Origin(str(head["encoder"]), str(head["store"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path / _HEAD} is damaged: {error}.") from None
    if kind != FORMAT or version != VERSION:
        raise StoreError(
            f"{path} holds {kind} of version {version}; this deeptell reads {VERSION}."
        )
    return origin


def begin(path: Path, origin: Origin) -> None:
    """Claim a folder for a cache, or go on with the same one.

    Raises:
        DataError: another encoder's or store's cache is there.
    """
    found = read_origin(path)
    if found is not None and found != origin:
        what = "another encoder" if found.store == origin.store else "another store"
        raise DataError(f"{path} holds the embeddings of {what}: give these another folder.")
    with replacing(path / _HEAD) as temporary:
        head = {"format": FORMAT, "version": VERSION, "encoder": origin.encoder}
        head["store"] = origin.store
        temporary.write_text(json.dumps(head, indent=2) + "\n", encoding="utf-8")


def missing_parts(path: Path, count: int) -> list[int]:
    """Numbers of the parts that are not written yet."""
    if (path / _VALUES).is_file():
        return []
    return [part for part in range(count) if not (path / _PART.format(part)).is_file()]


def write_part(path: Path, part: int, values: NDArray[np.float32]) -> None:
    """Keep one part of the embeddings, whole or not at all."""
    with replacing(path / _PART.format(part)) as temporary, temporary.open("wb") as file:
        np.save(file, values.astype(np.float16))


def finish(path: Path, samples: Samples, count: int) -> None:
    """Join the parts into one array; where that is done already, do nothing."""
    if (path / _VALUES).is_file():
        return
    parts = [path / _PART.format(part) for part in range(count)]
    with replacing(path / _SAMPLES) as temporary, temporary.open("wb") as file:
        np.savez(file, rows=samples.rows, lengths=samples.lengths)
    with replacing(path / _VALUES) as temporary:
        _join(temporary, parts, rows=len(samples))
    for part in parts:
        part.unlink()


def _join(target: Path, parts: Iterable[Path], *, rows: int) -> None:
    joined: NDArray[np.float16] | None = None
    start = 0
    for values in map(np.load, parts):
        if joined is None:
            shape = (rows, values.shape[1])
            joined = np.lib.format.open_memmap(target, mode="w+", dtype=np.float16, shape=shape)
        joined[start : start + len(values)] = values
        start += len(values)
