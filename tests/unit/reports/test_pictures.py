"""Grids of samples, cut into images and laid out anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganvas.images import make_grid
from ganvas.reports import pictures


@pytest.mark.parametrize("shape", [(64, 16, 16, 1), (64, 8, 24, 3), (5, 12, 12, 4)])
def test_a_grid_is_cut_into_the_images_it_was_made_of(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    tiles = pictures.cut_grid(make_grid(images), shape[1:3])
    assert np.array_equal(tiles[: len(images)], images)


def test_gaps_of_a_sample_grid_are_transparent_and_images_are_not() -> None:
    tiles = np.full((2, 3, 3, 1), 255, np.uint8)
    pixels = pictures.sample_grid(tiles, 2)
    assert pixels.shape == (5, 9, 2)
    assert (pixels[..., 1] == 255).sum() == 18
    assert (pixels[0] == 0).all()


def test_transparent_images_lie_on_white() -> None:
    pixel = np.array([0, 0, 0, 51], np.uint8).reshape(1, 1, 1, 4)
    assert pictures.on_white(pixel).tolist() == [[[[204, 204, 204]]]]


def test_spread_keeps_the_first_and_the_last() -> None:
    paths = [Path(f"{number}.png") for number in range(100)]
    chosen = pictures.spread(paths, 7)
    assert len(chosen) == 7
    assert (chosen[0], chosen[-1]) == (paths[0], paths[-1])
    assert pictures.spread(paths[:3], 7) == paths[:3]


def test_the_grid_after_an_onset_is_found() -> None:
    paths = [Path("000.png"), Path("020.png"), Path("040.png")]
    assert pictures.path_from(paths, 15) == paths[1]
    assert pictures.path_from(paths, 99) == paths[2]
    assert pictures.path_from([], 5) is None
