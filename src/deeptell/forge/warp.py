"""Carrying one face onto another by landmarks: a thin-plate spline and the hull of the points."""

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.forge.head import Map
from deeptell.forge.render import Surface
from deeptell.records import Image

_GRID = 24  # the spline is solved on this many points a side and interpolated between them


def hull_cover(points: NDArray[np.float64], surface: Surface) -> Map:
    """The hull of points of the frame as the surface's region sees it, 0 or 1."""
    hull = cv2.convexHull((points - [surface.left, surface.top]).astype(np.float32))
    filled = np.zeros(surface.cover.shape, np.uint8)
    cv2.fillConvexPoly(filled, (hull * 16).astype(np.int32), 1, shift=4)
    return filled.astype(np.float32)


def warp_image(
    image: Image, here: NDArray[np.float64], there: NDArray[np.float64], surface: Surface
) -> Map:
    """Bring the points `there` of an image to the points `here`, over the surface's region."""
    height, width = surface.cover.shape
    grid_x = np.linspace(surface.left, surface.left + width - 1, _GRID)
    grid_y = np.linspace(surface.top, surface.top + height - 1, _GRID)
    grid = np.stack(np.meshgrid(grid_x, grid_y), -1).reshape(-1, 2)
    at = thin_plate(here, there, grid).reshape(_GRID, _GRID, 2).astype(np.float32)
    spread_x = np.linspace(0, _GRID - 1, width, dtype=np.float32)
    spread_y = np.linspace(0, _GRID - 1, height, dtype=np.float32)
    fine = cv2.remap(at, *np.meshgrid(spread_x, spread_y), cv2.INTER_LINEAR)
    patch = cv2.remap(image, fine[..., 0], fine[..., 1], cv2.INTER_LINEAR)
    return np.asarray(patch, dtype=np.float32)


def thin_plate(
    here: NDArray[np.float64], there: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Carry points `(M, 2)` by the thin-plate spline that takes `here` `(N, 2)` to `there`."""
    count = len(here)
    affine = np.column_stack([np.ones(count), here])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _bend(here, here) + 1.0 * np.eye(count)
    system[:count, count:], system[count:, :count] = affine, affine.T
    weights = np.linalg.solve(system, np.vstack([there, np.zeros((3, 2))]))
    plane = np.column_stack([np.ones(len(points)), points])
    return np.asarray(_bend(points, here) @ weights[:count] + plane @ weights[count:])


def _bend(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    square = ((a[:, None] - b[None]) ** 2).sum(2)
    return np.asarray(square * np.log(square + 1e-9))
