"""Distances between images."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812  (its name wherever torch is read)
from torch import Tensor

MAX_SIDE = 8
"""Pixels: images are downsampled to this side before comparison, to ignore texture and noise."""


def downsample(images: Tensor) -> Tensor:
    """Average-pool images to at most 8x8; (N, C, H, W) -> (N, C, h, w)."""
    height, width = (min(side, MAX_SIDE) for side in images.shape[2:])
    return F.adaptive_avg_pool2d(images, (height, width))


def pairwise_distances(rows: Tensor) -> Tensor:
    """Euclidean distances between all pairs, copies at exactly zero; (n, d) -> (n, n)."""
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")


def off_diagonal(matrix: Tensor) -> Tensor:
    """The entries of a symmetric (n, n) above its diagonal: each pair once."""
    row, column = torch.triu_indices(len(matrix), len(matrix), offset=1, device=matrix.device)
    return matrix[row, column]
