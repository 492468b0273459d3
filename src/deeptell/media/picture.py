"""Still pictures become upright 8-bit RGB images."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import PIL.Image
from PIL import ImageOps

from deeptell.errors import MediaError
from deeptell.records import Image

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

_ORIENTATION = 0x0112
# EXIF 2.3, table 6: the clockwise turn of each orientation; 2, 4, 5 and 7 are mirrored as well.
_DEGREES = {1: 0, 2: 0, 3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270}


def load_picture(path: Path) -> tuple[Image, str, int]:
    """Read a picture, or the first one of an animation.

    Returns:
        The upright `(H, W, 3)` uint8 RGB image, the name of the format ("jpeg"), and the
        clockwise turn in degrees that its EXIF orientation asked for and that was applied.

    Raises:
        MediaError: as `opened_picture`.
    """
    with opened_picture(path) as picture:
        kind = (picture.format or "unknown").lower()
        degrees = _DEGREES.get(picture.getexif().get(_ORIENTATION, 1), 0)
        upright = ImageOps.exif_transpose(picture)
        if upright.mode.startswith("I"):  # 16-bit grey, which Pillow would clip at 255
            grey = (np.asarray(upright, np.int64) // 257).clip(0, 255).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=2), kind, degrees
        return np.array(upright.convert("RGB"), dtype=np.uint8), kind, degrees


@contextmanager
def opened_picture(path: Path) -> Iterator[PIL.Image.Image]:
    """Open a picture, whose pixels are decoded when they are asked for.

    Raises:
        MediaError: the file is missing, empty, no picture, damaged, or above Pillow's limit of
            about 90 million pixels, where a small file could fill the memory.
    """
    if not path.is_file():
        raise MediaError(f"There is no file {path}: check the path.")
    if not path.stat().st_size:
        raise MediaError(f"The file {path} is empty.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(path) as picture:
                yield picture
    except (PIL.Image.DecompressionBombWarning, PIL.Image.DecompressionBombError):
        raise MediaError(
            f"The picture {path} has more than {PIL.Image.MAX_IMAGE_PIXELS} pixels: shrink it."
        ) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise MediaError(f"{path} cannot be read as a picture: {error}.") from None
