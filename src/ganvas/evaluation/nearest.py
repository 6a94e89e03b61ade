"""The training images nearest to samples, by pixels: did the generator memorise them?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.data.preparation import PreparedData
from ganvas.data.reading import Progress
from ganvas.metrics.neighbours import distance_tiles

BLOCK = 2_048
"""Training images compared at a time; 100 MB at 64x64 in colour."""


@dataclass(frozen=True)
class Nearest:
    """The k nearest training images of each of n images, nearest first.

    indices: (n, k), into the prepared images.
    distances: (n, k), root mean square difference of pixel values, in grey levels (0 to 255).
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
    """Search the training images by L2 distance of pixels, block by block.

    Args:
        pixels: uint8 (n, C, H, W), of the shape of the data.
        count: k; at most as many as there are training images.
        mirrored: also compare with mirrored training images, as under data.flip.
    """
    rows = pixels.flatten(1).float()  # (n, D)
    mirrored_rows = pixels.flip(3).flatten(1).float() if mirrored else None
    best = torch.empty(len(rows), 0, dtype=torch.float64)
    best_indices = torch.empty(len(rows), 0, dtype=torch.int64)
    for start in range(0, len(data.training), BLOCK):
        indices = data.training[start : start + BLOCK]
        block = torch.from_numpy(data.images[indices]).flatten(1).float()
        distances = squared_distances(rows, block)
        if mirrored_rows is not None:
            distances = torch.minimum(distances, squared_distances(mirrored_rows, block))
        block_indices = torch.from_numpy(indices).expand(len(rows), -1)
        best = torch.cat([best, distances], dim=1)
        best_indices = torch.cat([best_indices, block_indices], dim=1)
        best, order = best.topk(min(count, best.shape[1]), dim=1, largest=False)
        best_indices = best_indices.gather(1, order)
        if on_progress is not None:
            on_progress(min(start + BLOCK, len(data.training)), len(data.training))
    rms = best.div(rows.shape[1]).sqrt()
    return Nearest(best_indices.numpy(), rms.numpy())


def squared_distances(rows: Tensor, columns: Tensor) -> Tensor:
    """Squared distances of all pairs; (n, d), (m, d) -> (n, m) in float64."""
    distances = torch.empty(len(rows), len(columns), dtype=torch.float64)
    for row_slice, column_slice, tile in distance_tiles(rows, columns):
        distances[row_slice, column_slice] = tile.double()
    return distances
