"""A head in a pose becomes pixels: rays to the displaced skull, texture look-up, light.

Every pixel of a region around the head sends a parallel ray to the ellipsoid; a few fixed-point
steps find where it meets the relief, so that turning the head shows true parallax.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.forge.features import draw_eyes, draw_mouth, raise_brows
from deeptell.forge.head import COLOUR_SIZE, RELIEF_SIZE, Head, Map, to_map
from deeptell.forge.motion import Expression, Pose

_STEPS = 3
_REACH = 1.27  # nothing of a head lies farther out than this, in radii of the skull


@dataclass(frozen=True, slots=True)
class Light:
    """A key light, a soft light from above, and how shiny skin looks under them."""

    direction: tuple[float, float, float]  # unit, from the head towards the light, camera axes
    key: tuple[float, float, float]  # linear RGB
    ambient: tuple[float, float, float]
    softness: float  # 0 a hard lamp, 1 an overcast sky
    shine: float


@dataclass(frozen=True, slots=True)
class Surface:
    """What the pixels of a region see of a head; all maps are (height, width) float32."""

    left: int
    top: int
    x: Map  # where on the front of the head, head units
    y: Map
    u: Map  # where on its maps
    v: Map
    depth: Map  # z of the unit direction
    cover: Map  # 1 inside the outline, 0 outside

    @property
    def region(self) -> tuple[slice, slice]:
        """Rows and columns of the frame."""
        height, width = self.cover.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def rotation(pose: Pose) -> NDArray[np.float64]:
    """The matrix from head axes to camera axes."""
    (sy, sp, sr), (cy, cp, cr) = (f([pose.yaw, pose.pitch, pose.roll]) for f in (np.sin, np.cos))
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return np.asarray(roll @ pitch @ yaw)


def project(head: Head, pose: Pose, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project points `(N, 2)` on the front of the head (x, y in head units) to pixels `(N, 2)`."""
    axes = np.array(head.person.axes)
    flat = points / axes[:2]
    depth = np.sqrt(np.clip(1 - (flat**2).sum(1), 0.02, None))
    at = to_map((flat / (1 + depth)[:, None]).astype(np.float32), RELIEF_SIZE).round().astype(int)
    radius = 1 + head.relief[at[:, 1], at[:, 0]]
    solid = np.column_stack([flat, depth]) * axes * radius[:, None]
    return np.asarray(solid @ rotation(pose)[:2].T * pose.scale + [pose.x, pose.y])


def trace(head: Head, pose: Pose, size: tuple[int, int]) -> Surface | None:
    """Find what a frame of `size` (height, width) sees of the head; None where it is outside."""
    region = _region(head, pose, size)
    if region is None:
        return None
    left, top, right, bottom = region
    axes = np.array(head.person.axes)
    turn = rotation(pose).T / axes[:, None]
    across = (np.arange(left, right, dtype=np.float32) - np.float32(pose.x)) / pose.scale
    down = (np.arange(top, bottom, dtype=np.float32) - np.float32(pose.y)) / pose.scale
    origin = [
        (turn[i, 0] * across)[None].astype(np.float32)
        + (turn[i, 1] * down)[:, None].astype(np.float32)
        for i in range(3)
    ]
    n, u, v, cover = _meet(head, origin, turn[:, 2].astype(np.float32), pose.scale)
    x, y = n[0] * np.float32(axes[0]), n[1] * np.float32(axes[1])
    return Surface(left, top, x, y, u, v, n[2], cover)


def _region(head: Head, pose: Pose, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    half = np.abs(rotation(pose)[:2]) ** 2 @ np.array(head.person.axes) ** 2
    reach = np.sqrt(half) * (_REACH * pose.scale)
    left, top = (max(0, int(c - r)) for c, r in zip((pose.x, pose.y), reach, strict=True))
    right, bottom = min(size[1], int(pose.x + reach[0])), min(size[0], int(pose.y + reach[1]))
    return (left, top, right, bottom) if right - left > 4 and bottom - top > 4 else None


def _meet(
    head: Head, origin: list[Map], ray: NDArray[np.float32], scale: float
) -> tuple[list[Map], Map, Map, Map]:
    """Directions, map coordinates and cover where rays meet the displaced ellipsoid."""
    square = float(ray @ ray)
    along = sum((o * r for o, r in zip(origin, ray, strict=True)), np.float32(0))
    length = sum((o * o for o in origin), np.float32(0))
    nearest = np.sqrt(np.maximum(length - along * along / square, 1e-6))
    radius: Map | np.float32 = np.float32(1)
    for _ in range(_STEPS):
        inside = np.maximum(along * along - square * (length - radius * radius), 0)
        t = (np.sqrt(inside) - along) * np.float32(1 / square)
        norm = 1 / np.maximum(radius, nearest)
        n = [(o + t * r) * norm for o, r in zip(origin, ray, strict=True)]
        unroll = 1 / np.maximum(1 + n[2], 0.12)
        u, v = n[0] * unroll, n[1] * unroll
        radius = 1 + cv2.remap(
            head.relief,
            to_map(u, RELIEF_SIZE),
            to_map(v, RELIEF_SIZE),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    cover = np.clip((radius - nearest) * np.float32(scale * 0.8) + 0.5, 0, 1)
    return n, u, v, cover


def shade(head: Head, surface: Surface, pose: Pose, act: Expression, light: Light) -> Map:
    """Colour a traced head: `(height, width, 3)` float32 linear RGB, valid where it covers."""
    u, v = surface.u.copy(), surface.v.copy()
    raise_brows(head.person, surface, act, u, v)
    mouth = draw_mouth(head.person, surface, act, u, v)
    at = to_map(u, COLOUR_SIZE), to_map(v, COLOUR_SIZE)
    colour = cv2.remap(head.colour, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    normal = cv2.remap(head.surface, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mouth(colour, normal)
    draw_eyes(head.person, surface, act, colour, normal)
    towards = (rotation(pose).T @ np.array(light.direction)).astype(np.float32)
    halfway = towards + rotation(pose).T[:, 2]
    halfway = (halfway / np.linalg.norm(halfway)).astype(np.float32)
    soft = np.float32(light.softness)
    diffuse = np.maximum((normal[..., :3] @ towards + soft) / (1 + soft), 0)
    sky = 0.68 - 0.32 * normal[..., 1]
    glance = np.maximum(normal[..., :3] @ halfway, 0) ** 2
    for _ in range(4):
        glance *= glance
    shine = glance * normal[..., 3] * np.float32(light.shine)
    lit = diffuse[..., None] * np.array(light.key, np.float32)
    lit += sky[..., None] * np.array(light.ambient, np.float32)
    colour *= lit
    colour += shine[..., None] * np.array(light.key, np.float32)
    return np.asarray(colour, dtype=np.float32)


def facial_cover(head: Head, surface: Surface) -> Map:
    """The facial area as the pixels see it, in [0, 1]."""
    size = RELIEF_SIZE
    face = cv2.remap(head.face, to_map(surface.u, size), to_map(surface.v, size), cv2.INTER_LINEAR)
    return np.asarray(face * surface.cover)
