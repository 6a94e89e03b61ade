"""Distances in tiles against scipy's whole matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist, pdist
from torch import Tensor

from ganvas.metrics import neighbours
from ganvas.metrics.neighbours import (
    distance_tiles,
    kth_nearest_distances,
    nearest_distances,
    smallest_distances,
)


def draw(count: int, d: int, seed: int) -> Tensor:
    return torch.randn(count, d, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=[(1024, 4096), (16, 40), (40, 16)], ids=["one", "flat", "tall"])
def tile_size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    monkeypatch.setattr(neighbours, "ROWS", request.param[0])
    monkeypatch.setattr(neighbours, "COLUMNS", request.param[1])
    return request.param


@pytest.mark.usefixtures("tile_size")
@pytest.mark.parametrize("d", [3, 400])
def test_nearest_distances_agree_with_scipy(d: int) -> None:
    x, y = draw(70, d, 0) + 5, draw(90, d, 1) + 5
    squared = np.sort(cdist(x.double().numpy(), y.double().numpy()) ** 2, axis=1)
    np.testing.assert_allclose(smallest_distances(x, y, 3), squared[:, :3], rtol=1e-4)
    np.testing.assert_allclose(nearest_distances(x, y), squared[:, 0], rtol=1e-4)
    own = np.sort(cdist(x.double().numpy(), x.double().numpy()) ** 2, axis=1)
    np.testing.assert_allclose(kth_nearest_distances(x, 4), own[:, 4], rtol=1e-4)


def test_tiles_have_every_pair_above_the_diagonal_once(
    tile_size: tuple[int, int],
) -> None:
    x = draw(101, 5, 0)
    distances = []
    for rows, columns, tile in distance_tiles(x, x, above_diagonal=True):
        assert tile.shape == (rows.stop - rows.start, columns.stop - columns.start)
        assert tile.shape[0] <= tile_size[0]
        assert tile.shape[1] <= tile_size[1]
        distances.append(tile[tile.isfinite()])
    expected = np.sort(pdist(x.double().numpy()) ** 2)
    np.testing.assert_allclose(torch.cat(distances).sort().values, expected, rtol=1e-9)


@pytest.mark.usefixtures("tile_size")
@pytest.mark.parametrize("d", [3, 1280])
def test_only_copies_have_distance_zero(d: int) -> None:
    """Sums in another order would leave it at some 1e-6 of its length, and not at zero."""
    x = torch.relu(draw(60, d, 0)) + 1
    others = torch.cat([draw(30, d, 1), x.flip(0)])
    distances = nearest_distances(x, others)
    assert torch.equal(distances, torch.zeros_like(distances))
    moved = nearest_distances(x + 0.02 * draw(60, d, 2), others)
    assert bool((moved > 0).all())
