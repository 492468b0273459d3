"""A set of scenes beside the benchmark: what a scan meets and whole-clip forgeries do not show.

Partial intervals, two people with one swapped, shot cuts, and edge cases, played by the people
of the test split. `truth.parquet` says what is manipulated: video, person, start, end.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from deeptell.config import SynthConfig
from deeptell.errors import ConfigError
from deeptell.files import replacing
from deeptell.forge.clip import FRAME_RATE, SIZE, Clip, film
from deeptell.forge.footage import look_at, shoot
from deeptell.forge.manipulations import MANIPULATIONS
from deeptell.forge.motion import Motion, move
from deeptell.forge.plan import frame_count, person_seed, plan, spread
from deeptell.media.encode import PROFILES, write_video
from deeptell.progress import Progress
from deeptell.records import Image

_WIDE = (256, 448)  # height and width of a frame with two people


@dataclass(frozen=True, slots=True)
class Fake:
    """Which actor of a shot is manipulated, how, and in which part of it, in shares."""

    actor: int
    method: str
    start: float = 0.0
    stop: float = 1.0


@dataclass(frozen=True, slots=True)
class Casting:
    """Who plays: seeds of the people on camera and of the one whose face is put on."""

    people: tuple[int, ...]
    source: int
    frames: int
    rng: np.random.Generator


@dataclass(frozen=True, slots=True)
class Shot:
    """One uncut piece of a scene; `people` numbers its actors within the whole scene."""

    film: Callable[[Casting], Clip]
    people: tuple[int, ...] = (0,)
    fakes: tuple[Fake, ...] = ()


def write_extra(
    out: Path,
    config: SynthConfig,
    *,
    compression: str = "c23",
    jobs: int = 1,
    progress: Progress | None = None,
) -> None:
    """Write all scenes as `out/<name>.mp4`, and `out/truth.parquet`; scenes there are kept.

    Raises:
        ConfigError: the configuration has no test people.
        OutputError: `out` cannot be written.
    """
    if not scene_names(config):
        raise ConfigError("The extra scenes need test people: ask for at least 1 test pair.")
    write_truth(out, config)
    write = partial(write_scene, out, config, compression=compression)
    spread(write, scene_names(config), jobs=jobs, progress=progress)


def scene_names(config: SynthConfig) -> list[str]:
    """The scenes that this configuration has people for: all or none."""
    return list(SCENES) if _people(config) else []


def write_truth(out: Path, config: SynthConfig) -> None:
    """Write `truth(config)` as `out/truth.parquet`."""
    with replacing(out / "truth.parquet") as part:
        truth(config).to_parquet(part, index=False)


def write_scene(out: Path, config: SynthConfig, name: str, *, compression: str) -> None:
    """Write one scene, if it is missing."""
    path = out / f"{name}.mp4"
    if path.is_file():
        return
    profile, number = PROFILES[compression], list(SCENES).index(name)
    images: list[Image] = []
    for index, shot in enumerate(SCENES[name]):
        images += _play(shot, _cast(config, number, index, shot))
    write_video(path, images, frame_rate=FRAME_RATE, crf=profile.crf, rgb=profile.rgb)


def truth(config: SynthConfig) -> pd.DataFrame:
    """What is manipulated in which scene.

    A row per manipulated interval: `video` (file name), `person` (counted from 0 in order of
    appearance, then from left to right), `start` and `end` (seconds, end excluded). A video
    without one has a single row with nulls.
    """
    rows: list[tuple[str, int | None, float | None, float | None]] = []
    frames = _frames(config)
    for name, shots in SCENES.items():
        found = [
            (f"{name}.mp4", shot.people[fake.actor], *_seconds(fake, frames, frames * index))
            for index, shot in enumerate(shots)
            for fake in shot.fakes
        ]
        rows += found or [(f"{name}.mp4", None, None, None)]
    table = pd.DataFrame(rows, columns=["video", "person", "start", "end"])
    return table.astype({"person": "Int64", "start": "float64", "end": "float64"})


def _seconds(fake: Fake, frames: int, offset: int) -> tuple[float, float]:
    start, stop = _interval(fake, frames)
    return (start + offset) / FRAME_RATE, (stop + offset) / FRAME_RATE


def _interval(fake: Fake, frames: int) -> tuple[int, int]:
    return round(fake.start * frames), round(fake.stop * frames)


def _frames(config: SynthConfig) -> int:
    # Long enough for a person to come and go, and to be followed, in the shortest benchmark.
    return 3 * frame_count(config)


def _people(config: SynthConfig) -> list[int]:
    pairs = [pair for pair in plan(config) if pair.split == "test"]
    return [person_seed(config, person) for p in pairs for person in (p.first, p.second)]


def _cast(config: SynthConfig, number: int, index: int, shot: Shot) -> Casting:
    known = _people(config)
    first = 2 * number
    people = tuple(known[(first + 2 * person) % len(known)] for person in shot.people)
    # The face put on belongs to the target's partner, so no person crosses a pair.
    target = shot.people[shot.fakes[0].actor] if shot.fakes else 0
    source = known[(first + 2 * target + 1) % len(known)]
    rng = np.random.default_rng([config.seed, 7, number, index])
    return Casting(people, source, _frames(config), rng)


def _play(shot: Shot, casting: Casting) -> list[Image]:
    clip = shot.film(casting)
    filmed = shoot(clip)
    images = list(filmed)
    for fake in shot.fakes:
        donor = _talk(replace(casting, people=(casting.source,)))
        target, source = look_at(clip, filmed, fake.actor), look_at(donor, shoot(donor))
        start, stop = _interval(fake, len(images))
        forged = MANIPULATIONS[fake.method](target, source, casting.rng)
        for frame, (image, _) in enumerate(forged):
            if start <= frame < stop:
                images[frame] = image
    return images


def _motion(
    casting: Casting,
    x: float,
    y: float = 0.45,
    *,
    scale: float = 0.2,
    size: tuple[int, int] = SIZE,
) -> Motion:
    """Somebody talking at these shares of width and height, half a skull `scale` heights wide."""
    height, width = size
    centre = (x * width, y * height)
    return move(casting.rng, casting.frames, centre=centre, scale=scale * height)


def _talk(casting: Casting) -> Clip:
    motion = _motion(casting, 0.5)
    return film([(casting.people[0], motion)], casting.rng, frames=casting.frames)


def _two(casting: Casting) -> Clip:
    places = [_motion(casting, x, scale=0.17, size=_WIDE) for x in (0.27, 0.73)]
    cast = list(zip(casting.people, places, strict=True))
    return film(cast, casting.rng, frames=casting.frames, size=_WIDE)


def _profile(casting: Casting) -> Clip:
    motion = _motion(casting, 0.5)
    turn = 1.35 * np.sin(np.linspace(0, np.pi, casting.frames)) ** 2
    poses = tuple(replace(p, yaw=float(t)) for p, t in zip(motion.poses, turn, strict=True))
    cast = [(casting.people[0], replace(motion, poses=poses))]
    return film(cast, casting.rng, frames=casting.frames)


def _leaving(casting: Casting) -> Clip:
    motion = _motion(casting, 0.5)
    away = (
        1.1 * SIZE[1] * np.clip(1.8 * np.sin(np.linspace(0, np.pi, casting.frames)) - 0.9, 0, 0.9)
    )
    poses = tuple(replace(p, x=p.x + float(a)) for p, a in zip(motion.poses, away, strict=True))
    cast = [(casting.people[0], replace(motion, poses=poses))]
    return film(cast, casting.rng, frames=casting.frames)


def _dark(casting: Casting) -> Clip:
    clip = _talk(casting)
    camera = replace(clip.camera, gain=clip.camera.gain * np.float32(0.05), noise=6.0)
    return replace(clip, camera=camera)


def _small(casting: Casting) -> Clip:
    motion = _motion(casting, 0.5, 0.87, scale=0.036)
    return film([(casting.people[0], motion)], casting.rng, frames=casting.frames)


def _nobody(casting: Casting) -> Clip:
    return film([], casting.rng, frames=casting.frames)


SCENES: dict[str, tuple[Shot, ...]] = {
    "real": (Shot(_talk),),
    **{
        f"partial_{method.lower()}": (Shot(_talk, fakes=(Fake(0, method, 0.4, 0.8),)),)
        for method in MANIPULATIONS
    },
    "two_people_right_swapped": (Shot(_two, (0, 1), (Fake(1, "Deepfakes"),)),),
    "two_people_real": (Shot(_two, (0, 1)),),
    "cuts_second_shot_swapped": (
        Shot(_talk),
        Shot(_talk, (1,), (Fake(0, "FaceSwap"),)),
        Shot(_talk),
    ),
    "cuts_real": (Shot(_talk), Shot(_talk, (1,))),
    "profile_turn_real": (Shot(_profile),),
    "leaves_and_returns_swapped": (Shot(_leaving, fakes=(Fake(0, "Deepfakes"),)),),
    "dark_swapped": (Shot(_dark, fakes=(Fake(0, "FaceSwap"),)),),
    "small_face_real": (Shot(_small),),
    "no_face": (Shot(_nobody, ()),),
}
