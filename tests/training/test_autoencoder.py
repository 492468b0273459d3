"""Autoencoders of faces: what they are made to keep, and that training makes them keep it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from deeptell.models.autoencoder import SIZE, UPSAMPLINGS, Autoencoder, unlikeness
from deeptell.training.autoencoder import fit_autoencoder, load_autoencoder


def faces(count: int = 40) -> np.ndarray:
    """Two dark eyes and a mouth, wherever they may be."""
    rng = np.random.default_rng(0)
    made = np.full((count, SIZE, SIZE, 3), 190, np.uint8)
    for picture in made:
        x, y = rng.integers(-8, 9, 2)
        for left, top, width in ((30, 40, 20), (78, 40, 20), (44, 92, 40)):
            picture[top + y : top + y + 12, left + x : left + x + width] = rng.integers(20, 90, 3)
    return made


def ssim_by_hand(one: np.ndarray, other: np.ndarray) -> float:
    """Window by window, as Wang et al. (2004) write it, with a flat window of 7 pixels."""
    found = []
    for top in range(0, one.shape[0] - 6, 2):
        for left in range(0, one.shape[1] - 6, 2):
            a, b = (p[top : top + 7, left : left + 7].ravel() for p in (one, other))
            shared = ((a - a.mean()) * (b - b.mean())).mean()
            up = (2 * a.mean() * b.mean() + 1e-4) * (2 * shared + 9e-4)
            down = (a.mean() ** 2 + b.mean() ** 2 + 1e-4) * (a.var() + b.var() + 9e-4)
            found.append(up / down)
    return float(np.mean(found))


def test_unlikeness_is_what_its_sources_say() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.random((2, 12, 14))
    wanted = 1 - ssim_by_hand(one, other) + 3 * np.abs(one - other).mean()
    pair: list[Tensor] = [torch.from_numpy(p)[None, None] for p in (one, other)]
    assert unlikeness(*pair).item() == pytest.approx(wanted, abs=1e-9)
    assert unlikeness(pair[0], pair[0]).item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("upsampling", UPSAMPLINGS)
def test_faces_keep_their_size_and_every_weight_learns(upsampling: str) -> None:
    model = Autoencoder(upsampling=upsampling, code=16)
    drawn = model(torch.rand(2, 3, SIZE, SIZE))
    assert drawn.shape == (2, 3, SIZE, SIZE)
    assert drawn.min() > 0
    assert drawn.max() < 1
    drawn.square().sum().backward()
    assert all(weight.grad.abs().max() > 0 for weight in model.parameters())


def test_training_draws_faces_and_is_kept(tmp_path: Path) -> None:
    def fit(name: str, steps: int) -> Autoencoder:
        fit_autoencoder(
            faces(), tmp_path / name, upsampling="shuffle", code=16, steps=steps, seed=3
        )
        return load_autoencoder(tmp_path / name, upsampling="shuffle", code=16)

    shown = torch.from_numpy(faces()[:8]).permute(0, 3, 1, 2).float() / 255
    fitted = fit("little", 1), fit("much", 8)
    with torch.inference_mode():
        little, much = (unlikeness(model(shown), shown) for model in fitted)
    assert much < 0.98 * little
    assert (tmp_path / "much").read_bytes() == _again(tmp_path, 8)
    before = (tmp_path / "much").stat().st_mtime_ns
    fit("much", 1)  # it is there
    assert (tmp_path / "much").stat().st_mtime_ns == before


def _again(folder: Path, steps: int) -> bytes:
    fit_autoencoder(faces(), folder / "again", upsampling="shuffle", code=16, steps=steps, seed=3)
    return (folder / "again").read_bytes()
