"""One decoded frame of any pixel format becomes an upright 8-bit RGB image."""

import math
from functools import cache
from typing import Any, Literal

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from deeptell.records import Image

Transfer = Literal["sdr", "pq", "hlg"]

# AVColorTransferCharacteristic and AVColorSpace, as numbered in ITU-T H.273.
_TRANSFERS: dict[int, Transfer] = {16: "pq", 18: "hlg"}
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_RGB = 0
_FULL_RANGE = 2
_HD_HEIGHT = 720

# Tone mapping: diffuse white of BT.2408 (203 cd/m2) becomes 1.0, and what is brighter is rolled
# off so that 1,000 cd/m2, the peak most HDR material is graded for, just reaches white.
_DIFFUSE_WHITE = 203.0
_PEAK = 1000.0
_BT2020_TO_BT709 = np.array(
    [
        [1.660491, -0.587641, -0.072850],
        [-0.124550, 1.132900, -0.008349],
        [-0.018151, -0.100579, 1.118730],
    ],
    np.float32,
)
_LUMINANCE_BT709 = np.array([[0.2126, 0.7152, 0.0722]], np.float32)


def transfer_of(frame: av.VideoFrame) -> Transfer:
    """Name the transfer function: "pq" and "hlg" are HDR, everything else is taken as SDR."""
    return _TRANSFERS.get(int(frame.color_trc), "sdr")


class Upright:
    """Turns the frames of one video into upright RGB; it keeps the scaler's tables between them.

    The first frame sets the geometry: its size, and the display matrix that phones write instead
    of turning the pixels. A later frame of another size is scaled to the first one's, so that one
    system of coordinates holds for the whole video.
    """

    def __init__(self, first: av.VideoFrame) -> None:
        self.transfer = transfer_of(first)
        self._coded_size = (first.width, first.height)
        self.mirrored, self.rotation_degrees = _display_matrix(first)
        self._full, self._small = VideoReformatter(), VideoReformatter()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height after rotation."""
        width, height = self._coded_size
        return (height, width) if self.rotation_degrees % 180 else (width, height)

    def image(self, frame: av.VideoFrame) -> Image:
        """Convert one frame, `(H, W, 3)` uint8 RGB, full range, HDR tone-mapped to SDR."""
        if self.transfer == "sdr":
            return self._turned(_rgb(self._full, frame, size=self._coded_size, kind="rgb24"))
        deep = _rgb(self._full, frame, size=self._coded_size, kind="rgb48le")
        return self._turned(tone_map(deep, self.transfer))

    def thumbnail(self, frame: av.VideoFrame, *, side: int) -> Image:
        """Shrink one frame to `(side, side, 3)` uint8, averaged over areas, not tone-mapped."""
        return self._turned(_rgb(self._small, frame, size=(side, side), kind="rgb24"))

    def _turned(self, image: Image) -> Image:
        if self.mirrored:
            image = image[:, ::-1]
        return np.ascontiguousarray(np.rot90(image, -self.rotation_degrees // 90))


def _rgb(
    scaler: VideoReformatter, frame: av.VideoFrame, *, size: tuple[int, int], kind: str
) -> NDArray[Any]:
    """Let swscale convert and scale with the frame's own matrix and range.

    Where a file does not name its matrix we do as players do: BT.709 from 720 lines up, else
    BT.601.
    """
    matrix, value_range = None, None
    if int(frame.colorspace) != _RGB:
        unnamed = Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601
        matrix = _MATRICES.get(int(frame.colorspace), unnamed)
        full = int(frame.color_range) == _FULL_RANGE or frame.format.name.startswith("yuvj")
        value_range = ColorRange.JPEG if full else ColorRange.MPEG
    converted = scaler.reformat(
        frame,
        width=size[0],
        height=size[1],
        format=kind,
        src_colorspace=matrix,
        src_color_range=value_range,
        dst_color_range=ColorRange.JPEG,
        interpolation=Interpolation.AREA,
        threads=1,
    )
    return np.asarray(converted.to_ndarray())


def _display_matrix(frame: av.VideoFrame) -> tuple[bool, int]:
    """Return whether to mirror the frame, and the clockwise turn (degrees) to apply after that."""
    matrix = frame.side_data.get(SideDataType.DISPLAYMATRIX)
    if matrix is None:
        return False, 0
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32, 5).astype(float)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return mirrored, round(math.degrees(math.atan2(b, a)) / 90) % 4 * 90


def tone_map(pixels: NDArray[np.uint16], transfer: Transfer) -> NDArray[np.uint8]:
    """Map HDR to SDR: BT.2020 PQ or HLG code values become BT.709 ones.

    Linearise, convert the primaries, compress luminance with Reinhard's extended curve
    (Reinhard et al. 2002, eq. 4), and encode with the sRGB curve. One fixed curve for every frame,
    so that brightness does not pump as it would with a curve fitted to each.

    Args:
        pixels: `(H, W, 3)` uint16 RGB, full range.
    """
    light = cv2.transform(_linear_table(transfer)[pixels], _BT2020_TO_BT709)
    np.clip(light, 0.0, None, out=light)
    luminance = cv2.transform(light, _LUMINANCE_BT709)[..., None]
    white = np.float32(_PEAK / _DIFFUSE_WHITE)
    light *= (1 + luminance / white**2) / (1 + luminance)
    np.clip(light, 0.0, 1.0, out=light)
    codes = _srgb_table()[(light * np.float32(65535) + np.float32(0.5)).astype(np.uint16)]
    return np.asarray(codes, dtype=np.uint8)


@cache
def _linear_table(transfer: Transfer) -> NDArray[np.float32]:
    """Light for each of 65,536 code values, 1.0 = diffuse white (ITU-R BT.2100, tables 4, 5)."""
    code = np.arange(65536) / 65535
    if transfer == "pq":
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        power = code ** (1 / m2)
        nits = 10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
        # The display's gamma of 1.2 is applied per channel: simpler, and close for faces.
        nits = 1000 * scene**1.2
    return np.asarray(nits / _DIFFUSE_WHITE, dtype=np.float32)


@cache
def _srgb_table() -> NDArray[np.uint8]:
    light = np.arange(65536) / 65535
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(code * 255).astype(np.uint8)
