"""Who is filmed and forged how: portraits of real people become pairs of clips.

    real/NNNNN.mp4              a shot of a portrait
    <ingredient>/NNNNN.mp4      the same shot, forged; see `forge.pseudo_fake`
    .../NNNNN.jpg               of those held out also the first frame, as a picture

Every person, also one who only lends a face, stands on one side of the split.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from deeptell.config import PortraitConfig
from deeptell.errors import DataError
from deeptell.files import replacing
from deeptell.forge.pseudo_fake import PseudoFake, Redraw
from deeptell.forge.shot import Portrait, Shot
from deeptell.media.encode import write_video
from deeptell.records import Image

REAL, TRAIN, VAL = "real", "train", "val"
_CANDIDATES = 40  # of whom the one with the most similar landmarks lends the face
_QUALITY = (60, 95)  # of JPEG
_LEAST_PEOPLE = 2  # on each side: one to be forged, one to lend a face


@dataclass(frozen=True, slots=True)
class Part:
    """One shot, and one forgery of it."""

    number: int
    target: int  # which portrait is filmed
    source: int  # and which one lends its face, where one does
    ingredient: str
    split: str

    @property
    def clips(self) -> tuple[Path, Path]:
        """Where the shot and its forgery lie."""
        name = f"{self.number:05d}.mp4"
        return Path(REAL) / name, Path(self.ingredient) / name

    @property
    def pictures(self) -> tuple[Path, ...]:
        """Where their first frames do. What is flagged of pictures is measured on them."""
        return tuple(path.with_suffix(".jpg") for path in self.clips if self.split == VAL)


def cast(
    people: NDArray[np.str_],
    folders: NDArray[np.str_],
    shapes: NDArray[np.float64],
    config: PortraitConfig,
) -> list[Part]:
    """Say who is filmed, and forged how; equal arguments give equal parts.

    Each folder of portraits gives as many shots as the largest, as far as `config.shots` of each
    portrait go: a small set of good pictures is not drowned by a large one.

    Args:
        people: `(N,)` whom each portrait shows.
        folders: `(N,)` the set it belongs to.
        shapes: `(N, K)` landmarks in coordinates of the face.

    Raises:
        DataError: there are too few people.
    """
    rng = np.random.default_rng(config.seed)
    names = np.unique(people)
    held_out = max(_LEAST_PEOPLE, round(config.val * len(names)))
    if len(names) < held_out + _LEAST_PEOPLE:
        raise DataError(
            f"Portraits of at least {2 * _LEAST_PEOPLE} people are needed, {len(names)} were "
            "given: add portraits."
        )
    sides = np.isin(people, rng.permutation(names)[:held_out])
    shot = _kept(_shots(folders, config, rng), sides, config.most)
    kinds = sorted(config.ingredients)
    shares = np.array([config.ingredients[kind] for kind in kinds], np.float64)
    parts = []
    for number, target in enumerate(shot):
        others = np.flatnonzero((sides == sides[target]) & (people != people[target]))
        alike = others[folders[others] == folders[target]]
        others = alike if len(alike) else others
        asked = rng.choice(others, min(_CANDIDATES, len(others)), replace=False)
        source = asked[np.square(shapes[asked] - shapes[target]).sum(1).argmin()]
        ingredient = str(rng.choice(kinds, p=shares / shares.sum()))
        split = VAL if sides[target] else TRAIN
        parts.append(Part(number, int(target), int(source), ingredient, split))
    return parts


def _shots(
    folders: NDArray[np.str_], config: PortraitConfig, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Which portrait each shot is of, in random order."""
    names, sizes = np.unique(folders, return_counts=True)
    chosen = []
    for name, size in zip(names, sizes, strict=True):
        members = np.flatnonzero(folders == name)
        times = min(config.shots, -(-sizes.max() // size))
        chosen.append(np.tile(members, times))
    return rng.permutation(np.concatenate(chosen))


def _kept(
    shot: NDArray[np.int64], held_out: NDArray[np.bool_], most: int | None
) -> NDArray[np.int64]:
    """So many shots that are trained on, and one of each portrait that is not.

    How rare a false alarm can be shown to be depends on how many people were held out.
    """
    if most is None:
        return shot
    learnt, others = shot[~held_out[shot]][:most], shot[held_out[shot]]
    return np.concatenate([learnt, others[np.sort(np.unique(others, return_index=True)[1])]])


def write_part(
    out: Path,
    part: Part,
    config: PortraitConfig,
    *,
    portrait: Callable[[int], Portrait],
    redraw: Redraw,
) -> None:
    """Film one part and forge it, where its clips are missing.

    Both go through the same encoding. The bytes depend on the arguments alone.

    Args:
        portrait: reads a portrait by number.
        redraw: draws faces as an autoencoder does.
    """
    if all((out / path).is_file() for path in (*part.clips, *part.pictures)):
        return
    rng = np.random.default_rng([config.seed, part.number])
    shot = Shot.draw(rng, frames=config.frames)
    fake = PseudoFake.draw(rng, part.ingredient, frames=config.frames)
    crf, quality = (int(rng.integers(low, high + 1)) for low, high in (config.crf, _QUALITY))
    frames = shot.film(portrait(part.target))
    forged = fake.forge(frames, portrait(part.source), redraw)
    filmed: list[Image] = [np.asarray(frame.image + 0.5, np.uint8) for frame in frames]
    made = (filmed, [image for image, _ in forged])
    for path, images in zip(part.clips, made, strict=True):
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        write_video(out / path, images, crf=crf)
    for path, images in zip(part.pictures, made, strict=False):
        _write_picture(out / path, images[0], quality=quality)


def _write_picture(path: Path, image: Image, *, quality: int) -> None:
    with replacing(path) as temporary:
        bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        temporary.write_bytes(data.tobytes())
