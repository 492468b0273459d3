"""Arrays larger than memory become one .npz, written part by part and the same bytes each time."""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deeptell.files import replacing

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip knows; a clock would change the bytes


@dataclass(frozen=True, slots=True)
class Streamed:
    """An array of known shape and kind whose parts, along its first axis, are still to come."""

    name: str
    shape: tuple[int, ...]
    kind: np.dtype[Any]
    parts: Iterable[NDArray[Any]]


def write_arrays(path: Path, arrays: Iterable[Streamed]) -> None:
    """Write arrays, one after the other, as `np.savez` would; `np.load` reads them without pickle.

    Raises:
        OutputError: the file cannot be written.
    """
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for array in arrays:
            _write(archive, array)


def _write(archive: zipfile.ZipFile, array: Streamed) -> None:
    member = zipfile.ZipInfo(f"{array.name}.npy", date_time=_EPOCH)
    header = {
        "descr": np.lib.format.dtype_to_descr(array.kind),
        "fortran_order": False,
        "shape": array.shape,
    }
    count = 0
    with archive.open(member, "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in array.parts:
            file.write(np.ascontiguousarray(part, array.kind).tobytes())
            count += len(part)
    if count != array.shape[0]:
        raise ValueError(f"{array.name}: {array.shape[0]} were promised, {count} came")
