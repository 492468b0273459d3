"""A person's head as maps over the skull: relief, colour, normals, gloss and the facial mask.

The skull is an ellipsoid. Its surface is unrolled by stereographic projection from the back,
u = n_x / (1 + n_z) and v = n_y / (1 + n_z) for a unit direction n, which keeps angles and shows
the whole face in the middle. A relief moves the surface along n by a fraction of its radius.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.forge.people import Person, make_person

Map = NDArray[np.float32]

EXTENT = 1.7  # the maps cover u and v in [-EXTENT, EXTENT]
COLOUR_SIZE = 768
RELIEF_SIZE = 384


@dataclass(frozen=True, slots=True)
class Head:
    """A person with the maps that a renderer looks things up in; all float32."""

    person: Person
    relief: Map  # (RELIEF_SIZE, RELIEF_SIZE), fraction of the radius
    face: Map  # the same shape, 1 on the facial area that manipulations replace, soft border
    colour: Map  # (COLOUR_SIZE, COLOUR_SIZE, 3) linear RGB
    surface: Map  # (COLOUR_SIZE, COLOUR_SIZE, 4) unit normal in head coordinates, gloss


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where each pixel of a map lies on the skull."""

    direction: Map  # (N, N, 3) unit
    x: Map
    y: Map
    front: Map  # 1 on the front half

    @property
    def side(self) -> Map:
        return np.abs(self.x)


@lru_cache(maxsize=8)
def make_head(seed: int) -> Head:
    """Build the person with this seed; the last few are kept."""
    person = make_person(seed)
    rng = np.random.default_rng([seed, 2])
    coarse, fine = _grid(person, RELIEF_SIZE), _grid(person, COLOUR_SIZE)
    hair = _hair_field(person, fine, rng)
    relief = _relief(person, coarse) + _hair_relief(person, hair)
    colour = _skin(person, fine, rng)
    _paint_features(person, fine, colour, rng)
    _paint_hair(person, fine, colour, hair, rng)
    gloss = np.where(hair > 0, 0.35, 0.75 + 0.5 * _blob(fine, 0, person.nose_y - 0.1, 0.3, 0.4))
    normal = _normals(person, relief, rng)
    return Head(
        person=person,
        relief=relief,
        face=_facial_area(person, coarse),
        colour=cv2.GaussianBlur(colour, (0, 0), 0.7),
        surface=np.dstack([normal, gloss.astype(np.float32)]),
    )


def to_map(u: Map, size: int) -> Map:
    """Turn u or v into the pixel coordinate of a map of this size."""
    return (u + EXTENT) * np.float32((size - 1) / (2 * EXTENT))


def step(value: Map, low: float, high: float) -> Map:
    """Rise smoothly from 0 at `low` to 1 at `high` (falls where low > high)."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: float) -> Map:
    """Smooth noise of about unit variance, with `cells` bumps across the width."""
    height, width = shape
    small = (max(2, round(cells)), max(2, round(cells * height / width)))
    values = rng.standard_normal(small[::-1]).astype(np.float32)
    return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_CUBIC) * 1.3)


def _grid(person: Person, size: int) -> _Grid:
    line = np.linspace(-EXTENT, EXTENT, size, dtype=np.float32)
    u, v = np.meshgrid(line, line)
    square = u * u + v * v
    direction = np.dstack([2 * u, 2 * v, 1 - square]) / (1 + square)[..., None]
    a, b, _ = person.axes
    front = step(direction[..., 2], -0.15, 0.1)
    return _Grid(direction, direction[..., 0] * a, direction[..., 1] * b, front)


def _blob(grid: _Grid, x: float, y: float, width: float, height: float) -> Map:
    """A bell on the front of the head; at both sides where x is not 0."""
    across = (grid.side - abs(x)) if x else grid.x
    return np.exp(-((across / width) ** 2 + ((grid.y - y) / height) ** 2) / 2) * grid.front


def _relief(p: Person, grid: _Grid) -> Map:
    parts = (
        (p.eye_x, p.eye_y, 0.17, 0.11, -0.055),
        (p.eye_x, p.eye_y - p.brow_lift, 0.22, 0.07, 0.015 + p.brow_ridge),
        (0, p.eye_y - 0.05, 0.12, 0.1, -0.025),
        (0.55, 0.27, 0.18, 0.17, 0.015 + p.cheek),
        (0, p.mouth_y, p.mouth_width * 0.7, 0.13, 0.05),
        (0, p.mouth_y + p.lower_lip + 0.06, 0.2, 0.035, -0.022),
        (0, 1.12, 0.2, 0.13, 0.05 + p.chin),
        (0.66, 0.95, 0.22, 0.26, p.jaw - 0.05),
        (0.85, -0.35, 0.2, 0.3, -0.03),
    )
    relief = sum((h * _blob(grid, x, y, w, t) for x, y, w, t, h in parts), np.float32(0))
    return (relief + _nose(p, grid) + _ears(grid)).astype(np.float32)


def _nose(p: Person, grid: _Grid) -> Map:
    along = (grid.y - (p.eye_y - 0.05)) / (p.nose_y - p.eye_y + 0.05)  # 0 at the root, 1 at the tip
    climb = step(along, -0.25, 1.05) ** 1.3 * step(along, 1.28, 0.98)
    width = 0.075 + (p.nose_width * 0.55 - 0.03) * np.clip(along, 0, 1) ** 2
    bridge = climb * np.exp(-((grid.x / width) ** 2) / 2) * grid.front * p.nose_height
    bend = p.nose_bend * _blob(grid, 0, p.eye_y + 0.15, 0.07, 0.1)
    wings = 0.06 * _blob(grid, p.nose_width * 0.78, p.nose_y + 0.01, 0.055, 0.06)
    return np.asarray(bridge + bend + wings)


def _ears(grid: _Grid) -> Map:
    nx, ny, nz = (grid.direction[..., i] for i in range(3))
    shape = ((nz + 0.22) / 0.11) ** 2 + ((ny - 0.02 - 0.3 * (nz + 0.22)) / 0.2) ** 2
    return np.asarray(0.13 * np.exp(-((shape / 1.6) ** 3)) * (np.abs(nx) > 0.5), np.float32)


def _normals(p: Person, relief: Map, rng: np.random.Generator) -> Map:
    """Unit normals of the displaced surface by finite differences, with pores and fine lines."""
    relief = cv2.resize(relief, (COLOUR_SIZE, COLOUR_SIZE), interpolation=cv2.INTER_LINEAR)
    shape = relief.shape
    relief = relief + 0.0012 * p.wrinkles * noise(rng, shape, 150) + 0.0007 * noise(rng, shape, 300)
    grid = _grid(p, COLOUR_SIZE)
    points = grid.direction * np.array(p.axes, np.float32) * (1 + relief)[..., None]
    along_u = cv2.Sobel(points, cv2.CV_32F, 1, 0, ksize=3)
    along_v = cv2.Sobel(points, cv2.CV_32F, 0, 1, ksize=3)
    normal = np.cross(along_u, along_v).astype(np.float32)
    length = np.linalg.norm(normal, axis=2, keepdims=True)
    return np.asarray(normal / np.maximum(length, 1e-9), dtype=np.float32)


def _facial_area(p: Person, grid: _Grid) -> Map:
    """1 from above the brows to the chin and from cheek to cheek."""
    top, bottom = p.eye_y - p.brow_lift - 0.17, 1.16
    middle, half = (top + bottom) / 2, (bottom - top) / 2
    across = grid.side / (0.80 * p.axes[0] * (1 - 0.13 * np.clip((grid.y - 0.4) / 0.6, 0, 1)))
    radius = (across**2.6 + np.abs((grid.y - middle) / half) ** 2.6) ** (1 / 2.6)
    return step(radius, 1.03, 0.97) * grid.front


def _skin(p: Person, grid: _Grid, rng: np.random.Generator) -> Map:
    shape = grid.x.shape
    mottle = (
        0.05 * noise(rng, shape, 12) + 0.04 * noise(rng, shape, 40) + 0.03 * noise(rng, shape, 110)
    )
    tone = 1 + p.blotches * mottle + 0.035 * noise(rng, shape, 330)
    flush = 0.5 * _blob(grid, 0.52, 0.38, 0.2, 0.2) + 0.5 * _blob(grid, 0, p.nose_y, 0.16, 0.12)
    flush = flush + 0.4 * p.blotches * np.maximum(noise(rng, shape, 25), 0) * 0.4
    skin = np.array(p.skin, np.float32) * tone[..., None]
    skin *= 1 - flush[..., None] * np.array([-0.02, 0.16, 0.14], np.float32)
    spots = step(noise(rng, shape, 210), 1.9 - 0.7 * p.freckles, 2.6) * (p.freckles > 0.1)
    spots = spots * step(np.abs(grid.y - 0.25), 0.55, 0.2) * 0.4 * p.freckles
    for _ in range(rng.integers(1, 7)):
        x, y = rng.uniform(-0.75, 0.75), rng.uniform(-0.6, 1.0)
        size = rng.uniform(0.012, 0.028)
        spots = np.maximum(spots, np.exp(-((grid.x - x) ** 2 + (grid.y - y) ** 2) / size**2) * 0.65)
    skin *= 1 - (spots * grid.front)[..., None] * np.array([0.75, 0.95, 1.0], np.float32)
    return np.asarray(skin * _folds(p, grid, rng)[..., None], dtype=np.float32)


def _folds(p: Person, grid: _Grid, rng: np.random.Generator) -> Map:
    """Darkness of sockets, folds and lines that the coarse relief does not shade."""
    dark = 0.28 * _blob(grid, p.eye_x, p.eye_y - 0.02, 0.2, 0.1)
    dark = dark + 0.22 * _blob(grid, p.eye_x - 0.17, p.eye_y - 0.06, 0.05, 0.09)
    dark = dark + 0.25 * _blob(grid, 0, p.nose_y + 0.13, 0.16, 0.035)
    dark = dark + 0.7 * _blob(grid, p.nose_width * 0.42, p.nose_y + 0.085, 0.038, 0.02)
    dark = dark + 0.22 * _blob(grid, 0, p.mouth_y + p.lower_lip + 0.055, 0.16, 0.03)
    fold_x = 0.2 + 0.33 * np.clip(grid.y - p.nose_y, 0, 0.6) + p.nose_width * 0.3
    fold = np.exp(-(((grid.side - fold_x) / 0.03) ** 2)) * step(np.abs(grid.y - 0.62), 0.28, 0.05)
    dark = dark + (0.05 + 0.2 * p.wrinkles) * fold * grid.front
    for height in (0.42, 0.52, 0.61):
        line = grid.y - (p.eye_y - height + 0.03 * noise(rng, grid.x.shape, 6))
        dark = dark + 0.13 * p.wrinkles * np.exp(-((line / 0.014) ** 2)) * step(grid.side, 0.6, 0.3)
    return np.asarray(1 - np.clip(dark, 0, 0.85))


def _paint_features(p: Person, grid: _Grid, colour: Map, rng: np.random.Generator) -> None:
    streaks = 1 + 0.2 * noise(rng, grid.x.shape, 260)
    _mix(colour, p.hair, _beard(p, grid, rng) * np.clip(streaks, 0, 1.2))
    _mix(colour, p.lips, _lips(p, grid))
    reach = grid.side - p.eye_x
    middle = p.eye_y - p.brow_lift - p.brow_arch * (1 - ((reach - 0.06) / 0.27) ** 2) + 0.05
    thick = p.brow_thickness * (1.15 - 0.9 * np.clip(reach + 0.1, 0, 0.4))
    brow = step(np.abs(grid.y - middle) - thick, 0.022, -0.022)
    brow = brow * step(reach, -0.27, -0.18) * step(reach, 0.30, 0.16) * grid.front
    _mix(colour, tuple(0.7 * c for c in p.hair), 0.85 * brow * np.clip(streaks, 0, 1.15))


def _lips(p: Person, grid: _Grid) -> Map:
    across = np.clip(grid.x / p.mouth_width, -1, 1)
    bow = 1 - 0.3 * np.exp(-((across / 0.16) ** 2))
    top = p.mouth_y - p.upper_lip * (1 - across**2) ** 0.8 * bow
    bottom = p.mouth_y + p.lower_lip * (1 - across**2) ** 0.6
    inside = step(grid.y - top, -0.012, 0.016) * step(grid.y - bottom, 0.02, -0.014)
    return inside * step(grid.side, p.mouth_width, p.mouth_width - 0.05) * grid.front * 0.85


def _beard(p: Person, grid: _Grid, rng: np.random.Generator) -> Map:
    if not p.beard:
        return np.zeros_like(grid.x)
    edge = 0.52 + 0.3 * step(grid.side, 0.25, 0.6) - 0.62 * step(grid.side, 0.62, 0.9)
    lower = step(grid.y - edge + 0.05 * noise(rng, grid.x.shape, 30), -0.05, 0.12)
    bare = _blob(grid, 0, p.mouth_y + p.lower_lip + 0.05, 0.13, 0.03)
    return np.asarray(lower * (1 - 0.6 * bare) * (0.15 + 0.7 * p.beard**2))


def _hair_field(p: Person, grid: _Grid, rng: np.random.Generator) -> Map:
    """Positive where hair grows, in head units from the hairline."""
    height = p.eye_y - p.hairline + 0.38 * p.fringe * (1 + 0.3 * np.sin(5 * grid.x + 9 * p.parting))
    line = (
        height
        + 0.20 * (grid.side / 0.7) ** 3
        - 0.10 * np.exp(-((grid.x / 0.25) ** 2)) * (p.parting > 0)
    )
    above = line - grid.y
    behind = (0.30 + 0.25 * p.hair_length - grid.direction[..., 2]) * 1.2
    behind = np.minimum(behind, 0.05 + 0.4 * p.hair_length - grid.y)
    ragged = 0.035 * noise(rng, grid.x.shape, 50) + 0.02 * noise(rng, grid.x.shape, 160)
    return np.asarray(np.maximum(above, behind) + ragged, dtype=np.float32)


def _hair_relief(p: Person, hair: Map) -> Map:
    small = cv2.resize(hair, (RELIEF_SIZE, RELIEF_SIZE), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 2.5)
    return np.asarray(p.hair_volume * step(small, -0.02, 0.3))


def _paint_hair(p: Person, grid: _Grid, colour: Map, hair: Map, rng: np.random.Generator) -> None:
    x, y = grid.direction[..., 0] - 0.4 * p.parting, grid.direction[..., 1] + 0.85
    angle, radius = np.arctan2(x, y), np.hypot(x, y)
    strands = noise(rng, (48, 720), 600) + 0.5 * noise(rng, (48, 720), 90)
    wave = angle + 0.06 * np.sin(7 * radius + 6 * p.parting)
    lookup = ((wave / np.pi + 1) * 359).astype(np.float32), (radius * 20).astype(np.float32)
    strand = cv2.remap(strands, *lookup, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    shade = np.clip(1 + 0.26 * strand, 0.3, 2.2)[..., None] * np.array(p.hair, np.float32)
    cover = step(hair + 0.02 * strand, -0.01, 0.05)[..., None]
    colour += cover * (shade.astype(np.float32) - colour)


def _mix(colour: Map, paint: tuple[float, ...], cover: Map) -> None:
    """Lay `paint` over the colour map where `cover` is 1."""
    colour += np.clip(cover, 0, 1)[..., None].astype(np.float32) * (
        np.array(paint, np.float32) - colour
    )
