"""The masks of forged videos, cut like the faces that a model takes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deeptell.errors import DataError
from deeptell.faces.crop import cut_crop, store_crop
from deeptell.inputs import InputSpec, cut
from deeptell.media.decode import open_media
from deeptell.records import Frame, Image, StoredCrop

_HALF = 128  # of 255: masks are filmed, cut and shrunk like faces, which softens their edges


def mask_folder(benchmark: Path, method: str) -> Path:
    """Where a tree in the layout of FaceForensics++ keeps the masks of a manipulation.

    A mask has the name of its video.
    """
    return benchmark / "manipulated_sequences" / method / "masks" / "videos"


def inside(
    crops: Sequence[StoredCrop], spec: InputSpec, path: Path, *, size: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which pixels of a model's input were manipulated.

    The mask's frame goes the way of the video's: cut around the same face, stored, and cut again.

    Args:
        crops: faces of the video that the mask belongs to, `spec.frames` for each sample.
        path: the mask.
        size: width and height of that video.

    Returns:
        `(N, spec.frames, size, size)`.

    Raises:
        DataError: there is no such mask, or it does not show the frames of these faces.
        MediaError: it cannot be read.
    """
    if not path.is_file():
        raise DataError(f"There is no mask {path}: take the masks that belong to the videos.")
    masks = _frames(path, {crop.frame_index for crop in crops})
    for mask in masks.values():
        if mask.shape[1::-1] != size:
            raise DataError(
                f"The mask {path} has {mask.shape[1]} x {mask.shape[0]} pixels, its video "
                f"{size[0]} x {size[1]}: it belongs to another one."
            )
    squares = np.array([_cut_alike(crop, masks, spec, path) for crop in crops])
    return squares.reshape(-1, spec.frames, spec.size, spec.size)


def _frames(path: Path, wanted: set[int]) -> dict[int, Image]:
    with open_media(path) as media:
        return {
            raw.frame_index: raw.frame().image
            for raw in media.raw_frames()
            if raw.frame_index in wanted
        }


def _cut_alike(
    crop: StoredCrop, masks: dict[int, Image], spec: InputSpec, path: Path
) -> NDArray[np.bool_]:
    if crop.frame_index not in masks:
        raise DataError(
            f"The mask {path} ends before frame {crop.frame_index}, in which there is a face: it "
            "belongs to another video."
        )
    frame = Frame(masks[crop.frame_index], crop.frame_index, crop.pts_seconds)
    mask = store_crop(cut_crop(frame, crop.face, crop.track))
    return np.asarray(cut(mask, spec)[..., 0] >= _HALF)
