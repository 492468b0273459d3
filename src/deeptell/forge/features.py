"""The parts of a face that move by themselves: eyes, brows and mouth.

They are drawn in coordinates of the head, at the resolution of the frame, into the colours (and
normals) of a traced surface before the light falls on it.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from deeptell.forge.head import Map, step
from deeptell.forge.motion import Expression
from deeptell.forge.people import Person

if TYPE_CHECKING:
    from deeptell.forge.render import Surface

Window = tuple[slice, slice]


def window(surface: "Surface", x: float, y: float, reach_x: float, reach_y: float) -> Window | None:
    """The smallest region of the surface that holds all pixels near (x, y) on the front."""
    near = np.abs(surface.x - np.float32(x)) < reach_x
    near &= np.abs(surface.y - np.float32(y)) < reach_y
    near &= surface.depth > 0
    rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
    if len(rows) < 2 or len(columns) < 2:
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def raise_brows(p: Person, surface: "Surface", act: Expression, u: Map, v: Map) -> None:
    """Move the look-up coordinates so that the brows rise with `act.brow`, sink with a blink."""
    height = p.eye_y - p.brow_lift
    at = window(surface, 0, height - 0.05, 0.8, 0.3)
    if at is None:
        return
    lift = 0.075 * act.brow - 0.02 * act.blink
    fade = np.exp(-(((surface.y[at] - height) / 0.13) ** 2)) * (surface.depth[at] > 0)
    v[at] += (lift / p.axes[1]) * fade / (1 + surface.depth[at])


def draw_mouth(
    p: Person, surface: "Surface", act: Expression, u: Map, v: Map
) -> Callable[[Map, Map], None]:
    """Move the look-up coordinates of the lips; return what draws the opening between them."""
    at = window(surface, 0, p.mouth_y + 0.08, 0.72, 0.55)
    if at is None:
        return lambda colour, normal: None
    x, y, depth = surface.x[at], surface.y[at], surface.depth[at]
    wide = p.mouth_width * (1 + 0.2 * act.smile - 0.28 * act.pucker)
    across = x / np.float32(wide)
    bow = np.maximum(1 - across * across, 0)
    drop = (0.02 + 0.30 * act.jaw) * np.sqrt(bow) * step(bow, 0, 0.2) * min(1.0, 4 * act.jaw)
    lift = 0.22 * drop
    corner = 0.10 * act.smile * np.minimum(across * across, 1.4)
    line = np.float32(p.mouth_y) - corner
    below, above = y - (line + drop), (line - lift) - y
    near = np.exp(-(((y - p.mouth_y) / 0.3) ** 2))
    sag = 0.16 * act.jaw * np.exp(-((x / 0.5) ** 2)) * step(bow, 0.6, 0.0)
    dy = np.where(below > 0, -(drop + sag) * np.exp(-((below / 0.4) ** 2)), 0)
    dy = dy + np.where(above > 0, lift * np.exp(-((above / 0.15) ** 2)), 0) + corner * near
    dx = x * (np.float32(p.mouth_width / wide - 1)) * near * np.exp(-((x / 0.6) ** 2))
    scale = (depth > 0) / (1 + np.maximum(depth, 0))
    u[at] += dx / p.axes[0] * scale
    v[at] += dy / p.axes[1] * scale
    inside = step(np.minimum(-below, -above), -0.012, 0.016) * (drop > 0.004) * (depth > 0)

    def draw(colour: Map, normal: Map) -> None:
        _open_mouth(p, colour[at], normal[at], across, -above, inside)

    return draw


def _open_mouth(
    p: Person, colour: Map, normal: Map, across: Map, under_lip: Map, inside: Map
) -> None:
    teeth = step(np.abs(across), 0.86, 0.7) * step(under_lip, 0.095, 0.075)
    gap = 1 - 0.25 * np.exp(-((np.sin(across * 11) / 0.18) ** 2))
    shadow = step(under_lip, -0.01, 0.05) * 0.75 + 0.2
    throat = np.array([0.045, 0.012, 0.010], np.float32)
    tongue = step(under_lip, 0.12, 0.24)[..., None] * np.array([0.16, 0.045, 0.04], np.float32)
    bright = (_brightness(p, 0.15, 0.5) * gap * shadow)[..., None]
    enamel = bright * np.array([1.0, 0.93, 0.80], np.float32)
    paint = throat + tongue
    paint = paint + teeth[..., None] * (enamel - paint)
    colour += inside[..., None] * (paint - colour)
    normal[..., 3] *= 1 - 0.8 * inside


def draw_eyes(p: Person, surface: "Surface", act: Expression, colour: Map, normal: Map) -> None:
    """Draw both eyes: lids, lashes, sclera, iris, pupil and the glint in it."""
    for side in (-1, 1):
        at = window(surface, side * p.eye_x, p.eye_y, 1.55 * p.eye_width, 1.35 * p.eye_width)
        if at is None:
            continue
        cos, sin = np.cos(p.eye_cant), -np.sin(p.eye_cant) * side
        x = (surface.x[at] - side * p.eye_x) / p.eye_width
        y = (surface.y[at] - p.eye_y) / p.eye_width
        x, y = cos * x + sin * y, cos * y - sin * x
        _draw_eye(
            p, act, x, y, side, colour[at], normal[at], (surface.depth[at] > 0).astype(np.float32)
        )


def _draw_eye(
    p: Person, act: Expression, x: Map, y: Map, side: int, colour: Map, normal: Map, front: Map
) -> None:
    arch: Map = np.maximum(1 - np.abs(x) ** 2.2, 0)
    lower: Map = 0.38 * p.eye_open * arch
    open_lid: Map = -p.eye_open * arch**0.8 * (1 + 0.12 * act.brow)
    upper: Map = open_lid + (lower * 0.9 - open_lid) * act.blink
    within = step(y - upper, -0.05, 0.06) * step(lower - y, -0.05, 0.06) * (arch > 0) * front
    fold = y - upper + 0.2 - 0.1 * act.blink
    crease = np.exp(-((fold / 0.06) ** 2)) * step(np.abs(x), 1.2, 0.7)
    lash = np.exp(-(((y - upper + 0.035) / 0.062) ** 2)) * step(np.abs(x + 0.05 * side), 1.12, 0.9)
    rim = 0.35 * np.exp(-(((y - lower) / 0.06) ** 2)) * step(np.abs(x), 1.0, 0.7)
    ball = _eyeball(p, act, x, y, upper)
    colour *= (1 - front * (0.30 * crease + rim))[..., None]
    colour += within[..., None] * (ball - colour)
    colour *= (1 - 0.85 * np.clip(lash, 0, 1) * front)[..., None]
    normal[..., 3] *= 1 - 0.9 * within


def _brightness(p: Person, least: float, more: float) -> float:
    """White of eyes and teeth: darker with darker skin, as a camera exposes for the skin."""
    return least + more * math.sqrt(sum(p.skin) / 3)


def _eyeball(p: Person, act: Expression, x: Map, y: Map, upper: Map) -> Map:
    gx, gy = x - 0.45 * act.gaze_x, y + 0.06 - 0.35 * act.gaze_y
    radius = np.sqrt(gx * gx + gy * gy)
    white = _brightness(p, 0.20, 0.45) - 0.15 * x * x
    sclera = white[..., None] * np.array([1.0, 0.90, 0.85], np.float32)
    iris = step(radius, 0.50, 0.43)[..., None]
    ring = (0.55 + 0.45 * step(radius, 0.46, 0.30))[..., None]
    ball = sclera + iris * (np.array(p.iris, np.float32) * ring - sclera)
    ball *= (1 - 0.96 * step(radius, 0.22, 0.15))[..., None]
    ball *= (0.35 + 0.65 * step(y - upper, -0.02, 0.38))[..., None]
    glint = np.exp(-(((gx + 0.14) ** 2 + (gy + 0.16) ** 2) / 0.010))
    return np.asarray(ball + 0.9 * glint[..., None], dtype=np.float32)
