"""How a person moves: smooth seeded tracks of pose and expression."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head is: angles in radians, position and scale in pixels of the frame."""

    yaw: float  # to the right of the picture
    pitch: float  # down
    roll: float  # clockwise
    x: float
    y: float
    scale: float  # pixels per head unit


@dataclass(frozen=True, slots=True)
class Expression:
    """What the face does; 0 is at rest."""

    jaw: float = 0.0  # 1 wide open
    smile: float = 0.0
    pucker: float = 0.0
    brow: float = 0.0  # raised
    blink: float = 0.0  # 1 closed
    gaze_x: float = 0.0
    gaze_y: float = 0.0


@dataclass(frozen=True, slots=True)
class Motion:
    """Pose and expression for every frame of a clip."""

    poses: tuple[Pose, ...]
    expressions: tuple[Expression, ...]


def wander(
    rng: np.random.Generator, frames: int, *, seconds: float, rate: float = 25.0
) -> NDArray[np.float64]:
    """A smooth random track of about unit variance that turns about every `seconds`."""
    times = np.arange(frames)[:, None] / rate
    waves = 6
    speed = rng.uniform(0.3, 1.3, waves) / seconds
    phase = rng.uniform(0, 2 * np.pi, waves)
    return np.asarray(np.sin(np.pi * times * speed + phase).sum(1) * np.sqrt(2 / waves))


def speak(rng: np.random.Generator, frames: int) -> tuple[Expression, ...]:
    """An expression track of somebody who talks, blinks and looks about."""
    talk = np.clip(wander(rng, frames, seconds=2.0) + rng.uniform(0.2, 1.2), 0, 1)
    syllables = np.clip(0.3 + 0.35 * wander(rng, frames, seconds=0.14), 0, 1)
    jaw = syllables * talk * rng.uniform(0.5, 1.0)
    smile = np.clip(rng.uniform(-0.3, 0.7) + 0.35 * wander(rng, frames, seconds=1.2), -0.4, 1)
    pucker = np.clip(0.35 * wander(rng, frames, seconds=0.3), 0, 0.8) * talk
    brow = 0.4 * wander(rng, frames, seconds=0.8) + rng.uniform(-0.3, 0.4)
    gaze = rng.uniform(-0.25, 0.25, 2) + np.stack(
        [0.3 * wander(rng, frames, seconds=0.9), 0.15 * wander(rng, frames, seconds=0.9)], 1
    )
    blink = _blinks(rng, frames)
    tracks = np.stack([jaw, smile, pucker, brow, blink, gaze[:, 0], gaze[:, 1]], 1)
    return tuple(Expression(*map(float, row)) for row in tracks)


def move(
    rng: np.random.Generator,
    frames: int,
    *,
    centre: tuple[float, float],
    scale: float,
) -> Motion:
    """Draw how a talking head moves around a place in the frame."""
    calm = rng.uniform(0.4, 1.1)
    yaw = rng.normal(0, 0.14) + calm * 0.14 * wander(rng, frames, seconds=1.1)
    pitch = rng.normal(0, 0.07) + calm * 0.06 * wander(rng, frames, seconds=0.9)
    roll = rng.normal(0, 0.05) + calm * 0.045 * wander(rng, frames, seconds=1.3)
    x = centre[0] + calm * 5 * wander(rng, frames, seconds=1.2) + 9 * np.sin(yaw)
    y = centre[1] + calm * 2.5 * wander(rng, frames, seconds=1.0)
    breath = scale * (1 + 0.012 * wander(rng, frames, seconds=1.5))
    tracks = np.stack([np.clip(yaw, -0.6, 0.6), np.clip(pitch, -0.3, 0.3), roll, x, y, breath], 1)
    poses = tuple(Pose(*map(float, row)) for row in tracks)
    return Motion(poses=poses, expressions=speak(rng, frames))


def _blinks(rng: np.random.Generator, frames: int) -> NDArray[np.float64]:
    closed = np.zeros(frames)
    time = rng.uniform(0, 30)
    while time < frames + 3:
        closed = np.maximum(closed, np.exp(-(((np.arange(frames) - time) / 1.7) ** 4)))
        time += rng.uniform(25, 90)
    return np.clip(closed + rng.uniform(0, 0.12), 0, 1)
