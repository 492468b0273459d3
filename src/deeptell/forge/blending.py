"""Laying a forged face over a frame: colours and detail nearly match, and the rim is soft."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.forge.head import Map
from deeptell.forge.render import Surface
from deeptell.forge.scene import Camera
from deeptell.records import Image

Mask = NDArray[np.uint8]

# The bands whose strength is matched: the sigma below which each lies.
BANDS = (0.6, 0.9, 1.4, 2.1, 3.2)
_FINE = 1.6  # sigma below which detail is the finest
_LEAST_GAIN, _MOST_GAIN = 0.4, 2.5
_GRAIN_SIZE = 256  # no face is larger


@dataclass(frozen=True, slots=True)
class Blender:
    """How well the parts of one forged clip fit: errors that stay, and one that flickers."""

    bias: NDArray[np.float64]  # (3,) error of the colour, 8-bit levels
    flicker: float  # standard deviation of its change from frame to frame
    crispness: NDArray[np.float64]  # (bands,) detail in the mask relative to the target's
    camera: Camera = field(repr=False)  # of the target
    noise: NDArray[np.float64]  # (bands,) power of the camera's noise of unit variance
    rim: float  # sigma of the soft rim of the mask, pixels
    grain: Map = field(repr=False)  # (bands, H, W) noise of unit variance that goes with the face

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        camera: Camera,
        *,
        bias: float,
        flicker: float,
        rim: tuple[float, float],
        crispness: tuple[float, ...] = (1, 1, 1, 1, 1),
    ) -> "Blender":
        """Draw a clip's errors; the colour's is never far below `bias`, in either direction.

        Args:
            crispness: of the bands from fine to coarse, on average over clips. What a codec
                takes from made-up detail, and not from a camera's, is added here.
        """
        grey = rng.choice([-1, 1]) * rng.uniform(0.7, 1.4) * bias
        return cls(
            bias=grey + rng.normal(0, 0.35 * bias, 3),
            flicker=flicker,
            crispness=np.array(crispness) * np.exp(rng.normal(0, 0.28, len(BANDS))),
            camera=camera,
            noise=np.array([band.var() for band in _split(camera.grain[:128, :128])[0]]),
            rim=rng.uniform(*rim),
            grain=make_grain(rng, (_GRAIN_SIZE, _GRAIN_SIZE)),
        )

    def blend(
        self,
        image: Image,
        patch: Map,
        cover: Map,
        pattern: Map,
        surface: Surface,
        rng: np.random.Generator,
        *,
        fine: Map | None = None,
    ) -> tuple[Image, Mask]:
        """Match the patch to the target inside the cover and lay it over the frame.

        Args:
            image: the target's frame.
            patch: what goes into the surface's region, levels `(h, w, 3)`.
            cover: where, `(h, w)` in [0, 1].
            pattern: the fingerprint of what made the patch, levels `(h, w)`.
            fine: where the finest detail comes from the patch too, `(h, w)` in [0, 1]; elsewhere
                it stays the target's (multi-band blending, Burt and Adelson 1983).

        Returns:
            The forged frame and its mask, 255 where pixels were replaced.
        """
        mask = soften(cover, self.rim)
        within = _extent(mask)
        if within is None:
            return untouched(image)
        region = _shifted(within, surface)
        mask, here = mask[within], image[region].astype(np.float32)
        noise = self.noise * float(self.camera.noise_at(here[mask > 0.5]).mean()) ** 2
        matched = match_colour(patch[within], here, mask)
        matched = match_detail(
            matched,
            here,
            mask,
            pattern[within],
            self.grain,
            noise=noise,
            crispness=self.crispness,
        )
        matched += (self.bias + rng.normal(0, self.flicker, 3)).astype(np.float32)
        forged, whole = image.copy(), np.zeros(image.shape[:2], np.uint8)
        change = matched - here
        if fine is not None:
            sharp = change - cv2.GaussianBlur(change, (0, 0), _FINE)
            change -= (1 - fine[within])[..., None] * sharp
        mixed = here + mask[..., None] * change
        forged[region] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)
        whole[region] = np.where(mask > 0.1, 255, 0)
        return forged, whole


def untouched(image: Image) -> tuple[Image, Mask]:
    """A frame in which there was nothing to forge."""
    return image, np.zeros(image.shape[:2], np.uint8)


def soften(cover: Map, sigma: float) -> Map:
    """Turn a hard cover into a soft mask that ends where the cover does."""
    smooth = cv2.GaussianBlur(cover, (0, 0), sigma)
    return np.asarray(np.clip(smooth * 2 - 1, 0, 1))


def match_colour(patch: Map, reference: Map, mask: Map) -> Map:
    """Give the patch the reference's mean and spread per channel, weighted by the mask."""
    weight = mask / max(float(mask.sum()), 1e-6)
    means = [np.tensordot(weight, image, 2) for image in (patch, reference)]
    spreads = [
        np.sqrt(np.tensordot(weight, (image - mean) ** 2, 2)) + 1.0
        for image, mean in zip((patch, reference), means, strict=True)
    ]
    ratio = np.clip(spreads[1] / spreads[0], 0.7, 1.4)
    return np.asarray((patch - means[0]) * ratio + means[1], dtype=np.float32)


def match_detail(
    patch: Map,
    reference: Map,
    mask: Map,
    pattern: Map,
    grain: Map,
    *,
    noise: Sequence[float] | NDArray[np.float64],
    crispness: Sequence[float] | NDArray[np.float64],
) -> Map:
    """Add the pattern, and bring the detail of both to the strength of the reference's.

    What a blending stage does so that a swap does not look blurred. Five bands are matched inside
    the mask; what sharpening within reason does not give is made up with grain. The strength
    agrees, while the detail is that of a small, amplified picture.

    Args:
        pattern: `(H, W)` levels.
        grain: from `make_grain`, at least as large.
        noise: of each band, the power in the reference that is a camera's noise and no detail.
        crispness: of each band, the strength relative to the reference's.
    """
    height, width = mask.shape
    bands, rest = _split(np.dstack([patch, reference, pattern]))
    weight = mask / max(float(mask.sum()), 1e-6)
    power = np.stack([np.tensordot(weight, band * band, 2) for band in bands]) + 1e-3
    own = power[:, :3].mean(1)
    wanted = np.maximum(power[:, 3:6].mean(1) - noise, 1e-3)
    wanted = wanted * np.square(crispness)
    wanted = np.maximum(wanted - power[:, 6], 1e-3)
    gains = np.clip(np.sqrt(wanted / own), _LEAST_GAIN, _MOST_GAIN)
    missing = np.sqrt(np.maximum(wanted - gains**2 * own, 0))
    result = rest[..., :3] + pattern[..., None]
    for band, gain, dots, lack in zip(bands, gains, grain, missing, strict=True):
        result += band[..., :3] * np.float32(gain)
        result += dots[:height, :width, None] * np.float32(lack)
    return np.asarray(result)


def _split(image: Map) -> tuple[list[Map], Map]:
    """Split an image into the bands, from fine to coarse, and what is left of it."""
    bands = []
    for sigma in BANDS:
        smooth = cv2.GaussianBlur(image, (0, 0), sigma)
        bands.append(image - smooth)
        image = smooth
    return bands, image


def make_grain(rng: np.random.Generator, shape: tuple[int, int]) -> Map:
    """Grey noise of unit variance in each of the bands, `(bands, H, W)`."""
    bands, _ = _split(rng.standard_normal(shape, dtype=np.float32))
    return np.stack([band / band.std() for band in bands])


def _extent(mask: Map) -> tuple[slice, slice] | None:
    """Rows and columns in which the mask is not empty, with some room."""
    found = [np.flatnonzero((mask > 0).any(axis)) for axis in (1, 0)]
    if not len(found[0]):
        return None
    rows, columns = (slice(max(0, int(f[0]) - 4), int(f[-1]) + 5) for f in found)
    return rows, columns


def _shifted(within: tuple[slice, slice], surface: Surface) -> tuple[slice, slice]:
    height, width = surface.cover.shape
    rows, columns = within
    return (
        slice(rows.start + surface.top, min(rows.stop, height) + surface.top),
        slice(columns.start + surface.left, min(columns.stop, width) + surface.left),
    )
