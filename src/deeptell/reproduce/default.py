"""The default detector, from portraits of real people to a bundle; every step is kept.

out/portraits/      the portraits' faces, stored
out/autoencoders/   what the forge draws with, trained on them
out/clips/          shots of the portraits and pseudo-fakes of these shots, and their manifest
out/benchmark/      people who do not exist, and the four manipulations of the benchmark
out/faces/          the clips' faces, stored
out/training-1/     the first training run, and so on
out/bundle/         the detector: the vote of what the trainings left
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field

from deeptell.config import ExtractConfig, PortraitConfig, Stage, SynthConfig, TrainConfig, load
from deeptell.data.claim import claim
from deeptell.data.manifest import write_manifest
from deeptell.data.sources import faceforensics
from deeptell.data.sources.listing import NATIVE
from deeptell.errors import DataError
from deeptell.faces.extract import extract
from deeptell.faces.store import FaceStore
from deeptell.forge.benchmark import write_benchmark
from deeptell.forge.plan import spread
from deeptell.forge.portraits import REAL, Part, cast, write_part
from deeptell.forge.pseudo_fake import FACES, Redraw
from deeptell.forge.shot import Map, Portrait
from deeptell.media.decode import find_media
from deeptell.models.autoencoder import Upsampling
from deeptell.models.bundle import Bundle
from deeptell.progress import Progress, Step
from deeptell.records import FAKE
from deeptell.training.autoencoder import fit_autoencoder, load_autoencoder
from deeptell.training.run import train
from deeptell.training.vote import vote

Drawer = tuple[Path, Upsampling, int]  # the weights of an autoencoder, and how it is built

MARKER = "clips.json"
_FACES = ExtractConfig(frames=2)  # of each clip; neighbours show all but the same


class DefaultConfig(Stage):
    """How the default detector is made; `recipes/default/recipe.yaml`."""

    portraits: PortraitConfig = PortraitConfig()
    autoencoders: dict[Upsampling, int] = Field(
        {"shuffle": 64, "nearest": 128}, description="and the width of the code of each"
    )
    autoencoder_steps: int = Field(2400, ge=1, description="of 32 faces")
    benchmark: SynthConfig = SynthConfig()
    trainings: list[TrainConfig] = Field(
        [TrainConfig(), TrainConfig(augment="varied")],
        min_length=1,
        description="each goes on from the one before it, which sets its `weights`; all vote",
    )


def recipe(path: Path | None = None) -> DefaultConfig:
    """The recipe that comes with deeptell, or another one."""
    if path is not None:
        return load(DefaultConfig, path)
    with as_file(files("deeptell") / "recipes" / "default" / "recipe.yaml") as packaged:
        return load(DefaultConfig, packaged)


def build_default(
    folders: Sequence[Path], out: Path, *, config: DefaultConfig, jobs: int, step: Step
) -> Bundle:
    """Make everything under `out`; what an earlier run left there is kept.

    Args:
        folders: of pictures of real people, each a set of its own. Who is shown is told by the
            name of the file up to its last underscore: no person is on both sides of the split.
        step: opens a named step of the work and gives the function that reports its progress.

    Raises:
        DataError: no portrait, or too few people.
        OutputError: `out` was begun with other settings.
    """
    with step("Finding the faces of the portraits") as progress:
        listed = list_portraits(folders)
        extract(listed, out / "portraits", config=ExtractConfig(), jobs=jobs, progress=progress)
    portraits = FaceStore(out / "portraits")
    paths = _autoencoders(portraits, out / "autoencoders", config, step=step)
    drawers = [(paths[name], name, code) for name, code in config.autoencoders.items()]
    with step("Filming and forging the portraits") as progress:
        manifest = write_clips(
            portraits, out / "clips", drawers, config.portraits, jobs=jobs, progress=progress
        )
    with step("Writing a benchmark of people who do not exist") as progress:
        write_benchmark(out / "benchmark", config.benchmark, jobs=jobs, progress=progress)
    drawn = faceforensics.index(out / "benchmark")
    drawn = drawn.assign(path=[str(out.resolve() / "benchmark" / path) for path in drawn["path"]])
    manifest = pd.concat([manifest, drawn], ignore_index=True)
    with step("Finding and storing faces") as progress:
        extract(manifest, out / "faces", config=_FACES, jobs=jobs, progress=progress)
    store = FaceStore(out / "faces")
    left: list[Path] = []
    for number, training in enumerate(config.trainings, start=1):
        last = training.model_copy(update={"weights": str(left[-1])} if left else {})
        run = training_folder(out, number)
        with step(f"Training the detector ({number} of {len(config.trainings)})") as progress:
            train(store, run, config=last, progress=progress)
        left.append(run / "bundle")
    with step("Measuring what the trainings left, together"):
        return vote(store, out, bundles=left, config=last)


def training_folder(out: Path, number: int) -> Path:
    """Where a training of the recipe is kept, counted from 1."""
    return out / f"training-{number}"


def list_portraits(folders: Sequence[Path]) -> pd.DataFrame:
    """A manifest of pictures, all of them real.

    Raises:
        MediaError: a folder is not there or holds no pictures.
    """
    rows = [
        (folder.name, path, path.stem.rpartition("_")[0] or path.stem)
        for folder in folders
        for path in find_media(folder)
    ]
    return pd.DataFrame(
        {
            "video_key": [f"{name}/real/{NATIVE}/{path}" for name, path, _ in rows],
            "path": [str(path) for _, path, _ in rows],
            "dataset": [name for name, _, _ in rows],
            "method": REAL,
            "compression": NATIVE,
            "label": 0,
            "split": "",
            "target_id": [f"{name}/{person}" for name, _, person in rows],
            "source_id": "",
            "group": [f"{name}/{person}" for name, _, person in rows],
        }
    )


def _autoencoders(
    portraits: FaceStore, folder: Path, config: DefaultConfig, *, step: Step
) -> dict[Upsampling, Path]:
    """The files of the autoencoders, trained where they are missing."""
    paths = {
        name: folder / f"{name}-{code}.safetensors" for name, code in config.autoencoders.items()
    }
    if all(path.is_file() for path in paths.values()):
        return paths
    folder.mkdir(parents=True, exist_ok=True)
    faces = _canvases(portraits)
    for seed, (name, code) in enumerate(config.autoencoders.items()):
        with step(f"Training an autoencoder ({name})") as progress:
            fit_autoencoder(
                faces,
                paths[name],
                upsampling=name,
                code=code,
                steps=config.autoencoder_steps,
                seed=seed,
                progress=progress,
            )
    return paths


def _canvases(portraits: FaceStore) -> NDArray[np.uint8]:
    """What autoencoders learn from, `(N, 128, 128, 3)`; each folder as often as the largest."""
    shown = _shown(portraits)
    sizes = shown["dataset"].value_counts()
    faces = []
    for row, folder in zip(shown.index, shown["dataset"], strict=True):
        crop = portraits.read([row])[0]
        face = np.clip(FACES.of(crop.image, crop.face_in_crop) + 0.5, 0, 255).astype(np.uint8)
        faces += [face] * int(sizes.max() // sizes[folder])
    return np.stack(faces)


def _shown(portraits: FaceStore) -> pd.DataFrame:
    """Whom each picture shows: its largest face, by row of the store's index.

    Raises:
        DataError: there is none.
    """
    index = portraits.index
    if index.empty:
        raise DataError("No face was found in the portraits: give pictures that show one.")
    size = [portraits.read([row])[0].face.size for row in range(len(index))]
    largest = (
        index.assign(size=size).sort_values("size").groupby("video_key", observed=True).tail(1)
    )
    about = portraits.videos.set_index("video_key")[["dataset", "group"]]
    return largest.sort_index().join(about, on="video_key")


def write_clips(
    portraits: FaceStore,
    out: Path,
    drawers: Sequence[Drawer],
    config: PortraitConfig,
    *,
    jobs: int,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Write the clips of all parts into `out`, and their manifest, which is returned.

    Raises:
        OutputError: `out` was begun with other settings, or a process was killed.
        DataError: there are too few people.
    """
    shown = _shown(portraits)
    people, sets = (shown[name].to_numpy(str) for name in ("group", "dataset"))
    parts = cast(people, sets, _shapes(portraits, shown.index), config)
    settings = {**config.model_dump(mode="json"), "portraits": portraits.fingerprint}
    claim(out, settings, marker=MARKER)
    arguments = (portraits.path, shown.index.to_numpy(), out, drawers, config)
    spread(_write, parts, jobs=jobs, progress=progress, setup=_set_up, arguments=arguments)
    manifest = _manifest(parts, people)
    write_manifest(manifest, out / "manifest.parquet", root=out)
    return manifest.assign(path=[str(out.resolve() / path) for path in manifest["path"]])


def _shapes(portraits: FaceStore, rows: Iterable[int]) -> NDArray[np.float64]:
    """Landmarks of each portrait in coordinates of its face: `(N, 10)`."""
    shapes = []
    for row in rows:
        face = portraits.read([row])[0].face
        canvas = np.linalg.inv(FACES.onto(face))
        points = np.array(face.landmarks) @ canvas[:2, :2].T + canvas[:2, 2]
        shapes.append(points.ravel() / FACES.size)
    return np.array(shapes)


def _manifest(parts: Sequence[Part], people: NDArray[np.str_]) -> pd.DataFrame:
    rows = [
        (kind, str(path), label, part.split, people[part.target], people[part.source])
        for part in parts
        for kind, paths in (("h264", part.clips), ("jpeg", part.pictures))
        for label, path in enumerate(paths)
    ]
    names = ["compression", "path", "label", "split", "target_id", "source_id"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(
        video_key="portraits/" + table["compression"] + "/" + table["path"],
        dataset="portraits",
        method=[Path(path).parent.name for path in table["path"]],
        group=table["target_id"],
        source_id=table["source_id"].where(table["label"] == FAKE, ""),
    )


@dataclass(frozen=True)
class _Forge:
    """What a worker needs for every part."""

    portraits: FaceStore
    rows: NDArray[np.int64]  # of each portrait in the store
    out: Path
    drawers: tuple[Redraw, ...]
    config: PortraitConfig


_forges: list[_Forge] = []  # one per process


def _set_up(
    portraits: Path,
    rows: NDArray[np.int64],
    out: Path,
    drawers: Sequence[Drawer],
    config: PortraitConfig,
) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    loaded = tuple(_redraw(*drawer) for drawer in drawers)
    _forges[:] = [_Forge(FaceStore(portraits), rows, out, loaded, config)]


def _redraw(path: Path, upsampling: Upsampling, code: int) -> Redraw:
    model = load_autoencoder(path, upsampling=upsampling, code=code)

    def redraw(faces: Map) -> Map:
        with torch.inference_mode():
            given = torch.from_numpy(faces).permute(0, 3, 1, 2) / 255
            drawn = model(given.clamp(0, 1)).permute(0, 2, 3, 1) * 255
        return np.asarray(drawn.numpy(), np.float32)

    return redraw


def _write(part: Part) -> None:
    forge = _forges[0]

    def portrait(number: int) -> Portrait:
        crop = forge.portraits.read([int(forge.rows[number])])[0]
        return Portrait(crop.image, crop.face_in_crop)

    redraw = forge.drawers[part.number % len(forge.drawers)]
    write_part(forge.out, part, forge.config, portrait=portrait, redraw=redraw)
