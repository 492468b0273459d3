"""Write the generated benchmark as the tree, the names and the splits of FaceForensics++.

    original_sequences/youtube/{raw,c23,c40}/videos/NNN.mp4
    manipulated_sequences/<Method>/{raw,c23,c40}/videos/NNN_MMM.mp4      target NNN, source MMM
    manipulated_sequences/<Method>/masks/videos/NNN_MMM.mp4              255 where manipulated
    splits/{train,val,test}.json                                         pairs of ids
    extra/*.mp4, extra/truth.parquet                                     see `forge.extra`

Every person appears in one pair, and every pair in one split.
"""

import json
from functools import partial
from pathlib import Path

import numpy as np

from deeptell.config import SynthConfig
from deeptell.errors import OutputError
from deeptell.files import replacing
from deeptell.forge.blending import Mask
from deeptell.forge.clip import FRAME_RATE, make_clip
from deeptell.forge.extra import scene_names, write_scene, write_truth
from deeptell.forge.footage import Footage, look_at, shoot
from deeptell.forge.manipulations import MANIPULATIONS
from deeptell.forge.plan import SPLITS, Pair, frame_count, person_seed, plan, spread
from deeptell.media.encode import PROFILES, write_video
from deeptell.progress import Progress
from deeptell.records import Image

MARKER = "deeptell-synth.json"
_MASK_CRF = 12


def write_benchmark(
    out: Path, config: SynthConfig, *, jobs: int, progress: Progress | None = None
) -> None:
    """Write the benchmark into `out`, part after part in `jobs` processes.

    The bytes depend on the configuration alone, not on `jobs`. Clips that are there already are
    kept, so a run that was killed goes on where it stopped. The extra scenes are written where
    there are test people to play them. `progress` is called with the number of finished parts
    and the number of all of them.

    Raises:
        OutputError: `out` holds something else, or was begun with other settings.
        ConfigError: no pair, or more than 500.
    """
    pairs = plan(config)
    claim(out, config)
    write_splits(out, pairs)
    if scene_names(config):
        write_truth(out / "extra", config)
    parts = [*pairs, *scene_names(config)]
    spread(partial(_write_part, out, config), parts, jobs=jobs, progress=progress)


def _write_part(out: Path, config: SynthConfig, part: Pair | str) -> None:
    if isinstance(part, Pair):
        write_pair(out, config, part)
    else:
        level = "c23" if "c23" in config.compressions else config.compressions[0]
        write_scene(out / "extra", config, part, compression=level)


def claim(out: Path, config: SynthConfig) -> None:
    """Make `out` ours, or check that it is; a marker file says what is being written there."""
    wanted = config.model_dump(mode="json", exclude={"compressions"})
    marker = out / MARKER
    try:
        if marker.is_file():
            if json.loads(marker.read_text(encoding="utf-8")) != wanted:
                raise OutputError(
                    f"The folder {out} holds a benchmark with other settings ({MARKER}). "
                    f"Choose another folder, or the same settings to go on with it."
                )
            return
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise OutputError(
                f"The folder {out} is not empty and holds no benchmark of deeptell. "
                f"Choose a new or an empty folder."
            )
        out.mkdir(parents=True, exist_ok=True)
        _write_json(marker, wanted)
    except (OSError, json.JSONDecodeError) as error:
        raise OutputError(f"The folder {out} cannot be used: {error}.") from error


def write_splits(out: Path, pairs: list[Pair]) -> None:
    """Write the pair-based split files in the official format: lists of two three-digit ids."""
    (out / "splits").mkdir(exist_ok=True)
    for split in SPLITS:
        rows = [[f"{p.first:03d}", f"{p.second:03d}"] for p in pairs if p.split == split]
        _write_json(out / "splits" / f"{split}.json", rows)


def write_pair(out: Path, config: SynthConfig, pair: Pair) -> None:
    """Write the two originals of a pair and all their forgeries, where they are missing."""
    footage: dict[int, Footage] = {}

    def shot(person: int) -> Footage:
        if person not in footage:
            clip = make_clip(person_seed(config, person), frame_count(config))
            footage[person] = look_at(clip, shoot(clip))
        return footage[person]

    for person in (pair.first, pair.second):
        missing = _missing(out / "original_sequences" / "youtube", f"{person:03d}", config)
        if missing:
            _write(missing, list(shot(person).images))
    for index, (method, forge) in enumerate(sorted(MANIPULATIONS.items())):
        root = out / "manipulated_sequences" / method
        for target, source in pair.directions:
            name = f"{target:03d}_{source:03d}"
            missing = _missing(root, name, config)
            mask_path = root / "masks" / "videos" / f"{name}.mp4"
            if missing or not mask_path.is_file():
                rng = np.random.default_rng([config.seed, target, source, index])
                forged = list(forge(shot(target), shot(source), rng))
                _write(missing, [image for image, _ in forged])
                write_mask(mask_path, [mask for _, mask in forged])


def write_mask(path: Path, masks: list[Mask]) -> None:
    """Write masks `(H, W)` uint8 as a grey video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, (np.dstack([m, m, m]) for m in masks), crf=_MASK_CRF)


def _missing(root: Path, name: str, config: SynthConfig) -> dict[str, Path]:
    paths = {level: root / level / "videos" / f"{name}.mp4" for level in config.compressions}
    return {level: path for level, path in paths.items() if not path.is_file()}


def _write(paths: dict[str, Path], images: list[Image]) -> None:
    for level, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        profile = PROFILES[level]
        write_video(path, images, frame_rate=FRAME_RATE, crf=profile.crf, rgb=profile.rgb)


def _write_json(path: Path, value: object) -> None:
    with replacing(path) as part:
        part.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
