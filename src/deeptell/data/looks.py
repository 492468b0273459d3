"""What a video looks like, in 768 bits: copies stay near each other however they are encoded.

Each of three frames gives the signs of its 16 x 16 lowest DCT coefficients about their median, as
in pHash (Zauner, 2010), which takes 8 x 8. Those were not enough here: of 30,000 pairs of portraits
of different people before the same wall, 5 lay within 8 % of 64 bits, and none within 12 % of 256.

Measured as the share of bits that differ, on 41 real clips and forgeries of up to 12 s and their
copies at c23, c40, c40 at half the size, and c28 at 320 px: at most 7.0 %. Different clips: 28 %
and more. The two halves of one clip, which stand for two clips of one person in one room: 3 to
53 %; 9 of the 41 cannot be told from a copy, where the person hardly moves. Pictures without any
edge are the blind spot: the signs of coefficients near nothing are noise.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.records import Image

PLACES = (0.1, 0.4, 0.7)  # where in a video its frames are taken: titles and credits are left out
SIDE = 64  # pixels of the thumbnails

COPY = 0.075  # share of bits that differ between copies, at most
SCENE = 0.15  # ... between clips of one scene, at most

_KEPT = 16  # coefficients each way
_DIGITS = _KEPT * _KEPT // 4
_FLAT = 2.0  # grey levels of deviation below which a frame, such as a black one, has no look

# The 8 x 8 lowest coefficients alone find the pairs worth comparing; copies lie within 7 % there.
_COARSE = np.flatnonzero(np.tile(np.pad(np.ones((8, 8), bool), (0, 8)).ravel(), len(PLACES)))
_COARSE_LIMIT = 0.25
_TILE = 2048  # looks each way: 16 MB of products
_ONES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(axis=1)

Pairs = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def look_of(images: Sequence[Image]) -> str:
    """Hash each of at most three thumbnails `(64, 64, 3)`: 64 hexadecimal digits, comma-joined.

    Flat ones give "" in their place; where all are flat the look is "".
    """
    hashes = [_hash(image) for image in images]
    return ",".join(hashes) if any(hashes) else ""


def _hash(image: Image) -> str:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    if grey.std() < _FLAT:
        return ""
    lowest = cv2.dct(grey)[:_KEPT, :_KEPT].ravel()
    return np.packbits(lowest > np.median(lowest)).tobytes().hex()


def packed(looks: Sequence[str]) -> NDArray[np.uint8]:
    """The bits of looks that are not "", `(N, 96)`; what a look lacks is filled from before."""
    content = bytes.fromhex("".join(map(_filled, looks)))
    return np.frombuffer(content, np.uint8).reshape(len(looks), len(PLACES) * _DIGITS // 2)


def _filled(look: str) -> str:
    hashes = look.split(",")[: len(PLACES)]
    last = next(name for name in hashes if name)
    filled = []
    for place in range(len(PLACES)):
        last = (hashes[place] if place < len(hashes) else "") or last
        filled.append(last)
    return "".join(filled)


def is_look(text: str) -> bool:
    """Whether a text from a table is a look, and not "" or a hash of another kind."""
    hashes = [name for name in text.split(",") if name]
    return bool(hashes) and all(
        len(name) == _DIGITS and not set(name) - set("0123456789abcdef") for name in hashes
    )


def close_pairs(
    ones: NDArray[np.uint8], others: NDArray[np.uint8], *, within: float
) -> Iterator[Pairs]:
    """Find all pairs whose looks differ in at most this share of bits, in tiles.

    Products of matrices compare everything with everything: 100,000 looks on three sides (70, 15
    and 15 %) in 12 s on one core. Of one array with itself, each pair comes at least once, and
    every row with itself.

    Args:
        ones, others: `(N, 96)` and `(M, 96)`, from `packed`.

    Yields:
        Three arrays: rows of `ones`, rows of `others`, and the share of bits that differ.
    """
    signs, other_signs = _signs(ones), _signs(others)
    least = (1 - 2 * _COARSE_LIMIT) * len(_COARSE)
    for row in range(0, len(ones), _TILE):
        tile = signs[row : row + _TILE].astype(np.float32)
        for column in range(row if others is ones else 0, len(others), _TILE):
            near = tile @ other_signs[column : column + _TILE].T.astype(np.float32) >= least
            if not near.any():  # which is far faster than to look where
                continue
            first, second = np.nonzero(near)
            first, second = first + row, second + column
            differing = _ONES[ones[first] ^ others[second]].sum(axis=1, dtype=np.int64)
            shares = differing / (8 * ones.shape[1])
            found = shares <= within
            yield first[found], second[found], shares[found]


def _signs(bits: NDArray[np.uint8]) -> NDArray[np.int8]:
    """-1 or 1 for every coarse bit: their product is the bits that agree less those that do not."""
    return np.unpackbits(bits, axis=1)[:, _COARSE].astype(np.int8) * 2 - 1
