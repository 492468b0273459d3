"""A run is repeated from its folder alone."""

from pathlib import Path

from deeptell.data.embeddings import Embeddings
from deeptell.errors import ConfigError, DataError
from deeptell.faces.store import FaceStore
from deeptell.models.bundle import Bundle
from deeptell.models.weights import starts_from
from deeptell.progress import Progress
from deeptell.training.folder import RUN, Begun, read_run
from deeptell.training.run import train


def again(
    run: Path, out: Path, *, store: Path | None = None, progress: Progress | None = None
) -> Bundle:
    """Train once more what `run` holds, into the folder `out`.

    On the same machine with the same packages this gives the same weights and the same
    `metrics.csv`; both folders' `run.json` say where it was not the same.

    Args:
        run: a run folder; only its `run.json` is read.
        out: of a new run.
        store: where its faces lie now; None: where they lay then.
        progress: as in `train`.

    Raises:
        ConfigError: `run` is no run, or `out` the same folder.
        DataError: the faces, the embeddings, or the weights that it started from are not those of
            then.
        StoreError: they are not where they lay.
    """
    begun = read_run(run)
    if out.resolve() == run.resolve():
        raise ConfigError(f"{out} holds the run that is to be repeated: name another folder.")
    faces = FaceStore(store or begun.store)
    if faces.fingerprint != begun.fingerprint:
        raise DataError(
            f"{run / RUN} was trained on another store than {faces.path} is now (SHA-256 "
            f"{begun.fingerprint[:12]}, not {faces.fingerprint[:12]}): name the one it was."
        )
    now = starts_from(begun.config)
    changed = [name for name, held in begun.starts_from.items() if held != now[name]]
    if changed:
        named = getattr(begun.config, changed[0])
        raise DataError(
            f"{run / RUN} started from another {changed[0]} than {named} is now: put what it was "
            "back there."
        )
    cache = _embeddings(begun, faces)
    return train(faces, out, config=begun.config, embeddings=cache, progress=progress)


def _embeddings(begun: Begun, faces: FaceStore) -> Embeddings | None:
    if begun.embeddings is None or begun.origin is None:
        return None
    cache = Embeddings(begun.embeddings)
    cache.check(store=faces, encoder=begun.origin["encoder"])
    return cache
