"""Pseudo-fakes of real portraits: one face, made anew in one of several ways, is put back.

Self-blends (see `self_blend`) differ from what is passed around: a swap shows another person, whom
an autoencoder of limited resolution drew, smooth, with its colours matched, laid over the frame by
a soft mask. Each ingredient here is one of those steps or several of them, as the tools in use take
them (Perov et al., DeepFaceLab, arXiv 2005.05535: autoencoder, colour transfer, masks, sharpening);
another person of like landmarks is from Face X-ray (Li et al., CVPR 2020).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.forge.blending import BANDS, make_grain, match_colour, match_detail
from deeptell.forge.canvas import Canvas
from deeptell.forge.outline import MASKS, PARTS, Mask, draw_mask
from deeptell.forge.self_blend import Change
from deeptell.forge.shot import Map, Portrait, ShotFrame, without_colour
from deeptell.records import Image

FACES = Canvas(size=128, extent=0.62)  # what autoencoders learn from
SIDES = (128, 192, 256)  # of what a forgery is drawn on; the tools in use draw 128 to 320

# Faces `(N, side, side, 3)`, levels, go in and come out as an autoencoder draws them.
Redraw = Callable[[Map], Map]

Colours = Literal["light", "rgb", "lab", "mean", "own"]


@dataclass(frozen=True)
class Ingredient:
    """What a pseudo-fake is made of."""

    about: str
    other: bool = False  # the face of another person
    redrawn: bool = False  # by an autoencoder
    smoothed: bool = False  # of its skin, not of its edges
    reduced: bool = False  # to a lower resolution and back
    changed: bool = False  # in colour and detail, as self-blends are
    part: bool = False  # eyes or mouth alone


INGREDIENTS: Mapping[str, Ingredient] = {
    "redrawn": Ingredient("the same face as an autoencoder draws it", redrawn=True),
    "swapped": Ingredient("another person's face, laid over by landmarks", other=True),
    "redrawn_swap": Ingredient("another person's face, redrawn", other=True, redrawn=True),
    "smoothed": Ingredient("the same face without the grain of its skin", smoothed=True),
    "reduced": Ingredient("the same face at a lower resolution, sharpened", reduced=True),
    "self_blended": Ingredient("the same face moved, in other colours", changed=True),
    "parts": Ingredient("another person's eyes or mouth, redrawn", True, True, part=True),
}


@dataclass(frozen=True)
class PseudoFake:
    """How the face of one shot is forged; equal generators give equal forgeries."""

    ingredient: Ingredient
    canvas: Canvas  # what the new face is drawn on
    mask: Mask = field(repr=False)  # on `MASKS`, times the share of the new face in it
    redrawn_share: float  # of what the autoencoder drew; the rest is what it was shown
    reduced_to: float  # of the resolution
    change: Change
    smoothing: float  # of differences up to so many levels
    blur: float  # sigma, pixels of the canvas
    sharpening: float
    colours: Colours  # how they are matched
    light: float  # sigma of what counts as the light on a face, shares of the canvas
    tint: NDArray[np.float64]  # `(3,)` error that stays, levels
    chroma: float  # sigma over which colours run, shares of the canvas
    crispness: NDArray[np.float64] | None  # of `match_detail`; None: not matched
    seed: int  # of the grain that is made up
    shade: NDArray[np.float64]  # `(3, 3, 3)` and one that changes slowly over the face, levels
    flicker: NDArray[np.float64]  # `(frames, 3)` and one that changes, levels
    shift: NDArray[np.float64]  # `(2,)` of the new face, in sizes of the face
    poisson: bool  # blended by gradients

    @classmethod
    def draw(cls, rng: np.random.Generator, name: str, *, frames: int) -> "PseudoFake":
        """Draw how an ingredient is used."""
        kind = INGREDIENTS[name]
        part = str(rng.choice(list(PARTS))) if kind.part else None
        wander = 0.02 if kind.changed else 0.008
        # Eyes are too small for their contrast to say what that of others should be; and another
        # person's colours, as they are, nobody would send.
        known = {"light": 0.5, "mean": 0.1, "rgb": 0.15, "lab": 0.15, "own": 0.1}
        colours = list(known)[: 2 if kind.part else 4 if kind.other else 5]
        often = np.array([known[name] for name in colours])
        return cls(
            ingredient=kind,
            canvas=Canvas(int(rng.choice(SIDES)), FACES.extent),
            mask=draw_mask(rng, part=part) * np.float32(rng.choice([1.0, 1.0, 1.0, 0.9, 0.75])),
            redrawn_share=rng.uniform(0.3 if kind.other else 0.55, 1.0),
            reduced_to=rng.uniform(0.35, 0.9),
            change=Change.draw(rng),
            smoothing=rng.uniform(6, 24) * (rng.random() < 0.25 or kind.smoothed),
            blur=rng.uniform(0.4, 1.0) * (rng.random() < 0.25),
            sharpening=rng.uniform(0.3, 1.5) * (rng.random() < 0.35 or kind.reduced),
            colours=rng.choice(colours, p=often / often.sum()),
            light=rng.uniform(0.05, 0.2),
            tint=rng.normal(0, 2.5) + rng.normal(0, 2.5, 3),
            chroma=rng.uniform(0.01, 0.06) * (rng.random() < 0.5),
            crispness=_crispness(rng) if rng.random() < 0.9 else None,
            seed=int(rng.integers(2**31)),
            shade=rng.normal(0, rng.choice([0.0, 2.0, 4.0]), (3, 3, 1)) + np.zeros(3),
            flicker=rng.normal(0, rng.choice([0.0, 0.0, 1.5]), (frames, 3)),
            shift=rng.normal(0, wander, 2),
            poisson=bool(rng.random() < 0.05 and not kind.part),
        )

    def forge(
        self, frames: list[ShotFrame], other: Portrait, redraw: Redraw
    ) -> list[tuple[Image, Mask]]:
        """The forged frames `(H, W, 3)` uint8, and the masks `(H, W)` they were blended with.

        Args:
            other: whose face is taken where the ingredient takes another one.
        """
        # What draws anew leaves out the camera's noise, too.
        shown = [frame.scene if self.ingredient.redrawn else frame.image for frame in frames]
        faces = [frame.face for frame in frames]
        own = np.stack([self.canvas.of(*pair) for pair in zip(shown, faces, strict=True)])
        made = self._made(own, other, redraw)
        whole = (self.canvas.size, self.canvas.size)
        onto = _between(self.canvas) @ np.linalg.inv(_between(MASKS))
        inside = cv2.warpAffine(self.mask, onto[:2], whole)
        shade = cv2.resize(self.shade.astype(np.float32), whole, interpolation=cv2.INTER_CUBIC)
        fitted = [
            self._coloured(face, target, inside) + shade + flicker
            for face, target, flicker in zip(made, own, self.flicker, strict=True)
        ]
        rng = np.random.default_rng(self.seed)
        grain = make_grain(rng, frames[0].image.shape[:2])
        return [
            self._laid(frame, face, np.roll(grain, rng.integers(0, grain.shape[1:]), (1, 2)))
            for frame, face in zip(frames, fitted, strict=True)
        ]

    def _made(self, own: Map, other: Portrait, redraw: Redraw) -> Map:
        """What is laid over each frame, before its colours are matched."""
        kind, faces = self.ingredient, own
        if kind.other:
            faces = np.repeat(self.canvas.of(other.image, other.face)[None], len(own), axis=0)
        if kind.redrawn:
            share = np.float32(self.redrawn_share)
            faces = share * redraw(faces) + (1 - share) * faces
        if kind.reduced:
            faces = np.stack([_reduced(face, self.reduced_to) for face in faces])
        if kind.changed:
            faces = np.stack([self.change.of(_picture(face)) for face in faces]).astype(np.float32)
        return np.stack([self._detailed(face) for face in faces])

    def _detailed(self, face: Map) -> Map:
        if self.smoothing:
            reach = self.canvas.size / 64  # pixels; as far on every canvas
            face = cv2.bilateralFilter(np.ascontiguousarray(face), -1, self.smoothing, reach)
        if self.blur:
            face = cv2.GaussianBlur(face, (0, 0), self.blur)
        if self.sharpening:
            soft = cv2.GaussianBlur(face, (0, 0), 1.0)
            face = face + self.sharpening * (face - soft)
        return np.asarray(face, np.float32)

    def _coloured(self, face: Map, target: Map, inside: Mask) -> Map:
        """Match the colours of the target inside the mask, and miss them by the tint."""
        if self.ingredient.changed:  # that is what it is about
            return face
        matched = face
        if self.colours == "light":
            matched = _lit_as(face, target, inside, sigma=self.light * len(face))
        elif self.colours == "rgb":
            matched = match_colour(face, target, inside)
        elif self.colours == "lab":
            matched = _from_lab(match_colour(_to_lab(face), _to_lab(target), inside))
        elif self.colours == "mean":
            weight = inside / max(float(inside.sum()), 1e-6)
            matched = face + np.tensordot(weight, target - face, 2)
        if self.chroma:
            lab = _to_lab(matched)
            lab[..., 1:] = cv2.GaussianBlur(lab[..., 1:], (0, 0), self.chroma * len(face))
            matched = _from_lab(lab)
        return np.asarray(matched + self.tint, np.float32)

    def _laid(self, frame: ShotFrame, face: Map, grain: Map) -> tuple[Image, Mask]:
        """Lay the new face over a frame; the camera's noise stays outside."""
        height, width = frame.image.shape[:2]
        onto = self.canvas.onto(frame.face)
        onto[:2, 2] += self.shift * frame.face.size
        enlarges = np.linalg.det(onto[:2, :2]) > 1
        laid = cv2.warpAffine(
            face,
            onto[:2],
            (width, height),
            flags=cv2.INTER_CUBIC if enlarges else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        mask = np.asarray(
            cv2.warpAffine(self.mask, MASKS.onto(frame.face)[:2], (width, height)), np.float32
        )
        if self.crispness is not None:
            laid = match_detail(
                laid,
                frame.image,
                mask,
                np.zeros((height, width), np.float32),
                grain,
                noise=np.zeros(len(self.crispness)),
                crispness=self.crispness,
            )
        if self.poisson:
            laid = _gradients_kept(_picture(laid), _picture(frame.image), mask)
        if frame.is_grey:  # a face with colours would give itself away
            laid = without_colour(laid)
        mixed = frame.image + mask[..., None] * (laid - frame.image)
        return _picture(mixed), mask


def _crispness(rng: np.random.Generator) -> NDArray[np.float64]:
    """The strength of each band of detail, of the original's.

    Left as they are, forgeries drawn by small autoencoders have less detail than what they cover,
    nearly all of them. Those that are passed around have, once they were shrunk and encoded, as
    much and a little more: a detector that learns to find soft faces misses them. Of the finest
    detail the encoding takes more than of the original's, since none of it belongs together.
    """
    together, alone = rng.normal(0.1, 0.15), rng.normal(0, 0.08, len(BANDS))
    return np.asarray(np.exp(together + alone + np.linspace(0.2, 0.0, len(BANDS))), np.float64)


def _lit_as(face: Map, target: Map, inside: Mask, *, sigma: float) -> Map:
    """Replace what changes slowly inside the mask by the target's: its light and its complexion.

    Networks that draw one person for another draw the light that falls on the other; a face that
    keeps its own shading is told by that alone, and passed around by nobody.
    """
    weight = cv2.GaussianBlur(inside, (0, 0), sigma)[..., None] + np.float32(1e-3)
    apart = cv2.GaussianBlur((target - face) * inside[..., None], (0, 0), sigma)
    return np.asarray(face + apart / weight, np.float32)


def _between(canvas: Canvas) -> NDArray[np.float64]:
    """From coordinates of a face to pixels of a canvas: `(3, 3)`."""
    scale = canvas.size / (2 * canvas.extent)
    at = canvas.extent * scale - 0.5
    return np.array([[scale, 0, at], [0, scale, at], [0, 0, 1]])


def _reduced(face: Map, share: float) -> Map:
    side = max(8, round(share * len(face)))
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    whole = (len(face), len(face))
    return np.asarray(cv2.resize(small, whole, interpolation=cv2.INTER_CUBIC), np.float32)


def _gradients_kept(face: Image, frame: Image, mask: Mask) -> Map:
    """Poisson blending (Perez et al., 2003) inside the mask; as it is where it meets the border."""
    inside = (mask > 0.5 * mask.max()).astype(np.uint8) * 255
    inside[[0, 1, -2, -1]] = 0
    inside[:, [0, 1, -2, -1]] = 0
    rows, columns = (np.flatnonzero(inside.any(axis)) for axis in (1, 0))
    if not len(rows):
        return face.astype(np.float32)
    centre = (int(columns[0] + columns[-1]) // 2, int(rows[0] + rows[-1]) // 2)
    cloned = cv2.seamlessClone(face, frame, inside, centre, cv2.NORMAL_CLONE)
    return np.asarray(cloned, np.float32)


def _picture(levels: Map) -> Image:
    return np.asarray(np.clip(levels + 0.5, 0, 255), np.uint8)


def _to_lab(face: Map) -> Map:
    unit = np.clip(face, 0, 255).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2LAB), np.float32)


def _from_lab(face: Map) -> Map:
    lightness = np.clip(face[..., :1], 0, 100)
    lab = np.concatenate([lightness, np.clip(face[..., 1:], -127, 127)], axis=2)
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255, np.float32)
