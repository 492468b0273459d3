"""The embeddings of a store, made once."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from deeptell.data import embeddings as cache
from deeptell.data.samples import samples_of
from deeptell.errors import DataError
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import save_encoder
from deeptell.models.contract import Encoder
from deeptell.models.scoring import embed
from deeptell.progress import Progress

PART = 2048  # samples; what a cut-off run loses at most


def embed_store(
    store: FaceStore,
    encoder: Encoder,
    out: Path,
    *,
    seen: Iterable[str] = (),
    progress: Progress | None = None,
) -> cache.Embeddings:
    """Embed every sample of a store; a run that was cut off goes on where it stopped.

    The encoder is kept in the cache as it reads back, rounded to fp16, and it is that one which
    makes the embeddings.

    Args:
        seen: marks of the videos that the encoder has seen, which pass to what is trained on it.

    Raises:
        DataError: the folder holds another cache, or no track is long enough for the encoder.
    """
    with TemporaryDirectory() as folder:
        sha256 = save_encoder(Path(folder) / cache.ENCODER, encoder).sha256
    cache.begin(out, cache.Origin(sha256, store.fingerprint))
    packed = save_encoder(out / cache.ENCODER, encoder, seen=seen)
    samples = samples_of(store.index, encoder.spec)
    if not len(samples):
        raise DataError(
            f"No track of {store.path} has {encoder.spec.frames} consecutive faces, which this "
            "encoder takes: extract with --consecutive."
        )
    network = packed.network.to(best_device())
    parts = -(-len(samples) // PART)
    for part in cache.missing_parts(out, parts):
        chosen = samples[slice(part * PART, (part + 1) * PART)]
        values = embed(network, chosen.rows, chosen.lengths, read=store.read)
        cache.write_part(out, part, values)
        if progress:
            progress(part + 1, parts)
    cache.finish(out, samples, parts)
    return cache.Embeddings(out)


def best_device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
