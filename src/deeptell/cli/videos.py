"""Commands that make and order videos to train and measure on."""

from pathlib import Path
from typing import Annotated

import typer

from deeptell.cli.app import CORES, Engine, Jobs, TimeLimit, app


@app.command(epilog="Example: deeptell synth benchmark --train 4 --val 2 --test 4")
def synth(
    out: Annotated[Path, typer.Argument(help="Folder to write the benchmark to.")],
    train: Annotated[int, typer.Option(min=1, help="Pairs of people to train on.")] = 14,
    val: Annotated[int, typer.Option(min=1, help="Pairs of people to validate on.")] = 6,
    test: Annotated[int, typer.Option(min=1, help="Pairs of people to test on.")] = 12,
    compression: Annotated[
        list[str], typer.Option(help="raw, c23 or c40; may be given more than once.")
    ] = ["raw", "c23", "c40"],  # noqa: B006 - Typer copies it
    seconds: Annotated[float, typer.Option(min=0.2, help="Length of each clip.")] = 1.6,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds give other people.")] = 0,
    jobs: Jobs = CORES,
) -> None:
    """Write a benchmark of generated people in the layout of FaceForensics++."""
    from deeptell import console
    from deeptell.config import SynthConfig, load
    from deeptell.forge.benchmark import write_benchmark

    config = load(
        SynthConfig,
        pairs={"train": train, "val": val, "test": test},
        compressions=tuple(compression),
        seconds=seconds,
        seed=seed,
    )
    with console.step("Writing the benchmark") as progress:
        write_benchmark(out, config, jobs=jobs, progress=progress)
    console.out.print(f"Next: deeptell index faceforensics {console.shown(out)}", highlight=False)


@app.command(epilog="Example: deeptell index faceforensics benchmark")
def index(
    dataset: Annotated[str, typer.Argument(help="Its layout; see 'deeptell list datasets'.")],
    root: Annotated[Path, typer.Argument(help="The folder it lies in.")],
    out: Annotated[
        Path | None, typer.Option(help="The manifest to write; ROOT/manifest.parquet if not given.")
    ] = None,
    jobs: Jobs = CORES,
) -> None:
    """List the videos of a data set with labels, official split and groups: its manifest."""
    from deeptell import console
    from deeptell.data.leaks import find_leaks
    from deeptell.data.manifest import write_manifest
    from deeptell.data.probe import probe
    from deeptell.data.sources import SOURCES, counts, folder_of, index_dataset

    listing, base = index_dataset(dataset, root), folder_of(root)
    target = out or base / "manifest.parquet"
    with console.step(f"Reading {len(listing.manifest)} videos") as progress:
        probed = probe(listing.manifest, root=base, jobs=jobs, progress=progress)
    whole = probed.loc[probed["unreadable"] == ""].drop(columns="unreadable")
    write_manifest(whole, target, root=base)
    console.print_counts(counts(listing, SOURCES[dataset]))
    console.print_listing(listing, probed)
    console.print_leaks(find_leaks(whole))
    console.out.print(f"Next: deeptell extract {console.shown(target)} faces", highlight=False)


@app.command(epilog="Example: deeptell split celebdf/manifest.parquet clean.parquet --keep-test")
def split(
    manifest: Annotated[Path, typer.Argument(help="Made by 'deeptell index'.")],
    out: Annotated[Path, typer.Argument(help="The manifest to write.")],
    by: Annotated[
        str, typer.Option(help="What stays on one side: 'group' (source video) or 'person'.")
    ] = "group",
    val: Annotated[float, typer.Option(help="Share of the videos to validate on.")] = 0.15,
    test: Annotated[float, typer.Option(help="Share to test on.")] = 0.15,
    keep_test: Annotated[
        bool, typer.Option("--keep-test", help="The test set as published; what leaks leaves.")
    ] = False,
    as_published: Annotated[
        bool, typer.Option("--as-published", help="With it: nothing leaves, leaks are reported.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the drawing of lots.")] = 0,
) -> None:
    """Share the videos of a manifest into training, validation and test, so that nothing leaks."""
    from deeptell import console
    from deeptell.catalog import lookup
    from deeptell.data.manifest import read_manifest, summary, write_manifest
    from deeptell.data.splits import split as share

    lookup({"group": None, "person": None}, by, kind="unit of splitting")
    shared = share(
        read_manifest(manifest),
        by="person" if by == "person" else "group",
        val=val,
        test=test,
        seed=seed,
        keep_test=keep_test,
        as_published=as_published,
    )
    write_manifest(shared.manifest, out, root=Path())
    console.print_counts(summary(shared.manifest))
    if len(shared.left_out):
        console.out.print(f"{len(shared.left_out)} videos belong to no side, of these:")
        console.print_counts(shared.left_out["reason"].value_counts().reset_index())
    console.print_leaks(shared.leaks)
    console.out.print(f"Next: deeptell extract {console.shown(out)} faces", highlight=False)


@app.command(epilog="Example: deeptell compress ff/manifest.parquet ff-c40 --profile c40")
def compress(
    manifest: Annotated[Path, typer.Argument(help="Made by 'deeptell index'.")],
    out: Annotated[Path, typer.Argument(help="Folder for the videos and their manifest.")],
    profile: Annotated[str, typer.Option(help="c23, c40, social or messenger.")] = "c40",
    jobs: Jobs = CORES,
    engine: Engine = "local",
    time_limit: TimeLimit = 1800.0,
) -> None:
    """Encode every video of a manifest again, as sharing it would; resumes where it stopped."""
    from deeptell import console
    from deeptell.data.compress import compress as encode_all
    from deeptell.data.manifest import read_manifest

    videos = read_manifest(manifest)
    with console.step(f"Compressing {len(videos)} videos") as progress:
        done = encode_all(
            videos,
            out,
            profile=profile,
            jobs=jobs,
            progress=progress,
            engine=engine,
            seconds=time_limit,
        )
    console.out.print(f"{done.written} of {done.videos} videos written.", highlight=False)
    console.print_reasons(done.reasons)
    console.out.print(
        f"Next: deeptell extract {console.shown(done.manifest)} faces", highlight=False
    )
