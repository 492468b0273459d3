"""The command line: one subcommand per stage; parse, call one function, print.

Nothing heavy is imported before a command runs, so that help and usage errors are instant.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deeptell import __version__
from deeptell.errors import ConfigError, DeeptellError, MediaError

if TYPE_CHECKING:
    from deeptell.evaluation.protocol import Evaluation
    from deeptell.records import FileResult
    from deeptell.scan.run import ScanJob

app = typer.Typer(
    help="Finds the tell in video: was a person manipulated, who, when, how sure, and why.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

CORES = os.cpu_count() or 1
FIGURES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "eer": "equal error rate",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision_fake": "precision, fake",
    "recall_fake": "recall, fake",
    "f1_fake": "F1, fake",
    "precision_real": "precision, real",
    "recall_real": "recall, real",
    "f1_real": "F1, real",
}
PROOFS = 32  # samples on which an exported model is compared
SHORT = ("auc", "balanced_accuracy", "eer")

Jobs = Annotated[int, typer.Option(min=1, help="Processes that work at the same time.")]
Engine = Annotated[str, typer.Option(help="local, or ray (needs the extra 'cluster').")]
TimeLimit = Annotated[float, typer.Option(min=0.001, help="Seconds for one video, at most.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 2."""
    try:
        app()
    except DeeptellError as error:
        sys.stderr.write(f"deeptell: {error}\n")
        sys.exit(2)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"deeptell {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog="Example: deeptell scan interview.mp4 clips --report report.html")
def scan(
    paths: Annotated[list[Path], typer.Argument(help="Videos, pictures, or folders of them.")],
    bundle: Annotated[
        Path | None, typer.Option(help="The model to ask; the packaged one if not given.")
    ] = None,
    jobs: Jobs = 1,
    as_json: AsJson = False,
    out: Annotated[
        Path | None,
        typer.Option(help="A .jsonl that results are appended to as they come; resumes."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report, one HTML file.")] = None,
    annotate: Annotated[
        Path | None, typer.Option(help="Write the (one) video again, with boxes and scores.")
    ] = None,
    frames: Annotated[
        int, typer.Option(min=1, help="Frames to examine, spread over each video.")
    ] = 32,
) -> None:
    """Say whether the people in videos and pictures were manipulated, who, when, how sure, why."""
    from deeptell.config import ExtractConfig
    from deeptell.files import check_writable
    from deeptell.models.bundle import default_bundle, load_bundle
    from deeptell.report import scan_page
    from deeptell.scan.document import document
    from deeptell.scan.run import ScanJob, expand

    files = expand(paths)
    for target in (out, report, annotate):
        if target is not None:
            check_writable(target)
    job = ScanJob(bundle or default_bundle(), ExtractConfig(frames=frames))
    card = load_bundle(job.bundle).card
    results = _scanned(files, job, jobs=jobs, out=out, annotate=annotate, sha256=card.sha256)
    if report is not None:
        scan_page.write(report, scan_page.render(results, card))
    if as_json:
        sys.stdout.write(json.dumps(document(results), indent=2) + "\n")
    else:
        _print_scan(results, report=report, out=out, annotate=annotate, statement=card.statement)


def _scanned(
    files: Sequence[Path],
    job: "ScanJob",
    *,
    jobs: int,
    out: Path | None,
    annotate: Path | None,
    sha256: str,
) -> list["FileResult"]:
    """The results in the order of the files; a single one that cannot be read is an error."""
    from deeptell import console
    from deeptell.scan.annotate import scan_and_annotate
    from deeptell.scan.journal import Journal
    from deeptell.scan.run import scan_files

    if annotate is not None:
        if len(files) != 1:
            raise ConfigError(f"--annotate takes exactly one video, {len(files)} files are given.")
        return [scan_and_annotate(files[0], annotate, job)]
    journal = Journal(out, bundle_sha256=sha256, config=job.config) if out else None
    found = {}
    with console.step(f"Scanning {len(files)} file{'s' * (len(files) != 1)}") as progress:
        for result in scan_files(files, job, jobs=min(jobs, len(files)), journal=journal):
            if len(files) == 1 and result.info is None:
                raise MediaError(result.reasons[0])
            found[result.path] = result
            progress(len(found), len(files))
    if journal:
        journal.write_summary()
    return [found[str(path)] for path in files]


def _print_scan(
    results: Sequence["FileResult"],
    *,
    report: Path | None,
    out: Path | None,
    annotate: Path | None,
    statement: str,
) -> None:
    from deeptell import console

    console.print_scan(results)
    console.out.print(f"\nModel: {statement}", style="dim", highlight=False)
    for name, target in (("Report", report), ("Results", out), ("Annotated", annotate)):
        if target is not None:
            console.out.print(f"{name}: {console.shown(target)}", highlight=False)


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
    config = ExtractConfig(frames=frames, consecutive=consecutive, detector=detector)
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
        sys.stdout.write(json.dumps({"damages": rows}, indent=2) + "\n")
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


@app.command(epilog="Example: deeptell embed faces cache --model resnet50 --weights download")
def embed(
    store: Annotated[Path, typer.Argument(help="Made by 'deeptell extract'.")],
    out: Annotated[Path, typer.Argument(help="Folder for the embeddings and their encoder.")],
    model: Annotated[
        str, typer.Option(help="A name of 'deeptell list models' or of timm, a bundle, an .onnx.")
    ],
    weights: Annotated[
        str, typer.Option(help="'none' for a bundle or .onnx, 'download', or a file.")
    ] = "none",
    size: Annotated[int | None, typer.Option(help="Side of the input, pixels.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute what an encoder makes of every stored face, once, to train heads on in seconds."""
    from deeptell import console
    from deeptell.config import TrainConfig, load
    from deeptell.data.samples import too_short
    from deeptell.faces.store import FaceStore
    from deeptell.training.embed import embed_store
    from deeptell.training.networks import encoder_of

    config = load(TrainConfig, model="metric", encoder=model, weights=weights, size=size)
    faces = FaceStore(store)
    encoder, _ = encoder_of(config)
    with console.step("Embedding") as progress:
        made = embed_store(faces, encoder, out, progress=progress)
    count, width = made.values.shape
    if as_json:
        document = {"embeddings": count, "width": width, "encoder": made.origin.encoder}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return
    console.out.print(f"{count} embeddings of {width} values.", highlight=False)
    if short := int(too_short(faces.index, encoder.spec).sum()):
        console.out.print(
            f"{short} tracks are too short for {encoder.spec.frames} consecutive faces and were "
            "left out.",
            style="yellow",
            highlight=False,
        )
    console.out.print(
        f"Next: deeptell train {console.shown(store)} run --model metric "
        f"--embeddings {console.shown(out)}",
        highlight=False,
    )


@app.command(epilog="Example: deeptell train faces run --model xception --epochs 10")
def train(
    store: Annotated[Path, typer.Argument(help="Made by 'deeptell extract'.")],
    run: Annotated[Path, typer.Argument(help="Folder for this run; the bundle is in it.")],
    config: Annotated[Path | None, typer.Option(help="Settings as YAML.")] = None,
    model: Annotated[
        str | None, typer.Option(help="See 'deeptell list models'; or a name that timm knows.")
    ] = None,
    embeddings: Annotated[
        Path | None, typer.Option(help="Made by 'deeptell embed': train a head on them.")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="What a head stands on, trained with it: a name or bundle.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="To start from: 'none', 'download', a file or a bundle.")
    ] = None,
    tune: Annotated[
        str | None, typer.Option(help="everything, norms, head or frozen: what is trained.")
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(help="cross_entropy, triplet, contrastive, supcon or align_uniform."),
    ] = None,
    mining: Annotated[
        str | None, typer.Option(help="Of triplets: semi_hard, hard, batch_hard, batch_all.")
    ] = None,
    classifier: Annotated[
        str | None, typer.Option(help="On the embedding: linear, or a classic one.")
    ] = None,
    chunks: Annotated[
        bool, typer.Option("--chunks", help="A model per balanced chunk of the fakes, and a vote.")
    ] = False,
    sampler: Annotated[str | None, typer.Option(help="paired, balanced or shuffled.")] = None,
    size: Annotated[int | None, typer.Option(help="Side of the input, pixels.")] = None,
    frames: Annotated[int | None, typer.Option(help="Faces of a clip or sequence.")] = None,
    epochs: Annotated[int | None, typer.Option(help="At most this many.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Samples per step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Its peak.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, fp32 or bf16.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of everything random.")] = None,
) -> None:
    """Train a detector on a store's training people; the validation people decide when to stop."""
    from deeptell import console
    from deeptell.config import TrainConfig, load

    settings = load(
        TrainConfig,
        config,
        model=model,
        encoder=encoder,
        weights=weights,
        tune=tune,
        loss=loss,
        mining=mining,
        classifier=classifier,
        chunks=chunks or None,
        sampler=sampler,
        size=size,
        frames=frames,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        precision=precision,
        seed=seed,
    )
    from deeptell.data.embeddings import Embeddings
    from deeptell.faces.store import FaceStore
    from deeptell.training.run import SHORT_TRACKS
    from deeptell.training.run import train as train_model

    faces = FaceStore(store)
    cache = Embeddings(embeddings) if embeddings else None
    with console.step("Training") as progress:
        bundle = train_model(faces, run, config=settings, embeddings=cache, progress=progress)
    if short := bundle.training["short_tracks"]:
        console.out.print(
            f"{short} tracks are too short for {bundle.model.spec.frames} consecutive faces and "
            f"were left out: see {console.shown(run / SHORT_TRACKS)}.",
            style="yellow",
            highlight=False,
        )
    target = console.shown(run / "bundle")
    console.out.print(
        f"Next: deeptell evaluate {target} --data {console.shown(store)}", highlight=False
    )


@app.command(epilog="Example: deeptell evaluate run/bundle --data faces")
def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Made by 'deeptell train'.")],
    data: Annotated[Path, typer.Option(help="A FaceStore.")],
    split: Annotated[str, typer.Option(help="The side of it to measure on.")] = "test",
    embeddings: Annotated[
        Path | None, typer.Option(help="Of that store, by the model's own encoder.")
    ] = None,
    few_frames: Annotated[
        bool, typer.Option("--few-frames", help="Also with 1, 3, 5, 10 and 25 frames per video.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Measure a detector on people it never saw, with 95 % intervals, per manipulation."""
    from deeptell import console
    from deeptell.data.embeddings import Embeddings
    from deeptell.evaluation.few_frames import few_frames as measure_few
    from deeptell.evaluation.protocol import as_document
    from deeptell.evaluation.protocol import evaluate as measure
    from deeptell.faces.store import FaceStore
    from deeptell.models.bundle import load_bundle
    from deeptell.records import plain

    asked, store = load_bundle(bundle), FaceStore(data)
    cache = Embeddings(embeddings) if embeddings else None
    name = f"{data.name}, {split}"
    with console.step("Measuring") as progress:
        result = measure(asked, store, split=split, data=name, embeddings=cache, progress=progress)
    points = []
    if few_frames:
        with console.step("Measuring with few frames"):
            points = measure_few(asked, store, split=split, data=name, embeddings=cache)
    if as_json:
        document = as_document(result)
        if few_frames:
            document["few_frames"] = plain(points)
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        _print_evaluation(result, levels=("frame", "video"), figures=FIGURES)
        if few_frames:
            console.print_few_frames(points)


@app.command(epilog="Example: deeptell export run/bundle --onnx model.onnx")
def export(
    bundle: Annotated[Path, typer.Argument(help="Made by 'deeptell train'.")],
    onnx: Annotated[Path, typer.Option(help="The ONNX file to write.")],
    data: Annotated[
        Path | None, typer.Option(help="A FaceStore, to check the file on its faces.")
    ] = None,
) -> None:
    """Write a bundle's model as ONNX, once it is shown to answer the same, to 0.001."""
    from deeptell import console
    from deeptell.data.sampling import spread_batch
    from deeptell.faces.store import FaceStore
    from deeptell.models.bundle import load_bundle
    from deeptell.models.export import example
    from deeptell.models.export import export as write_onnx

    model = load_bundle(bundle).model
    if data:
        proof = spread_batch(FaceStore(data), model.spec, count=PROOFS)
    else:
        proof = example(model, count=PROOFS)
    largest = write_onnx(model, onnx, proof=proof)
    what = f"faces of {console.shown(data)}" if data else "samples of noise"
    console.out.print(
        f"{console.shown(onnx)} ({onnx.stat().st_size / 2**20:.1f} MiB) answers like the bundle: "
        f"on {len(proof[1])} {what}, fake_probability differs by at most {largest:.1g}.",
        highlight=False,
    )


def _print_evaluation(
    result: "Evaluation", *, levels: Sequence[str], figures: Mapping[str, str]
) -> None:
    from deeptell import console

    for level in levels:
        console.print_measurements(result.measurements, figures=figures, level=level)
        console.out.print()
    console.out.print(
        f"Scored {result.videos - len(result.not_scored)} of {result.videos} videos; "
        f"accuracy at the threshold {result.threshold:.3f}, chosen on validation videos.",
        highlight=False,
    )
    for row in result.not_scored.itertuples():
        console.out.print(f"not scored: {row.video_key}: {row.reason}", highlight=False)


@app.command(epilog="Example: deeptell demo")
def demo(
    out: Annotated[Path, typer.Argument(help="Folder for everything it makes.")] = Path("demo"),
    jobs: Jobs = CORES,
) -> None:
    """The whole way in some minutes: generate, extract, train, measure, scan, report."""
    from deeptell import console
    from deeptell.demo import run_demo

    console.out.print("People in this demo are drawn by a program; none of them exists.\n")
    result = run_demo(out, jobs=jobs, step=console.step)
    console.out.print("\nVideos of people it never saw:\n")
    short = {name: FIGURES[name] for name in SHORT}
    _print_evaluation(result.evaluation, levels=("video",), figures=short)
    console.out.print("\nClips it never saw:\n")
    console.print_scan(result.scans)
    console.out.print(
        f"\nEverything is in {console.shown(out)}. Open {console.shown(result.report)} in a "
        f"browser, and try: deeptell scan CLIP.mp4 --bundle {console.shown(result.bundle)}",
        highlight=False,
    )


@app.command(epilog="Example: deeptell reproduce iwbf2020 --size small")
def reproduce(
    paper: Annotated[str, typer.Argument(help="iwbf2020: Kumar, Bhavsar and Verma.")],
    out: Annotated[Path, typer.Option(help="Folder for everything it makes.")] = Path("reproduced"),
    data: Annotated[
        Path | None, typer.Option(help="A FaceForensics++ tree; generated people if not given.")
    ] = None,
    size: Annotated[str, typer.Option(help="small: two cores; full: the paper's grid.")] = "small",
    facenet: Annotated[
        Path | None, typer.Option(help="FaceNet's weights, 20180402-114759-vggface2.pt.")
    ] = None,
    jobs: Jobs = CORES,
) -> None:
    """Train and measure the published comparison, with one page of tables and plots; resumes."""
    from deeptell import console
    from deeptell.catalog import lookup
    from deeptell.reproduce.run import FACES
    from deeptell.reproduce.run import reproduce as run_comparison

    lookup({"iwbf2020": None}, paper, kind="paper")
    lookup(FACES, size, kind="size")
    result = run_comparison(
        out,
        size="small" if size == "small" else "full",
        data=data,
        facenet=facenet,
        jobs=jobs,
        step=console.step,
    )
    console.print_comparison(result.models)
    console.out.print(f"\nPage: {console.shown(result.page)}", highlight=False)


@app.command("list", epilog="Example: deeptell list models")
def list_names(
    what: Annotated[str, typer.Argument(help="models, detectors or datasets.")],
) -> None:
    """Name what deeptell knows."""
    from deeptell import console
    from deeptell.catalog import lookup

    tables = {"models": _models, "detectors": _detectors, "datasets": _datasets}
    console.print_table(lookup(tables, what, kind="list")())


def _models() -> list[dict[str, str]]:
    from deeptell.models.overview import overview

    rows = [asdict(row) for row in overview()]
    counts = [f"{row['parameters'] / 1e6:.2f} M" if row["parameters"] else "" for row in rows]
    return [{**row, "parameters": count} for row, count in zip(rows, counts, strict=True)]


def _detectors() -> list[dict[str, str]]:
    from deeptell.faces.detect import DETECTORS

    return [
        {"name": name, "licence": entry.licence, "weights": entry.weights}
        for name, entry in DETECTORS.items()
    ]


def _datasets() -> list[dict[str, str]]:
    from deeptell.data.sources import SOURCES

    return [{"name": name, "what": source.about} for name, source in SOURCES.items()]
