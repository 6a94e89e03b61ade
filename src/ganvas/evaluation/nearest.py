"""The training images nearest to samples, by pixels, and which samples are copies of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganvas.data.held_out import FEWEST_HELD_OUT
from ganvas.data.prepared import PreparedData
from ganvas.metrics.memorised import REAL_FRACTION
from ganvas.metrics.neighbours import distance_tiles
from ganvas.progress import Progress

BLOCK = 2_048
"""Images compared at a time; 100 MB at 64x64 in colour."""

REFERENCES = 256
"""Held-out images that tell how far a real image is from its nearest training image."""

COPY_RATIO = 0.5
"""A copy is less than so many times as far from a training image as from every held-out image."""


@dataclass(frozen=True)
class Nearest:
    """The k nearest of some prepared images to each of n images, nearest first.

    indices: (n, k), into the prepared images.
    distances: (n, k), root mean square difference of pixel values, in grey levels (0 to 255).
    """

    indices: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]


@dataclass(frozen=True)
class CopyRule:
    """When a sample is a copy of a training image, as the held-out images decide.

    Two conditions, because one does not suffice. A copy is nearer to a training image than all but
    5 % of held-out images are. And it is less than half as far from it as from the nearest held-out
    image: an image of little contrast, such as a grey blotch, is near to everything, so it is about
    as near to images that were never trained on.

    Of held-out images of Fashion-MNIST at 32x32 fewer than 1 % would count as copies, and of
    training images with noise of 12 grey levels more than 99 % do.

    usual: the median distance of held-out images to their nearest training image, in grey levels.
    limit: the distance that only 5 % of them are below.
    references: how many held-out images these are.
    """

    usual: float
    limit: float
    references: int

    @classmethod
    def of(cls, held_out: npt.NDArray[np.float64]) -> CopyRule | None:
        """The rule by the distances (n,) of held-out images to their nearest training images.

        None where nothing can be decided: there are too few held-out images, or at least 5 % of
        them are exact copies of training images, so that nothing is nearer.
        """
        if len(held_out) < FEWEST_HELD_OUT:
            return None
        limit = float(np.quantile(held_out, REAL_FRACTION))
        return cls(float(np.median(held_out)), limit, len(held_out)) if limit > 0 else None

    def is_copy(self, to_training: float, to_held_out: float) -> bool:
        """Whether a sample is a copy, by its distances to the nearest image of each kind."""
        return to_training < self.limit and to_training < COPY_RATIO * to_held_out


def nearest_images(
    pixels: Tensor,
    data: PreparedData,
    among: npt.NDArray[np.int64],
    count: int,
    mirrored: bool = False,
    on_progress: Progress | None = None,
) -> Nearest:
    """Search prepared images by L2 distance of pixels, block by block.

    Args:
        pixels: uint8 (n, C, H, W), of the shape of the data.
        among: indices of the prepared images to search, such as `data.training`.
        count: k; at most as many as are searched.
        mirrored: also compare with mirrored images, as under data.flip.
    """
    rows = pixels.flatten(1).float()  # (n, D)
    mirrored_rows = pixels.flip(3).flatten(1).float() if mirrored else None
    best = torch.empty(len(rows), 0, dtype=torch.float64)
    best_indices = torch.empty(len(rows), 0, dtype=torch.int64)
    for start in range(0, len(among), BLOCK):
        indices = among[start : start + BLOCK]
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
            on_progress(min(start + BLOCK, len(among)), len(among))
    rms = best.div(rows.shape[1]).sqrt()
    return Nearest(best_indices.numpy(), rms.numpy())


def squared_distances(rows: Tensor, columns: Tensor) -> Tensor:
    """Squared distances of all pairs; (n, d), (m, d) -> (n, m) in float64."""
    distances = torch.empty(len(rows), len(columns), dtype=torch.float64)
    for row_slice, column_slice, tile in distance_tiles(rows, columns):
        distances[row_slice, column_slice] = tile.double()
    return distances
