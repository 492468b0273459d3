"""Embeddings as points of a plane: PCA, and t-SNE (van der Maaten and Hinton, JMLR 2008)."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from deeptell.errors import DataError

LEAST = 4  # points below which there is nothing to see
_PERPLEXITY = 30.0
_REDUCED = 50  # t-SNE's authors take this many principal components first

Floats = NDArray[np.floating]


def pca(embeddings: Floats) -> NDArray[np.float32]:
    """The two directions in which they differ most, in the embedding's own unit.

    Args:
        embeddings: `(N, D)`, N >= 4.

    Returns:
        `(N, 2)`; the second column is 0 where D is 1.

    Raises:
        DataError: too few points, or values that are not finite.
    """
    return _components(_checked(embeddings), 2)


def tsne(embeddings: Floats) -> NDArray[np.float32]:
    """Neighbours stay neighbours; distances between heaps mean little.

    It starts from the principal components, and its perplexity is 30, or less where there are not
    three times as many neighbours. One thread computes it: sums of several come in any order, and
    the picture is a chaotic function of their last digit. So nothing is left to chance.

    Args:
        embeddings: `(N, D)`, N >= 4; some thousands at most, it takes seconds for each.

    Returns:
        `(N, 2)`, without unit; all 0 where the embeddings are all the same.

    Raises:
        DataError: as `pca`.
    """
    values = _components(_checked(embeddings), _REDUCED)
    if not np.ptp(values, axis=0).any():
        return np.zeros((len(values), 2), np.float32)
    with threadpool_limits(1):
        placed = TSNE(
            init="pca",
            perplexity=min(_PERPLEXITY, (len(values) - 1) / 3),
            random_state=0,
            n_jobs=1,
        ).fit_transform(values)
    return np.asarray(placed, np.float32)


def _checked(embeddings: Floats) -> Floats:
    if embeddings.ndim != 2 or len(embeddings) < LEAST:
        raise DataError(
            f"A picture of embeddings needs at least {LEAST} of them, one a row, got an array of "
            f"{embeddings.shape}: give more faces."
        )
    broken = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if len(broken):
        raise DataError(
            f"{len(broken)} of {len(embeddings)} embeddings are not finite, the first is number "
            f"{broken[0]}: the model is broken, train it anew."
        )
    return embeddings


def _components(values: Floats, most: int) -> NDArray[np.float32]:
    """The principal components, at least two and at most `most`: `(N, k)`."""
    count = min(most, *values.shape)
    if not np.ptp(values, axis=0).any():  # they all fell onto one point
        return np.zeros((len(values), max(2, count)), np.float32)
    with threadpool_limits(1):
        found = PCA(count, svd_solver="full").fit_transform(values.astype(np.float64))
    missing = max(0, 2 - count)
    return np.asarray(np.pad(found, ((0, 0), (0, missing))), np.float32)
