"""Pictures of embeddings against a singular value decomposition, and heaps that are known."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from deeptell.errors import DataError
from deeptell.explain.projection import pca, tsne


def heaps(*, each=40, width=16, seed=0):
    rng = np.random.default_rng(seed)
    centres = 8 * rng.normal(size=(3, width))
    values = np.repeat(centres, each, axis=0) + rng.normal(size=(3 * each, width))
    return values.astype(np.float32), np.repeat(np.arange(3), each)


def test_pca_equals_a_singular_value_decomposition():
    values, _ = heaps()
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    found, wanted = pca(values), left[:, :2] * sizes[:2]
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.abs(found), np.abs(wanted), atol=1e-3)  # up to a mirror


def test_tsne_keeps_heaps_together_and_is_the_same_every_time():
    values, heap = heaps()
    points = tsne(values)
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (heap[distance.argmin(axis=1)] == heap).all()
    assert np.array_equal(points, tsne(values))
    with threadpool_limits(2):  # however many threads others may use
        assert np.array_equal(points, tsne(values))


@pytest.mark.parametrize("shape", [(4, 8), (5, 1), (7, 300), (31, 2)])
def test_few_points_and_odd_widths(shape):
    values = np.random.default_rng(0).normal(size=shape)
    for points in (pca(values), tsne(values)):
        assert points.shape == (len(values), 2)
        assert np.isfinite(points).all()
        assert points.any()


def test_embeddings_that_fell_onto_one_point():
    values = np.ones((6, 5), np.float32)
    assert not pca(values).any()
    assert not tsne(values).any()


@pytest.mark.parametrize("project", [pca, tsne])
def test_what_is_no_table_of_embeddings(project):
    with pytest.raises(DataError, match=r"at least 4 of them.*\(3, 2\)"):
        project(np.zeros((3, 2)))
    values = np.zeros((5, 2))
    values[3, 1] = np.nan
    with pytest.raises(DataError, match="1 of 5 embeddings are not finite, the first is number 3"):
        project(values)
