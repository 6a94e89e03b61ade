"""Distances between all pairs of two sets, one tile of the matrix at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ganvas.metrics.inputs import row_blocks

ROWS = 1024
COLUMNS = 2048
"""A tile; with all that is made of it up to 150 MB, however many samples there are."""

EXACT_DIMENSIONS = 256
"""Up to here distances are made in float64. It costs little there, and it is where samples can lie
much closer together than their norms are long: points in the plane, not images in 1,280 numbers."""

ROUNDING = 32
"""|x|^2 + |y|^2 - 2 x.y of equal x and y was off by up to 16 eps |x|^2; twice that is zero."""


def centre_of(rows: Tensor) -> Tensor:
    """The mean (d,) in float64. Distances of centred features lose less to rounding."""
    return sum((b.double().sum(0) for b in row_blocks(rows)), rows.new_zeros(1)) / len(rows)


def tiles(
    rows: Tensor, columns: Tensor, above_diagonal: bool = False
) -> Iterator[tuple[slice, slice, Tensor]]:
    """Squared Euclidean distances between rows (n, d) and columns (m, d), by tiles.

    Yields where the tile lies and the tile, which the caller may write into. Distances below what
    rounding leaves of zero are zero, so that copies are copies.

    Args:
        above_diagonal: rows and columns are one set, and every pair is wanted once: tiles below
            the diagonal are left out, and what lies on or below it in the others is infinite.
    """
    centre = centre_of(columns)
    for row_place in places(len(rows), ROWS):
        x, x_norms = prepared(rows[row_place], centre)
        for column_place in places(len(columns), COLUMNS):
            if above_diagonal and column_place.stop <= row_place.start + 1:
                continue
            y, y_norms = prepared(columns[column_place], centre)
            norms = x_norms[:, None] + y_norms
            tile = torch.addmm(norms, x, y.T, alpha=-2)
            tile.masked_fill_(tile <= norms.mul_(ROUNDING * torch.finfo(tile.dtype).eps), 0)
            if above_diagonal:
                row = torch.arange(row_place.start, row_place.stop, device=tile.device)
                column = torch.arange(column_place.start, column_place.stop, device=tile.device)
                tile[row[:, None] >= column] = torch.inf
            yield row_place, column_place, tile


def kth_nearest(samples: Tensor, k: int) -> Tensor:
    """The squared distance of each sample to its k-th nearest other one; (n, d) -> (n,).

    A sample is its own nearest, at zero, so the (k + 1)-th smallest of all is taken.
    """
    return smallest(samples, samples, k + 1)[:, -1]


def nearest(rows: Tensor, columns: Tensor) -> Tensor:
    """The squared distance of each row to the nearest column; (n, d), (m, d) -> (n,)."""
    return smallest(rows, columns, 1)[:, 0]


def smallest(rows: Tensor, columns: Tensor, count: int) -> Tensor:
    """Each row's smallest squared distances to columns, ascending; (n, count), count <= m."""
    found: dict[int, Tensor] = {}
    for row_place, _, tile in tiles(rows, columns):
        if row_place.start in found:
            tile = torch.cat([found[row_place.start], tile], dim=1)
        kept = min(count, tile.shape[1])
        found[row_place.start] = tile.topk(kept, dim=1, largest=False).values
    return torch.cat(list(found.values()))


def places(count: int, size: int) -> list[slice]:
    """Where blocks of `size` lie in `count`; the last may be smaller."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def prepared(rows: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    """Centred rows and their squared norms, in the type that distances are made in."""
    exact = rows.shape[1] <= EXACT_DIMENSIONS
    centred = rows.to(torch.float64 if exact else torch.float32) - centre.to(
        torch.float64 if exact else torch.float32
    )
    return centred, centred.square().sum(1)
