"""Four forgeries modelled on FaceForensics++ (Roessler et al., ICCV 2019), made on raw frames.

Each yields, for every frame of the target, the forged frame `(H, W, 3)` uint8 and the mask
`(H, W)` uint8, 255 where pixels were replaced. What a forgery leaves behind is what the real ones
leave: another resolution and no camera noise inside the mask, a rim, colours that nearly match,
small jumps from frame to frame, and the fingerprint of what made it: the lattice of a generator's
upsampling layers, or the facets of a rendered mesh. All of it is local: colours and detail of the
whole face agree with the target's, so that global statistics do not give a forgery away.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.forge.blending import Blender, Mask, untouched
from deeptell.forge.clip import seen_light
from deeptell.forge.footage import Footage, landmarks, restage
from deeptell.forge.head import Head, Map, step
from deeptell.forge.motion import Pose
from deeptell.forge.render import Light, Surface, facial_cover, project
from deeptell.forge.warp import hull_cover, warp_image
from deeptell.records import Image

Forged = Iterator[tuple[Image, Mask]]
Manipulation = Callable[[Footage, Footage, np.random.Generator], Forged]

_CROP = 2.5  # side of the aligned crop that a generator sees, head units
_LATTICE = 64  # quarter periods of a generator's lattice across that crop

# What an upscaler, or a renderer's sharpening, adds to a small picture, band by band.
_SYNTHESIS = (1.3, 1.6, 1.15, 0.9, 0.9)
_RENDERING = (1.1, 1.2, 1.05, 0.92, 0.95)


def deepfakes(target: Footage, source: Footage, rng: np.random.Generator) -> Forged:
    """Swap the identity: the source's face re-synthesised small, colour-matched, blended softly.

    As a face-swapping autoencoder does: an aligned crop of 64 to 96 pixels is generated under the
    target's pose, expression and light, enlarged, and jumps a little from frame to frame.
    """
    resolution, strength = int(rng.integers(64, 96)), rng.uniform(6.0, 8.0)
    blender = Blender.draw(
        rng,
        target.clip.camera,
        bias=5.0,
        flicker=1.5,
        rim=(2.0, 3.5),
        crispness=_SYNTHESIS,
    )
    for frame, image in enumerate(target.images):
        surface, pose = target.surfaces[frame], target.poses[frame]
        if surface is None:
            yield untouched(image)
            continue
        light, act = seen_light(target.clip, frame), target.expressions[frame]
        fitted = _fit(source.head, target.head, pose)
        staged = restage(target, frame, source.head, fitted, act, light=light)
        jumped = _nudged(pose, rng, 0.7)
        patch = regenerate(staged, pose, resolution, back_to=jumped)[surface.region]
        fine = focus(source.head, surface)
        pattern = strength * fine * lattice(surface, jumped)
        cover = facial_cover(target.head, surface)
        yield blender.blend(image, patch, cover, pattern, surface, rng, fine=fine)


def face_swap(target: Footage, source: Footage, rng: np.random.Generator) -> Forged:
    """Paste a warped frame of the source: landmarks, thin-plate warp, mean colour, feathered hull.

    The pasted face keeps the source's own expression, gaze and shadows, on a coarse mesh.
    """
    size, strength = rng.uniform(0.13, 0.17), rng.uniform(4.5, 6.5)
    blender = Blender.draw(rng, target.clip.camera, bias=7.0, flicker=1.0, rim=(1.0, 1.8))
    goal, origin = landmarks(target.head.person), landmarks(source.head.person)
    for frame, image in enumerate(target.images):
        surface, other = target.surfaces[frame], frame % len(source.images)
        if surface is None or source.surfaces[other] is None:
            yield untouched(image)
            continue
        here = project(target.head, target.poses[frame], goal) + rng.normal(0, 0.6, goal.shape)
        there = project(source.head, source.poses[other], origin)
        patch = warp_image(source.images[other], here, there, surface)
        cover = hull_cover(here, surface) * facial_cover(target.head, surface)
        yield blender.blend(image, patch, cover, strength * facets(surface, size), surface, rng)


def face_to_face(target: Footage, source: Footage, rng: np.random.Generator) -> Forged:
    """Reenact: the target's whole face rendered again with the source's expressions.

    The face model's texture is smoother than skin, its light is an estimate, its mesh is coarse.
    """
    resolution, size = int(rng.integers(76, 110)), rng.uniform(0.13, 0.17)
    strength, error = rng.uniform(6.0, 8.0), rng.normal(0, 0.25, 3)
    blender = Blender.draw(
        rng,
        target.clip.camera,
        bias=5.0,
        flicker=1.2,
        rim=(1.0, 1.8),
        crispness=_RENDERING,
    )
    for frame, image in enumerate(target.images):
        surface, pose = target.surfaces[frame], _nudged(target.poses[frame], rng, 0.3)
        if surface is None:
            yield untouched(image)
            continue
        act = source.expressions[frame % len(source.expressions)]
        light = _estimated(seen_light(target.clip, frame), error)
        staged = restage(target, frame, target.head, pose, act, light=light)
        patch = regenerate(staged, pose, resolution, back_to=pose)[surface.region]
        cover = facial_cover(target.head, surface)
        fine = focus(target.head, surface)
        pattern = strength * fine * facets(surface, size)
        yield blender.blend(image, patch, cover, pattern, surface, rng, fine=fine)


def neural_textures(target: Footage, source: Footage, rng: np.random.Generator) -> Forged:
    """Reenact the mouth only: a generator repaints it with the source's expressions."""
    resolution, strength = int(rng.integers(56, 80)), rng.uniform(7.0, 9.0)
    blender = Blender.draw(
        rng,
        target.clip.camera,
        bias=6.0,
        flicker=1.5,
        rim=(1.5, 2.5),
        crispness=(0.75,) * 5,
    )
    for frame, image in enumerate(target.images):
        surface, pose = target.surfaces[frame], _nudged(target.poses[frame], rng, 0.3)
        if surface is None:
            yield untouched(image)
            continue
        act, own = source.expressions[frame % len(source.expressions)], target.expressions[frame]
        spoken = replace(own, jaw=act.jaw, smile=act.smile, pucker=act.pucker)
        light = seen_light(target.clip, frame)
        staged = restage(target, frame, target.head, pose, spoken, light=light)
        patch = regenerate(staged, pose, resolution, back_to=pose)[surface.region]
        pattern = strength * lattice(surface, pose)
        cover = _mouth_area(target.head, surface)
        yield blender.blend(image, patch, cover, pattern, surface, rng)


# The names are the folders of FaceForensics++.
MANIPULATIONS: dict[str, Manipulation] = {
    "Deepfakes": deepfakes,
    "Face2Face": face_to_face,
    "FaceSwap": face_swap,
    "NeuralTextures": neural_textures,
}


def regenerate(staged: Map, pose: Pose, resolution: int, *, back_to: Pose) -> Map:
    """Pass the face through an aligned crop of `resolution` pixels and back to another pose."""
    to_crop, from_crop = _to_crop(pose, resolution), _to_crop(back_to, resolution)
    zoom = resolution / (_CROP * pose.scale)
    smooth = cv2.GaussianBlur(staged, (0, 0), max(0.3, 0.4 / zoom))
    small = cv2.warpAffine(smooth, to_crop, (resolution, resolution), flags=cv2.INTER_LINEAR)
    back = cv2.invertAffineTransform(from_crop)
    return np.asarray(cv2.warpAffine(small, back, staged.shape[1::-1], flags=cv2.INTER_CUBIC))


def lattice(surface: Surface, pose: Pose) -> Map:
    """The pattern that stacked transposed convolutions leave, in [-1, 1] over the region.

    See Odena et al., "Deconvolution and checkerboard artifacts", Distill 2016.
    """
    height, width = surface.cover.shape
    turn = _to_crop(pose, _LATTICE).astype(np.float32)
    x = np.arange(surface.left, surface.left + width, dtype=np.float32)
    y = np.arange(surface.top, surface.top + height, dtype=np.float32)[:, None]
    across, down = (turn[i, 0] * x + turn[i, 1] * y + turn[i, 2] for i in range(2))
    return np.asarray(np.cos(across * np.float32(np.pi / 2)) * np.cos(down * np.float32(np.pi / 2)))


def focus(head: Head, surface: Surface) -> Map:
    """Where a maker invents most and its fingerprint is strongest: mouth and eyes, in [0, 1]."""
    p = head.person
    mouth = np.hypot(surface.x / 0.5, (surface.y - p.mouth_y - 0.05) / 0.36)
    eyes = np.hypot((np.abs(surface.x) - p.eye_x) / 0.27, (surface.y - p.eye_y - 0.1) / 0.24)
    return step(np.minimum(mouth, eyes), 1.15, 0.75)


def facets(surface: Surface, size: float) -> Map:
    """The flat triangles of a coarse mesh that is lit face by face, in [-1, 1] over the region.

    Args:
        size: of a triangle, head units.
    """
    across, down = surface.x / np.float32(size), surface.y / np.float32(size)
    corner = 1 - (across - np.floor(across)) - (down - np.floor(down))
    return np.asarray(np.clip(corner * 3, -1, 1))


def _to_crop(pose: Pose, resolution: int) -> NDArray[np.float64]:
    """The affine map `(2, 3)` from the frame to the aligned crop."""
    cos, sin = np.cos(pose.roll), np.sin(pose.roll)
    turn = resolution / (_CROP * pose.scale) * np.array([[cos, sin], [-sin, cos]])
    centre = np.array([pose.x, pose.y + 0.25 * pose.scale])
    return np.column_stack([turn, resolution / 2 - turn @ centre])


def _fit(head: Head, target: Head, pose: Pose) -> Pose:
    """The pose in which `head` has its eyes and mouth where the target's are."""
    points = [landmarks(h.person)[[0, 9, 5, 14]] for h in (head, target)]
    mine, wanted = (project(h, pose, p) for h, p in zip((head, target), points, strict=True))
    spread = [np.linalg.norm(p - p.mean(0)) for p in (mine, wanted)]
    ratio = float(np.clip(spread[1] / spread[0], 0.85, 1.15))
    centre = np.array([pose.x, pose.y])
    moved = wanted.mean(0) - (centre + ratio * (mine.mean(0) - centre))
    return replace(
        pose, x=pose.x + float(moved[0]), y=pose.y + float(moved[1]), scale=pose.scale * ratio
    )


def _nudged(pose: Pose, rng: np.random.Generator, pixels: float) -> Pose:
    dx, dy = rng.normal(0, pixels, 2)
    return replace(pose, x=pose.x + dx, y=pose.y + dy)


def _estimated(light: Light, error: NDArray[np.float64]) -> Light:
    """The light as a face model fits it: a little off, and without gloss."""
    direction = np.array(light.direction) + error
    x, y, z = (float(c) for c in direction / np.linalg.norm(direction))
    return replace(light, direction=(x, y, z), shine=0.0)


def _mouth_area(head: Head, surface: Surface) -> Map:
    p = head.person
    middle = p.mouth_y + 0.10
    radius = np.hypot(surface.x / (p.mouth_width * 1.6), (surface.y - middle) / 0.33)
    return step(radius, 1.05, 0.95) * surface.cover * (surface.depth > 0)
