"""What data are, whatever they are called and wherever they lie: hashes without paths."""

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from deeptell.data.manifest import COLUMNS
from deeptell.data.samples import keys_of, video_codes
from deeptell.faces.store import FaceStore

# What `probe` adds, by which copies are told, and how a split was made: leaks depend on it.
_FURTHER = ("sha256", "phash", "split_by")
_ROWS_AT_ONCE = 100_000
MARK = 12  # hexadecimal digits; a false alarm among a million videos has odds of 1 to 280


def videos_fingerprint(videos: pd.DataFrame) -> str:
    """SHA-256 over what a manifest says of its videos; not over paths or the order of rows."""
    named = [name for name in (*COLUMNS, *_FURTHER) if name in videos and name != "path"]
    rows = videos.sort_values("video_key")[named]
    digest = hashlib.sha256("\x1f".join(named).encode())
    for row in rows.astype(object).where(rows.notna(), "").itertuples(index=False):
        digest.update(("\x1e" + "\x1f".join(map(str, row))).encode())
    return digest.hexdigest()


def content_of(store: FaceStore) -> str:
    """SHA-256 over a store's faces and what is said of them.

    Of each face that is its place in the video and the frame and the length of its JPEG, and of
    each video the whole first face. Unlike `FaceStore.fingerprint` it stays the same where the
    videos lay elsewhere.
    """
    digest = hashlib.sha256(videos_fingerprint(store.videos).encode())
    digest.update("".join(_first_faces(store, store.videos["video_key"]).values()).encode())
    for start in range(0, len(store.index), _ROWS_AT_ONCE):
        end = min(start + _ROWS_AT_ONCE, len(store.index))
        digest.update(store.rows(np.arange(start, end)).tobytes())
    return digest.hexdigest()


def marks_of(store: FaceStore, video_keys: Iterable[str]) -> dict[str, str]:
    """For each video with a face, the marks by which it is known in any store, a space between.

    One is of its first face: where a store was made with other settings, that is another. One is
    of its look, where `probe` noted it, which is the same in all of them. Names do not tell: every
    generated benchmark has a video '000', of another person.
    """
    faces, videos = _first_faces(store, video_keys), store.videos.set_index("video_key")
    looks = videos["phash"].fillna("") if "phash" in videos else pd.Series("", videos.index)
    return {key: f"{mark} {_mark(looks[key])}".strip() for key, mark in faces.items()}


def recognised(store: FaceStore, video_keys: Iterable[str], marks: str) -> list[str]:
    """The keys of the videos that have one of these marks, as `marks_of` gives them, sorted."""
    known = set(marks.split())
    here = marks_of(store, video_keys) if known else {}
    return sorted(key for key, mark in here.items() if known.intersection(mark.split()))


def _mark(look: str) -> str:
    return hashlib.sha256(look.encode()).hexdigest()[:MARK] if look else ""


def _first_faces(store: FaceStore, video_keys: Iterable[str]) -> dict[str, str]:
    """A short hash of the first face of each video that has one."""
    codes, _ = video_codes(store.index)
    first = np.flatnonzero(np.diff(codes, prepend=-1)).astype(np.int64)
    keys = keys_of(store.index, first)
    wanted = keys.isin(set(video_keys))
    crops = (store.read([row])[0] for row in first[wanted].tolist())
    marks = [hashlib.sha256(crop.jpeg).hexdigest()[:MARK] for crop in crops]
    return dict(zip(keys[wanted], marks, strict=True))
