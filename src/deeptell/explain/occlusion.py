"""Occlusion (Zeiler and Fergus, ECCV 2014): what a model no longer says when a place is covered.

It asks the model only for answers, so it works where there is no gradient: classic classifiers on
embeddings, votes, encoders that come as ONNX.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from deeptell.explain.gradcam import finished
from deeptell.models.contract import Model
from deeptell.models.scoring import FACES_AT_ONCE

CELLS = 8  # along each side; a patch covers two by two of them


def occlusion(
    model: Model, batch: Tensor, *, lengths: Tensor | None = None, cells: int = CELLS
) -> Tensor:
    """How much of the logit for FAKE is lost when a place of a sample is covered.

    A patch of two by two cells, in the mean colour of its sample, is slid over it cell by cell;
    in a clip it covers the same place of all frames. A cell's heat is the mean loss under the
    patches that covered it, and nothing where it is a gain. The model is asked `(cells - 1)**2`
    times for every sample.

    Args:
        batch, lengths: as in `gradcam.grad_cam`.
        cells: at least 2.

    Returns:
        `(N, H, W)` or `(N, T, H, W)` float32 in [0, 1], as `gradcam.grad_cam`.
    """
    if cells < 2:
        raise ValueError(f"a patch covers two by two cells, so there are at least 2, got {cells}")
    with torch.inference_mode():
        maps = [
            _lost(model, one, None if lengths is None else lengths[number], cells)
            for number, one in enumerate(batch)
        ]
        heat = torch.stack(maps)[:, None].to(batch.dtype)
        if batch.ndim == 5:  # the same for every frame
            heat = heat[:, :, None].expand(-1, -1, batch.shape[2], -1, -1)
        return finished(heat, batch)


def _lost(model: Model, sample: Tensor, length: Tensor | None, cells: int) -> Tensor:
    """Mean loss of one sample `(3, ..., H, W)` in each cell: `(cells, cells)`."""
    places = [(row, column) for row in range(cells - 1) for column in range(cells - 1)]
    step = max(1, FACES_AT_ONCE // (1 if sample.ndim == 3 else sample.shape[1]))
    answers = [
        _ask(model, _covered(sample, part, cells), length)
        for part in (places[start : start + step] for start in range(0, len(places), step))
    ]
    lost = _ask(model, sample[None], length) - torch.cat(answers)
    total, times = lost.new_zeros(cells, cells), lost.new_zeros(cells, cells)
    for (row, column), value in zip(places, lost, strict=True):
        total[row : row + 2, column : column + 2] += value
        times[row : row + 2, column : column + 2] += 1
    return total / times


def _ask(model: Model, batch: Tensor, length: Tensor | None) -> Tensor:
    logits: Tensor = model(batch, None if length is None else length.expand(len(batch)))
    return logits


def _covered(sample: Tensor, places: Sequence[tuple[int, int]], cells: int) -> Tensor:
    """One copy of the sample for each patch, which is named by its upper left cell."""
    colour = sample.mean(dim=tuple(range(1, sample.ndim)), keepdim=True)
    rows, columns = (
        [round(number * size / cells) for number in range(cells + 1)] for size in sample.shape[-2:]
    )
    copies = torch.stack([sample] * len(places))
    for copy, (row, column) in zip(copies, places, strict=True):
        down, across = slice(rows[row], rows[row + 2]), slice(columns[column], columns[column + 2])
        copy[..., down, across] = colour
    return copies
