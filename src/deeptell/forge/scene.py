"""What stands around a head: background, neck, clothes, long hair, and the camera that sees it.

Everything is linear RGB float32 until `Camera.develop`.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.forge.head import Map, noise, step
from deeptell.forge.motion import Pose
from deeptell.forge.people import Person
from deeptell.forge.render import Light
from deeptell.records import Image

MARGIN = 8  # pixels of background around the frame, for a camera that shakes


@dataclass(frozen=True, slots=True)
class Layer:
    """A picture that moves as one piece: colour (H, W, 3) and cover (H, W), and its anchor."""

    colour: Map
    cover: Map
    anchor: tuple[float, float]  # the pixel that sits on the middle of the skull


@dataclass(frozen=True, slots=True)
class Camera:
    """How linear light becomes 8-bit pixels; drawn once per clip, and widely."""

    gain: Map  # (H, W, 3): exposure, white balance and vignette
    blur: float  # sigma of the lens, pixels
    sharpen: float  # strength of the camera's own sharpening
    contrast: float
    noise: float  # standard deviation in 8-bit levels at mid grey
    grain: NDArray[np.float32]  # a bank of noise larger than the frame

    def develop(self, light: Map, left: int = 0, top: int = 0) -> Map:
        """Turn linear light of a region into noise-free levels in [0, 255]."""
        height, width = light.shape[:2]
        exposed = light * self.gain[top : top + height, left : left + width]
        level = np.sqrt(np.clip(exposed, 0, 1.6))
        level = level + self.contrast * level * (1 - level) * (level - 0.45)
        level = np.minimum(level, 1) * np.float32(255)
        smooth = cv2.GaussianBlur(level, (0, 0), self.blur)
        if self.sharpen > 0:
            wide = cv2.GaussianBlur(smooth, (0, 0), 1.4)
            smooth = smooth + np.float32(self.sharpen) * (smooth - wide)
        return np.asarray(smooth)

    def noise_at(self, level: Map) -> Map:
        """Standard deviation of the sensor noise at these levels."""
        return np.float32(1.25 * self.noise) - level * np.float32(self.noise * 0.5 / 255)

    def expose(self, level: Map, rng: np.random.Generator) -> Image:
        """Add sensor noise, which grows in the shadows after the tone curve, and round."""
        height, width = level.shape[:2]
        top = rng.integers(self.grain.shape[0] - height)
        left = rng.integers(self.grain.shape[1] - width)
        grain = self.grain[top : top + height, left : left + width]
        noisy = level + grain * self.noise_at(level)
        return np.asarray(np.clip(noisy + 0.5, 0, 255), dtype=np.uint8)


def make_light(rng: np.random.Generator) -> Light:
    """Draw the light of a room or of a street."""
    side, height = rng.uniform(-1.0, 1.0), rng.uniform(-0.7, -0.05)
    direction = np.array([side, height, rng.uniform(0.6, 1.1)])
    direction /= np.linalg.norm(direction)
    warmth = rng.uniform(-0.12, 0.12)
    share = rng.uniform(0.25, 0.75)  # of the ambient light
    key = (1 - share) * np.array([1 + warmth, 1.0, 1 - warmth])
    ambient = share * np.array([1 - warmth, 1.0, 1 + warmth]) * 1.1
    return Light(
        direction=(float(direction[0]), float(direction[1]), float(direction[2])),
        key=(float(key[0]), float(key[1]), float(key[2])),
        ambient=(float(ambient[0]), float(ambient[1]), float(ambient[2])),
        softness=float(rng.uniform(0.15, 0.8)),
        shine=float(rng.uniform(0.03, 0.30)),
    )


def make_camera(
    rng: np.random.Generator, size: tuple[int, int], *, skin: tuple[float, float, float]
) -> Camera:
    """Draw a camera; its automatic exposure looks at the skin, and is often wrong."""
    height, width = size
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    vignette = 1 - rng.uniform(0.0, 0.4) * (x * x + y * y) / 2
    brightness = float(np.mean(skin) * 0.32) ** 0.5
    exposure = rng.uniform(0.18, 0.42) / (0.85 * brightness)
    balance = rng.uniform(0.88, 1.14, 3)
    sigma = rng.uniform(0.5, 1.2)
    coarse = rng.standard_normal((height + 64, width + 64, 3)).astype(np.float32)
    grey = coarse.mean(2, keepdims=True) * np.float32(1.7)
    chroma = np.float32(rng.uniform(0.1, 0.8))
    grain = cv2.GaussianBlur(grey * (1 - chroma) + coarse * chroma, (0, 0), 0.3 + 0.4 * sigma)
    return Camera(
        gain=(exposure * vignette[..., None] * balance).astype(np.float32),
        blur=float(np.exp(rng.uniform(np.log(0.35), np.log(1.7)))),
        sharpen=float(max(0.0, rng.uniform(-0.8, 1.0))),
        contrast=float(rng.uniform(-0.6, 1.6)),
        noise=float(np.exp(rng.uniform(np.log(0.6), np.log(7.0)))),
        grain=grain / grain.std(),
    )


def make_background(rng: np.random.Generator, size: tuple[int, int]) -> Map:
    """Draw a wall, a room or a street: gradients, blurred shapes, texture, some sharp detail."""
    height, width = size[0] + 2 * MARGIN, size[1] + 2 * MARGIN
    base = rng.uniform(0.02, 0.45) * rng.uniform(0.8, 1.2, 3)
    slope = rng.uniform(-0.6, 0.6, 2)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    scene = (1 + slope[0] * x + slope[1] * y)[..., None].clip(0.1) * base
    scene = scene.astype(np.float32)
    for _ in range(rng.integers(0, 14)):
        _draw_shape(rng, scene)
    focus = rng.choice([0.0, 1.5, 4.0, 9.0])
    if focus:
        scene = cv2.GaussianBlur(scene, (0, 0), focus * rng.uniform(0.7, 1.3))
    texture = noise(rng, (height, width), rng.uniform(5, 160)) * 0.12 * rng.uniform(0.0, 1.0) ** 2
    return np.asarray(scene * (1 + texture).clip(0.2)[..., None], dtype=np.float32)


def _draw_shape(rng: np.random.Generator, scene: Map) -> None:
    height, width = scene.shape[:2]
    colour = (rng.uniform(0.01, 0.5) * rng.uniform(0.6, 1.4, 3)).clip(0, 1).tolist()
    x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
    a, b = int(rng.integers(5, 70)), int(rng.integers(5, 110))
    kind = rng.integers(4)
    if kind == 0:
        cv2.ellipse(scene, (x, y), (a, b), float(rng.uniform(0, 180)), 0, 360, colour, -1)
    elif kind == 1:
        cv2.rectangle(scene, (x - a, y - b), (x + a, y + b), colour, -1)
    elif kind == 2:
        cv2.line(scene, (x, 0), (x + a, height), colour, int(rng.integers(1, 9)))
    else:
        for k in range(int(rng.integers(3, 12))):
            cv2.rectangle(scene, (x + 12 * k, y), (x + 12 * k + 8, y + b), colour, -1)


def make_body(person: Person, rng: np.random.Generator, light: Light, scale: float) -> Layer:
    """Paint neck, shoulders and clothes as one layer around a head of this scale."""
    reach_x, top, bottom = int(4.2 * scale), int(0.2 * scale), int(4.4 * scale)
    y, x = np.mgrid[-top:bottom, -reach_x:reach_x].astype(np.float32) / np.float32(scale)
    lump = 0.02 * noise(rng, x.shape, 20)
    neck_half = 0.62 + 0.25 * person.jaw * 4 * 0.25 + 0.35 * np.clip(y - 1.35, 0, 1) ** 2
    neck = step(np.abs(x) - neck_half, 0.02, -0.02) * (y > 0.2)
    shoulder = (
        1.72 + 0.5 * np.abs(x / 2.1) ** 2.2 - 0.20 * np.exp(-(((np.abs(x) - 0.75) / 0.3) ** 2))
    )
    collar = 0.34 * np.exp(-((x / rng.uniform(0.3, 0.6)) ** 2)) * rng.uniform(0.2, 1.6)
    cloth = step(y - shoulder - collar + lump, -0.015, 0.015) * step(np.abs(x), 2.6, 2.5)
    round_x = np.clip(x / 0.8, -1, 1)
    skin = np.array(person.skin, np.float32) * _lit(light, round_x, 0.35)
    skin *= (0.42 + 0.58 * step(y, 1.15, 1.85))[..., None]
    folds = 1 + 0.12 * noise(rng, x.shape, 9) + 0.05 * noise(rng, x.shape, 40)
    fabric = np.array(person.clothes, np.float32) * folds[..., None] * _weave(rng, x, y)
    fabric = fabric * _lit(light, np.clip(x / 2.4, -1, 1), -0.3)
    colour = skin + cloth[..., None] * (fabric - skin)
    cover = np.maximum(neck, cloth)
    return Layer(colour.astype(np.float32), cover.astype(np.float32), (reach_x, top))


def make_long_hair(person: Person, rng: np.random.Generator, scale: float) -> Layer | None:
    """Paint the hair that hangs behind neck and shoulders, if this person wears it so."""
    if person.hair_length < 0.35:
        return None
    reach, bottom = int(1.9 * scale), int((0.9 + 1.5 * person.hair_length) * scale)
    y, x = np.mgrid[-reach:bottom, -reach:reach].astype(np.float32) / np.float32(scale)
    width = 1.02 * person.axes[0] + person.hair_volume + 0.16 * step(y, -0.2, 0.9)
    width = width + 0.05 * noise(rng, x.shape, 14) * step(y, 0, 1)
    sides = step(np.abs(x) - width, 0.03, -0.03) * step(y, -0.6, -0.3)
    end = 0.8 + 1.35 * person.hair_length + 0.06 * noise(rng, x.shape, 40)
    strand = noise(rng, (12, x.shape[1]), x.shape[1] / 3)
    strand = cv2.resize(strand, x.shape[::-1], interpolation=cv2.INTER_CUBIC)
    shade = (0.55 * (1 + 0.4 * strand).clip(0.2))[..., None] * np.array(person.hair, np.float32)
    cover = sides * step(y - end, 0.05, -0.05)
    return Layer(shade.astype(np.float32), cover.astype(np.float32), (reach, reach))


def lay(canvas: Map, layer: Layer, pose: Pose, *, turn: float) -> None:
    """Draw a layer onto the canvas where the pose puts it, with `turn` times its roll."""
    angle = pose.roll * turn
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = layer.anchor
    move = np.array(
        [
            [cos, -sin, pose.x - cos * x + sin * y],
            [sin, cos, pose.y - sin * x - cos * y],
        ]
    )
    size = canvas.shape[1::-1]
    cover = cv2.warpAffine(layer.cover, move, size, flags=cv2.INTER_LINEAR)
    colour = cv2.warpAffine(
        layer.colour, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    canvas += cover[..., None] * (colour - canvas)


def _lit(light: Light, across: Map, down: float) -> Map:
    normal = np.stack(
        [across, np.full_like(across, down), np.sqrt(np.maximum(1 - across**2, 0))], -1
    )
    diffuse = np.maximum(normal @ np.array(light.direction, np.float32) + light.softness, 0)
    diffuse = diffuse / (1 + light.softness)
    ambient = 0.68 - 0.32 * normal[..., 1]
    lit = diffuse[..., None] * np.array(light.key) + ambient[..., None] * np.array(light.ambient)
    return np.asarray(lit, dtype=np.float32)


def _weave(rng: np.random.Generator, x: Map, y: Map) -> Map:
    kind, pitch = rng.integers(4), rng.uniform(6, 25)
    if kind == 0:
        stripe = 0.5 + 0.5 * np.sign(np.sin(pitch * x))
    elif kind == 1:
        stripe = 0.5 + 0.5 * np.sign(np.sin(pitch * x) * np.sin(pitch * y))
    else:
        stripe = np.zeros_like(x)
    other = rng.uniform(0.5, 2.5, 3).astype(np.float32)
    return np.asarray(1 + stripe[..., None] * (other - 1), dtype=np.float32)
