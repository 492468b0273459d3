"""A filmed clip with what was true in it: the material that manipulations work on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deeptell.forge.clip import Clip, draw_frame, seen_pose
from deeptell.forge.head import Head, Map
from deeptell.forge.motion import Expression, Pose
from deeptell.forge.people import Person
from deeptell.forge.render import Light, Surface, shade, trace
from deeptell.records import Image

Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Footage:
    """The frames of a clip and, per frame, what they see of one of its people."""

    clip: Clip
    images: tuple[Image, ...]
    poses: tuple[Pose, ...]
    surfaces: tuple[Surface | None, ...]  # None where the head is outside the frame
    actor: int

    @property
    def head(self) -> Head:
        """The head of the person who is looked at."""
        return self.clip.actors[self.actor].head

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """What that person's face does."""
        return self.clip.actors[self.actor].motion.expressions


def shoot(clip: Clip) -> tuple[Image, ...]:
    """Film every frame of a clip."""
    return tuple(draw_frame(clip, frame) for frame in range(clip.frames))


def look_at(clip: Clip, images: tuple[Image, ...], actor: int = 0) -> Footage:
    """Find what the frames of a clip see of one of its people."""
    poses = tuple(seen_pose(clip, actor, frame) for frame in range(clip.frames))
    head, size = clip.actors[actor].head, images[0].shape[:2]
    surfaces = tuple(trace(head, pose, size) for pose in poses)
    return Footage(clip, images, poses, surfaces, actor)


def restage(
    footage: Footage, frame: int, head: Head, pose: Pose, act: Expression, *, light: Light
) -> Map:
    """Render a head into a frame through that clip's lens, without its noise.

    Returns levels `(H, W, 3)` float32 in [0, 255], around the head the frame's own.
    """
    surface = trace(head, pose, footage.images[0].shape[:2])
    canvas = footage.images[frame].astype(np.float32)
    if surface is None:
        return canvas
    colour = shade(head, surface, pose, act, light)
    level = footage.clip.camera.develop(colour, surface.left, surface.top)
    canvas[surface.region] += surface.cover[..., None] * (level - canvas[surface.region])
    return canvas


def landmarks(person: Person) -> Points:
    """Points on the front of a head that are the same for every person, `(22, 2)` head units."""
    p = person
    brow, side = p.eye_y - p.brow_lift, 0.80 * p.axes[0]
    right = [
        (p.eye_x - p.eye_width, p.eye_y),
        (p.eye_x + p.eye_width, p.eye_y),
        (p.eye_x - 0.22, brow),
        (p.eye_x + 0.22, brow),
        (p.nose_width, p.nose_y),
        (p.mouth_width, p.mouth_y),
        (side, p.eye_y + 0.1),
        (0.93 * side, p.mouth_y - 0.1),
        (0.45 * side, 1.10),
    ]
    middle = [
        (0.0, p.eye_y),
        (0.0, p.nose_y),
        (0.0, p.mouth_y + p.lower_lip),
        (0.0, 1.16),
    ]
    return np.array(right + [(-x, y) for x, y in right] + middle)
