"""The training images nearest to samples, by pixels: did the generator learn them by heart?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.data.preparation import PreparedData
from ganvas.data.reading import Progress
from ganvas.metrics.neighbours import tiles

BLOCK = 2_048
"""Training images that are looked at together; of 64x64 colour 100 MB."""


@dataclass(frozen=True)
class Nearest:
    """For each of n images its k nearest training images, nearest first.

    indices: (n, k), into the prepared images.
    distances: (n, k), root mean square difference of pixel values, in grey levels 0 to 255.
    """

    indices: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]


def nearest_training_images(
    pixels: Tensor,
    data: PreparedData,
    count: int,
    mirrored: bool = False,
    on_progress: Progress | None = None,
) -> Nearest:
    """Search the training split by L2 over pixels, block by block.

    Args:
        pixels: uint8 (n, C, H, W), of the shape of the data.
        count: how many for each; at most as many as there are training images.
        mirrored: whether a training image's mirror image counts as it does, as under data.flip.
    """
    rows = pixels.flatten(1).float()  # (n, D)
    turned = pixels.flip(3).flatten(1).float() if mirrored else None
    best = torch.empty(len(rows), 0, dtype=torch.float64)
    where = torch.empty(len(rows), 0, dtype=torch.int64)
    for start in range(0, len(data.training), BLOCK):
        indices = data.training[start : start + BLOCK]
        block = torch.from_numpy(data.images[indices]).flatten(1).float()
        found = squared_distances(rows, block)
        if turned is not None:
            found = torch.minimum(found, squared_distances(turned, block))
        best = torch.cat([best, found], dim=1)
        where = torch.cat([where, torch.from_numpy(indices).expand(len(rows), -1)], dim=1)
        best, kept = best.topk(min(count, best.shape[1]), dim=1, largest=False)
        where = where.gather(1, kept)
        if on_progress is not None:
            on_progress(min(start + BLOCK, len(data.training)), len(data.training))
    distances = best.div(rows.shape[1]).sqrt()
    return Nearest(where.numpy(), distances.numpy())


def squared_distances(rows: Tensor, columns: Tensor) -> Tensor:
    """Of all pairs, float64 (n, m)."""
    whole = torch.empty(len(rows), len(columns), dtype=torch.float64)
    for row_place, column_place, tile in tiles(rows, columns):
        whole[row_place, column_place] = tile.double()
    return whole
