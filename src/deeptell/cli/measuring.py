"""Commands that measure models."""

from pathlib import Path
from typing import Annotated

import typer

from deeptell.cli.app import AsJson, app, print_json


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
        print_json(document)
    else:
        console.print_evaluation(result, levels=("frame", "video"))
        if few_frames:
            console.print_few_frames(points)
