"""Train the autoencoders that forges draw faces with."""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from deeptell.files import replacing
from deeptell.models.autoencoder import SIZE, Autoencoder, Upsampling, unlikeness
from deeptell.progress import Progress

BATCH = 32
_RATE = 3e-3
_BEND = 0.03  # standard deviation of the input's displacement, of half its side


def fit_autoencoder(
    faces: NDArray[np.uint8],
    path: Path,
    *,
    upsampling: Upsampling,
    code: int,
    steps: int,
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Train one on faces and write its weights to `path`, unless it is there.

    It is shown bent faces and asked for straight ones, as the tools for swaps do: so it learns
    what faces look like, and not to copy.

    Args:
        faces: `(N, 128, 128, 3)`.
        upsampling, code: as in `Autoencoder`.
        steps: of 32 faces.
    """
    if path.is_file():
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        rng = np.random.default_rng(seed)
        model = Autoencoder(upsampling=upsampling, code=code)
        optimiser = torch.optim.AdamW(model.parameters(), lr=_RATE, weight_decay=1e-4)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=steps)
        for step in range(steps):
            batch = _drawn(faces, rng)
            loss = unlikeness(model(_bent(batch)), batch)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            if progress:
                progress(step + 1, steps)
    with replacing(path) as part:
        made = json.dumps({"upsampling": upsampling, "code": code})
        save_file(model.state_dict(), part, metadata={"autoencoder": made})


def load_autoencoder(path: Path, *, upsampling: Upsampling, code: int) -> Autoencoder:
    """The autoencoder whose weights `fit_autoencoder` wrote."""
    model = Autoencoder(upsampling=upsampling, code=code)
    model.load_state_dict(load_file(path))
    return model.eval()


def _drawn(faces: NDArray[np.uint8], rng: np.random.Generator) -> Tensor:
    """A batch `(32, 3, 128, 128)` in [0, 1], mirrored and lit at random."""
    chosen = faces[rng.integers(0, len(faces), BATCH)]
    chosen = np.where(rng.random((BATCH, 1, 1, 1)) < 0.5, chosen[:, :, ::-1], chosen)
    batch = torch.from_numpy(chosen).permute(0, 3, 1, 2).float() / 255
    gain, lift = 1 + 0.1 * torch.randn(BATCH, 3, 1, 1), 0.05 * torch.randn(BATCH, 3, 1, 1)
    return (batch * gain + lift).clamp(0, 1)


def _bent(batch: Tensor) -> Tensor:
    """Elastic deformation: random displacements of five by five knots, smooth in between."""
    knots = torch.randn(len(batch), 2, 5, 5) * _BEND
    bend = F.interpolate(knots, size=(SIZE, SIZE), mode="bicubic").permute(0, 2, 3, 1)
    straight = torch.eye(2, 3).expand(len(batch), 2, 3)
    grid = F.affine_grid(straight, [len(batch), 3, SIZE, SIZE], align_corners=False)
    return F.grid_sample(batch, grid + bend, padding_mode="border", align_corners=False)
