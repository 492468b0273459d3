"""Distances to training data: against the plain formulas, and carried by a bundle."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from test_contract import MODELS, MORE, SMALL, batch_for, card, made

from deeptell.errors import BundleError
from deeptell.models.bundle import REFERENCE, Bundle, load_bundle, save_bundle, update_card
from deeptell.models.reference import MOST_AXES, Reference


def cloud(n: int, width: int, *, seed: int = 0, within: int | None = None) -> np.ndarray:
    """Correlated samples that vary in `within` directions only."""
    mixing = np.random.default_rng(9).normal(size=(within or width, width))
    mixing *= np.geomspace(1, 0.2, within or width)[:, None]
    samples = np.random.default_rng(seed).normal(size=(n, within or width)) @ mixing + 3
    return samples.astype(np.float32)


def test_with_an_axis_for_every_feature_it_is_the_mahalanobis_distance() -> None:
    samples, others = cloud(500, 8), cloud(50, 8, seed=1) * 1.5
    covariance = np.linalg.inv(np.cov(samples.T, bias=True))
    centred = others - samples.mean(0)
    oracle = np.sqrt(np.einsum("ni,ij,nj->n", centred, covariance, centred) / 8 / 2)
    np.testing.assert_allclose(Reference.fit(samples).distances(others), oracle, rtol=1e-3)


def test_beside_the_axes_it_is_the_residual() -> None:
    samples, others = cloud(3000, 80), cloud(50, 80, seed=1) * 1.5
    mean = samples.mean(0)
    values, vectors = np.linalg.eigh(np.cov(samples.T, bias=True))
    inner = ((others - mean) @ vectors[:, -MOST_AXES:]) ** 2 / values[-MOST_AXES:]
    outer = (((others - mean) @ vectors[:, :-MOST_AXES]) ** 2).sum(1) / values[:-MOST_AXES].sum()
    oracle = np.sqrt((inner.mean(1) + outer) / 2)
    reference = Reference.fit(samples)
    np.testing.assert_allclose(reference.distances(others), oracle, rtol=1e-2)
    assert np.sqrt(np.mean(reference.distances(samples) ** 2)) == pytest.approx(1, abs=0.01)


def test_a_direction_that_training_never_took_counts() -> None:
    """Features that were always zero, as after a rectifier, and one day are not."""
    samples = np.pad(cloud(400, 40, within=10), ((0, 0), (0, 20)))
    reference = Reference.fit(samples)
    usual = reference.distances(samples)
    woken = samples[:1].copy()
    woken[0, 50] = 40.0
    assert np.isfinite(usual).all()
    assert reference.distances(woken)[0] > 3 * usual.max()


@pytest.mark.parametrize("samples", [np.ones((5, 3)), np.zeros((1, 4)), cloud(3, 50)])
def test_hardly_any_training_data_still_give_numbers(samples: np.ndarray) -> None:
    samples = samples.astype(np.float32)
    found = Reference.fit(samples).distances(np.concatenate([samples, samples + 1]))
    assert np.isfinite(found).all()
    assert found[: len(samples)].max() < found[len(samples) :].min()


def test_a_rank_is_the_share_of_validation_videos_that_are_nearer() -> None:
    distances = np.random.default_rng(0).gamma(3, size=1000)
    reference = Reference.fit(cloud(50, 4)).ranked(distances)
    for share in (0.02, 0.3, 0.77, 0.99):
        at = float(np.quantile(distances, share)) + 1e-9
        assert reference.rank(at) == pytest.approx(np.mean(distances < at), abs=0.011)
    assert reference.rank(float(distances.max()) * 1.01) == 1.0
    assert reference.rank(float(distances.min()) * 0.99) == 0.0
    assert reference.rank(float(np.sort(distances)[-2])) < 1.0


@pytest.mark.parametrize(
    ("family", "options"),
    [*((family, SMALL[family]) for family in MODELS), *MORE.values()],
    ids=[*MODELS, *MORE],
)
def test_every_family_can_be_measured(family: str, options: dict) -> None:
    model = made(family, options)
    with torch.inference_mode():
        embedding = model.embed(batch_for(model.spec, n=4)).float().numpy()
    found = Reference.fit(embedding).distances(embedding)
    assert found.shape == (4,)
    assert np.isfinite(found).all()


class TestInABundle:
    @pytest.fixture
    def reference(self) -> Reference:
        return Reference.fit(cloud(200, 12)).ranked(np.arange(30.0))

    @pytest.fixture
    def folder(self, tmp_path: Path, reference: Reference) -> Path:
        about = replace(card(), reference_videos=30)
        model = made("frame", SMALL["frame"])
        save_bundle(tmp_path / "bundle", Bundle(model, about, {}, reference))
        return tmp_path / "bundle"

    def test_it_comes_back(self, folder: Path, reference: Reference) -> None:
        loaded = load_bundle(folder)
        assert loaded.reference is not None
        assert loaded.card.reference_videos == 30
        assert loaded.reference.to_bytes() == reference.to_bytes()
        others = cloud(5, 12, seed=3)
        np.testing.assert_array_equal(
            loaded.reference.distances(others), reference.distances(others)
        )

    def test_it_can_be_added_later_and_stays_with_a_new_card(
        self, tmp_path: Path, reference: Reference
    ) -> None:
        folder = tmp_path / "bundle"
        bundle = save_bundle(folder, Bundle(made("frame", SMALL["frame"]), card(), {}))
        assert bundle.reference is None
        assert not (folder / REFERENCE).exists()
        update_card(folder, replace(bundle, reference=reference))
        update_card(folder, load_bundle(folder))
        assert load_bundle(folder).reference is not None
        assert {path.name for path in folder.iterdir()} == {
            "bundle.json",
            "model.safetensors",
            REFERENCE,
        }

    def test_a_bundle_of_before_loads_without(self, folder: Path) -> None:
        document = json.loads((folder / "bundle.json").read_text())
        for key in ("reference", "reference_videos", "calibration"):
            del document[key]
        (folder / "bundle.json").write_text(json.dumps(document))
        assert load_bundle(folder).reference is None

    def test_another_file_is_refused_by_hash(self, folder: Path) -> None:
        (folder / REFERENCE).write_bytes(Reference.fit(cloud(9, 12)).to_bytes())
        with pytest.raises(BundleError, match=r"reference\.safetensors is not what"):
            load_bundle(folder)

    def test_a_missing_file_is_named(self, folder: Path) -> None:
        (folder / REFERENCE).unlink()
        with pytest.raises(BundleError, match=r"has no reference\.safetensors"):
            load_bundle(folder)

    def test_names_of_files_stay_in_the_folder(self, folder: Path) -> None:
        text = (folder / "bundle.json").read_text().replace(REFERENCE, "../secret")
        (folder / "bundle.json").write_text(text)
        with pytest.raises(BundleError, match="has no"):
            load_bundle(folder)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\x00" * 64,
            save({"mean": np.zeros(3, np.float32)}),
            save({name: np.zeros(3, np.float32) for name in ("mean", "axes", "scales")}),
            save(
                {
                    "mean": np.zeros(3, np.float32),
                    "axes": np.zeros((2, 4), np.float32),
                    "scales": np.ones(3, np.float32),
                    "quantiles": np.zeros(101, np.float32),
                }
            ),
        ],
    )
    def test_what_is_no_reference_is_refused(self, content: bytes) -> None:
        with pytest.raises(BundleError):
            Reference.from_bytes(content)
