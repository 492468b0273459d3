"""A person, a place and a motion become the frames of a clip, before any compression."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deeptell.forge.head import Head, Map, make_head
from deeptell.forge.motion import Motion, Pose, move, wander
from deeptell.forge.render import Light, Surface, shade, trace
from deeptell.forge.scene import (
    MARGIN,
    Camera,
    Layer,
    lay,
    make_background,
    make_body,
    make_camera,
    make_light,
    make_long_hair,
)
from deeptell.records import Image

SIZE = (256, 320)  # height and width of a frame
FRAME_RATE = 25.0


@dataclass(frozen=True, slots=True)
class Actor:
    """One person in a scene."""

    head: Head
    motion: Motion
    body: Layer
    long_hair: Layer | None
    rest: tuple[float, float]  # where the head is on average


@dataclass(frozen=True, slots=True)
class Clip:
    """A scene that can be filmed; everything random about it is drawn already."""

    seed: int
    frames: int
    actors: tuple[Actor, ...]
    light: Light
    camera: Camera
    background: Map
    shake: np.ndarray  # (frames, 2) pixels
    dim: np.ndarray  # (frames,) brightness of the light


def make_clip(seed: int, frames: int, *, size: tuple[int, int] = SIZE) -> Clip:
    """Draw the usual scene: the person with this seed talks to the camera."""
    rng = np.random.default_rng([seed, 3])
    centre = (size[1] * rng.uniform(0.42, 0.58), size[0] * rng.uniform(0.42, 0.50))
    motion = move(rng, frames, centre=centre, scale=size[0] * rng.uniform(0.185, 0.23))
    return film([(seed, motion)], rng, frames=frames, size=size)


def film(
    cast: Sequence[tuple[int, Motion]],
    rng: np.random.Generator,
    *,
    frames: int,
    size: tuple[int, int] = SIZE,
) -> Clip:
    """Put people (seed and motion of each, or nobody) into a newly drawn scene."""
    light = make_light(rng)
    actors = tuple(_actor(seed, motion, rng, light) for seed, motion in cast)
    skin = actors[0].head.person.skin if actors else (0.3, 0.2, 0.15)
    hand = rng.uniform(0, 1.2)
    shake = np.stack([wander(rng, frames, seconds=0.5) for _ in range(2)], 1) * hand
    return Clip(
        seed=int(rng.integers(2**31)),
        frames=frames,
        actors=actors,
        light=light,
        camera=make_camera(rng, size, skin=skin),
        background=make_background(rng, size),
        shake=np.clip(shake, 1 - MARGIN, MARGIN - 1),
        dim=1 + 0.02 * wander(rng, frames, seconds=1.0),
    )


def _actor(seed: int, motion: Motion, rng: np.random.Generator, light: Light) -> Actor:
    head = make_head(seed)
    x, y, scale = np.mean([(pose.x, pose.y, pose.scale) for pose in motion.poses], 0).tolist()
    body = make_body(head.person, rng, light, scale)
    return Actor(head, motion, body, make_long_hair(head.person, rng, scale), (x, y))


def seen_pose(clip: Clip, actor: int, frame: int) -> Pose:
    """The pose as the shaking camera sees it."""
    pose = clip.actors[actor].motion.poses[frame]
    dx, dy = (float(d) for d in clip.shake[frame])
    return replace(pose, x=pose.x - dx, y=pose.y - dy)


def seen_light(clip: Clip, frame: int) -> Light:
    """The light in this frame."""
    light, dim = clip.light, float(clip.dim[frame])
    key = (light.key[0] * dim, light.key[1] * dim, light.key[2] * dim)
    return replace(light, key=key)


def draw_frame(clip: Clip, frame: int) -> Image:
    """Film one frame: `(H, W, 3)` uint8 RGB."""
    height, width = clip.background.shape[0] - 2 * MARGIN, clip.background.shape[1] - 2 * MARGIN
    canvas = _behind(clip, frame, (height, width))
    for index, actor in enumerate(clip.actors):
        pose = seen_pose(clip, index, frame)
        surface = trace(actor.head, pose, (height, width))
        _lay_body(canvas, actor, pose, frame)
        if surface is not None:
            act = actor.motion.expressions[frame]
            colour = shade(actor.head, surface, pose, act, seen_light(clip, frame))
            put(canvas, surface, colour)
    rng = np.random.default_rng([clip.seed, frame])
    return clip.camera.expose(clip.camera.develop(canvas), rng)


def put(canvas: Map, surface: Surface, colour: Map) -> None:
    """Blend a shaded head into the canvas."""
    canvas[surface.region] += surface.cover[..., None] * (colour - canvas[surface.region])


def _behind(clip: Clip, frame: int, size: tuple[int, int]) -> Map:
    dx, dy = (float(s) for s in clip.shake[frame] + MARGIN)
    left, top = int(dx), int(dy)
    fx, fy = np.float32(dx - left), np.float32(dy - top)
    patch = clip.background[top : top + size[0] + 1, left : left + size[1] + 1]
    rows = patch[:-1] + fy * (patch[1:] - patch[:-1])
    return np.asarray(rows[:, :-1] + fx * (rows[:, 1:] - rows[:, :-1]))


def _lay_body(canvas: Map, actor: Actor, pose: Pose, frame: int) -> None:
    if actor.long_hair is not None:
        lay(canvas, actor.long_hair, pose, turn=1.0)
    own, rest = actor.motion.poses[frame], actor.rest
    # Shoulders follow half of the head's sway, and all of a walk.
    lag_x, lag_y = (np.clip(d / 2, -9, 9) for d in (own.x - rest[0], own.y - rest[1]))
    lay(canvas, actor.body, replace(pose, x=pose.x - lag_x, y=pose.y - lag_y), turn=0.0)
