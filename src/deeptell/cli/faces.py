"""Commands about the faces of videos."""

from pathlib import Path
from typing import Annotated

import typer

from deeptell.cli.app import CORES, AsJson, Engine, Jobs, TimeLimit, app, print_json
from deeptell.errors import ConfigError


@app.command(epilog="Example: deeptell extract benchmark/manifest.parquet faces --jobs 2")
def extract(
    manifest: Annotated[Path, typer.Argument(help="Made by 'deeptell index'.")],
    store: Annotated[Path, typer.Argument(help="Folder for the faces: a FaceStore.")],
    frames: Annotated[
        int, typer.Option(min=1, help="Frames whose faces are kept, spread over each video.")
    ] = 32,
    consecutive: Annotated[
        int,
        typer.Option(min=1, help="Frames in a row from each of them on: clip models need 8-32."),
    ] = 1,
    detector: Annotated[str, typer.Option(help="See 'deeptell list detectors'.")] = "mtcnn",
    weights: Annotated[
        Path | None, typer.Option(help="The detector's file, where it brings none.")
    ] = None,
    jobs: Jobs = CORES,
    engine: Engine = "local",
    time_limit: TimeLimit = 1800.0,
    repair: Annotated[
        bool, typer.Option("--repair", help="Examine the store first; redo what is damaged.")
    ] = False,
) -> None:
    """Find, follow and store the faces of every video of a manifest; resumes where it stopped."""
    from deeptell import console
    from deeptell.config import ExtractConfig
    from deeptell.data.manifest import read_manifest
    from deeptell.faces.extract import extract as extract_faces

    videos = read_manifest(manifest)
    config = ExtractConfig(
        frames=frames,
        consecutive=consecutive,
        detector=detector,
        weights=str(weights or ""),
    )
    with console.step(f"Extracting faces from {len(videos)} videos") as progress:
        summary = extract_faces(
            videos,
            store,
            config=config,
            jobs=jobs,
            engine=engine,
            seconds=time_limit,
            repair=repair,
            progress=progress,
        )
    console.print_extraction(summary)


@app.command(epilog="Example: deeptell verify faces")
def verify(
    store: Annotated[Path, typer.Argument(help="Made by 'deeptell extract'.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare lengths only, not every byte.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Name every damaged, missing or left-over piece of a store; exit code 1 where there is one."""
    from deeptell import console
    from deeptell.faces.verify import verify as examine

    with console.step("Examining the store") as progress:
        damages = examine(store, deep=not quick, progress=progress)
    if as_json:
        rows = [
            {"path": one.path.as_posix(), "problem": one.problem, "video_key": one.video_key}
            for one in damages
        ]
        print_json({"damages": rows})
    else:
        console.print_damages(damages)
    if damages:
        raise typer.Exit(1)


@app.command(epilog="Example: deeptell unpack faces pictures --frames 25 --size 160 --first")
def unpack(
    source: Annotated[Path, typer.Argument(help="A store; with --whole-frames a manifest.")],
    out: Annotated[Path, typer.Argument(help="Folder (or .npz) to write.")],
    frames: Annotated[int, typer.Option(min=1, help="Frames of each video.")] = 25,
    size: Annotated[int, typer.Option(min=16, help="Side of the pictures, pixels.")] = 160,
    first: Annotated[
        bool, typer.Option("--first", help="The first ones, not spread over the video.")
    ] = False,
    npz: Annotated[bool, typer.Option("--npz", help="One array instead of pictures.")] = False,
    whole_frames: Annotated[
        float | None, typer.Option(help="Whole frames of a manifest's videos, so many per second.")
    ] = None,
    jobs: Jobs = CORES,
) -> None:
    """Write faces as plain pictures or one array, for other tools, or whole frames of videos."""
    from deeptell import console
    from deeptell.data.manifest import read_manifest
    from deeptell.data.unpack import unpack as unpack_faces
    from deeptell.data.unpack import unpack_frames
    from deeptell.faces.store import FaceStore

    if whole_frames is not None and (first or npz):
        raise ConfigError("--whole-frames writes pictures of whole frames: leave --first, --npz.")
    with console.step("Unpacking") as progress:
        if whole_frames is not None:
            done = unpack_frames(
                read_manifest(source), out, rate=whole_frames, jobs=jobs, progress=progress
            )
        else:
            done = unpack_faces(
                FaceStore(source),
                out,
                frames=frames,
                size=size,
                first=first,
                npz=npz,
                progress=progress,
            )
    console.out.print(
        f"{done.pictures} pictures of {done.written} of {done.videos} videos in "
        f"{console.shown(done.path)}.",
        highlight=False,
    )
    console.print_reasons(done.reasons)
