"""Stored real faces become self-blends, and what these are to be told from; both as stored faces.

A forged video is encoded before its faces are stored; a blend of stored faces is not. So that no
codec tells the two classes apart, real and pseudo-fake go the same way: decoded, changed or
blended, in half of the draws sent through a JPEG of the same quality, and encoded again as the
store encodes. What `inputs.cut` then decodes is a crop like any other. Real faces that stand beside
self-blends are therefore encoded once more than those beside the store's own fakes; within each
pair there is no difference.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from deeptell.faces.crop import encode_crop
from deeptell.faces.store import FaceStore
from deeptell.forge.self_blend import SelfBlend
from deeptell.records import Image, StoredCrop

_STREAM = 1  # of random numbers: that of the augmentation, drawn from the same number, is another


def self_blended(crops: Sequence[StoredCrop], *, draw: int, fake: bool) -> list[StoredCrop]:
    """Blend the real faces of one sample, all alike.

    Args:
        draw: equal draws give equal blends.
        fake: the self-blends; or else the real faces they are to be told from, which differ from
            the stored ones where a blend changes its target.
    """
    blend = _blend(draw)
    return [replace(crop, jpeg=encode_crop(_picture(crop, blend, fake=fake))) for crop in crops]


def reader(
    store: FaceStore, *, frames: int, fake: bool
) -> Callable[[Sequence[int]], list[StoredCrop]]:
    """Reads samples of a store as their self-blends, or as what these are to be told from.

    The rows asked for are those of whole samples of so many `frames`; the first row of each is
    its draw, so that a sample is blended in the same way each time.
    """

    def read(rows: Sequence[int]) -> list[StoredCrop]:
        crops = store.read(rows)
        return [
            crop
            for start in range(0, len(rows), frames)
            for crop in self_blended(crops[start : start + frames], draw=rows[start], fake=fake)
        ]

    return read


@lru_cache(maxsize=1)  # both of a pair are asked for one after the other
def _blend(draw: int) -> SelfBlend:
    return SelfBlend.draw(np.random.default_rng((draw, _STREAM)))


def _picture(crop: StoredCrop, blend: SelfBlend, *, fake: bool) -> Image:
    if not fake:
        return blend.real(crop.image)
    return blend.fake(crop.image, crop.face_in_crop)[0]
