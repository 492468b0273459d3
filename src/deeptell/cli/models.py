"""Commands that make models."""

from pathlib import Path
from typing import Annotated

import typer

from deeptell.cli.app import AsJson, app, print_json

PROOFS = 32  # samples on which an exported model is compared


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
    from deeptell.training.networks import encoder_of, inherited

    config = load(TrainConfig, model="metric", encoder=model, weights=weights, size=size)
    faces = FaceStore(store)
    encoder, _ = encoder_of(config)
    with console.step("Embedding") as progress:
        made = embed_store(faces, encoder, out, seen=inherited(config), progress=progress)
    count, width = made.values.shape
    if as_json:
        document = {"embeddings": count, "width": width, "encoder": made.origin.encoder}
        print_json(document)
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
    fakes: Annotated[
        str | None, typer.Option(help="store, self_blended (no fake is seen) or both.")
    ] = None,
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
        fakes=fakes,
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


@app.command(epilog="Example: deeptell retrain run run-again")
def retrain(
    run: Annotated[Path, typer.Argument(help="The folder of a run; only its run.json is read.")],
    out: Annotated[Path, typer.Argument(help="Folder for the new run.")],
    store: Annotated[
        Path | None, typer.Option(help="Where its faces lie now, if they were moved.")
    ] = None,
) -> None:
    """Train a run once more from its folder alone: the same machine gives the same weights."""
    from deeptell import console
    from deeptell.models.bundle import load_bundle
    from deeptell.training.again import again

    with console.step("Training again") as progress:
        made = again(run, out, store=store, progress=progress)
    before = run / "bundle"
    if before.is_dir():
        same = load_bundle(before).card.sha256 == made.card.sha256
        words = "the same weights as" if same else "other weights than"
        console.out.print(f"It has {words} {console.shown(before)}.", highlight=False)


@app.command(epilog="Example: deeptell calibrate run/bundle faces --method temperature")
def calibrate(
    bundle: Annotated[Path, typer.Argument(help="Made by 'deeptell train'; its card is changed.")],
    store: Annotated[Path, typer.Argument(help="Faces of videos that it did not learn from.")],
    split: Annotated[str, typer.Option(help="The side to fit on; never a test side.")] = "val",
    method: Annotated[
        str, typer.Option(help="none, temperature, platt or isotonic.")
    ] = "temperature",
) -> None:
    """Fit what a bundle's scores mean, and its thresholds, on validation videos of a store."""
    from deeptell import console
    from deeptell.faces.store import FaceStore
    from deeptell.training.calibrate import calibrate as fit

    with console.step("Calibrating") as progress:
        done = fit(bundle, FaceStore(store), split=split, method=method, progress=progress)
    rows = [
        {
            "point": point.name,
            "threshold": f"{point.threshold:.3f}",
            "real videos above": f"{point.false_positive_rate:.1%} of {point.real_videos}",
            "manipulated ones above": f"{point.true_positive_rate:.1%} of {point.fake_videos}",
        }
        for point in done.card.operating_points
    ]
    console.print_table(rows)
    console.out.print(
        f"Calibration: {done.training['calibration']['method']}; "
        f"{done.training['calibration']['why']}.",
        highlight=False,
    )


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


@app.command(
    "card", epilog="Example: deeptell card run/bundle notes.yaml --evaluation results.json"
)
def card(
    bundle: Annotated[Path, typer.Argument(help="Made by 'deeptell train'.")],
    notes: Annotated[
        Path, typer.Argument(help="What no measurement knows (YAML): title, sources, failures ...")
    ],
    evaluation: Annotated[
        list[Path], typer.Option(help="A results.json of 'deeptell evaluate --out'; repeatable.")
    ] = [],  # noqa: B006 - Typer copies it
    ablation: Annotated[
        list[Path],
        typer.Option(help="A results.json over models made without one thing each; repeatable."),
    ] = [],  # noqa: B006
    audit: Annotated[
        list[Path], typer.Option(help="Output of 'deeptell audit --json'; repeatable.")
    ] = [],  # noqa: B006
    robustness: Annotated[
        list[Path], typer.Option(help="Output of 'deeptell robustness --json'; repeatable.")
    ] = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="BUNDLE/MODEL_CARD.md if not given.")] = None,
) -> None:
    """Write the card of a model from the files of its measurements.

    Sets that the notes name under in_reports go into the bundle, too: reports of scans say how the
    model did on them.
    """
    from dataclasses import replace

    from deeptell import console
    from deeptell.config import load
    from deeptell.models.bundle import load_bundle, update_card
    from deeptell.report import model_card as cards
    from deeptell.report.page import write

    loaded, target = load_bundle(bundle), out or bundle / "MODEL_CARD.md"
    said = load(cards.CardNotes, notes)
    evaluations = [cards.read_measured(path, kind="evaluate") for path in evaluation]
    text = cards.model_card(
        loaded.card,
        loaded.training,
        said,
        evaluations=evaluations,
        ablations=[cards.read_measured(path, kind="evaluate") for path in ablation],
        audits=[cards.read_measured(path, kind="audit") for path in audit],
        robustness=[cards.read_measured(path, kind="robustness") for path in robustness],
    )
    if said.in_reports:
        measured = cards.in_reports(said, evaluations)
        update_card(bundle, replace(loaded, card=replace(loaded.card, measurements=measured)))
    write(target, text)
    console.out.print(f"Card: {console.shown(target)}", highlight=False)
