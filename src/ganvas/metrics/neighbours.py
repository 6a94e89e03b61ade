"""Distances between all pairs of two sets, one tile of the distance matrix at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganvas.metrics.inputs import row_blocks

ROWS = 1024
COLUMNS = 2048
"""Size of a tile; with its intermediate results up to 150 MB, however many samples there are."""

EXACT_DIMENSIONS = 256
"""Up to this many dimensions distances are computed in float64. It costs little there, and it is
needed there: points in the plane can be much closer together than their norms are large, which
images with 1,280 features are not."""

ROUNDING = 32
"""|x|^2 + |y|^2 - 2 x.y of equal x and y was off by up to 16 eps |x|^2; twice that counts as 0."""


def distance_tiles(
    rows: Tensor, columns: Tensor, above_diagonal: bool = False
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Squared Euclidean distances between rows (n, d) and columns (m, d), tile by tile.

    Yields the row slice, the column slice and the tile, which the caller may modify. Distances
    within rounding error of zero are zero, so that copies have distance zero.

    Args:
        above_diagonal: rows and columns are the same set, and each pair is needed once. Tiles below
            the diagonal are left out; entries on or below it in other tiles are infinite.
    """
    centre = mean_of(columns)
    for row_slice in block_slices(len(rows), ROWS):
        x, x_norms = centre_rows(rows[row_slice], centre)
        for column_slice in block_slices(len(columns), COLUMNS):
            if above_diagonal and column_slice.stop <= row_slice.start + 1:
                continue
            y, y_norms = centre_rows(columns[column_slice], centre)
            norms = x_norms[:, None] + y_norms
            tile = torch.addmm(norms, x, y.T, alpha=-2)
            tile.masked_fill_(tile <= norms.mul_(ROUNDING * torch.finfo(tile.dtype).eps), 0)
            if above_diagonal:
                row = torch.arange(row_slice.start, row_slice.stop, device=tile.device)
                column = torch.arange(column_slice.start, column_slice.stop, device=tile.device)
                tile[row[:, None] >= column] = torch.inf
            yield row_slice, column_slice, tile


def kth_nearest_distances(samples: Tensor, k: int) -> Tensor:
    """Squared distance of each sample to its k-th nearest other sample; (n, d) -> (n,).

    Each sample is nearest to itself, at zero, so this is the (k + 1)-th smallest distance.
    """
    return smallest_distances(samples, samples, k + 1)[:, -1]


def nearest_distances(rows: Tensor, columns: Tensor) -> Tensor:
    """Squared distance of each row to the nearest column; (n, d), (m, d) -> (n,)."""
    return smallest_distances(rows, columns, 1)[:, 0]


def smallest_distances(rows: Tensor, columns: Tensor, count: int) -> Tensor:
    """Smallest squared distances of each row to columns, ascending; (n, count), count <= m."""
    smallest: dict[int, Tensor] = {}
    for row_slice, _, tile in distance_tiles(rows, columns):
        start = row_slice.start
        if start in smallest:
            tile = torch.cat([smallest[start], tile], dim=1)
        smallest[start] = tile.topk(min(count, tile.shape[1]), dim=1, largest=False).values
    return torch.cat(list(smallest.values()))


def block_slices(count: int, size: int) -> list[slice]:
    """Slices of `size` that cover `count`; the last may be smaller."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def mean_of(rows: Tensor) -> Tensor:
    """The mean (d,) in float64. Distances of centred features lose less to rounding."""
    return sum((b.double().sum(0) for b in row_blocks(rows)), rows.new_zeros(1)) / len(rows)


def centre_rows(rows: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Centred rows and their squared norms, in the dtype of the distances."""
    dtype = torch.float64 if rows.shape[1] <= EXACT_DIMENSIONS else torch.float32
    centred = rows.to(dtype) - centre.to(dtype)
    return centred, centred.square().sum(1)
