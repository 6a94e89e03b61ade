"""Images side by side, points in a plot, and the files that come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganvas.drawing.grids import SIDE_OF_DOTS, draw_points, make_grid, to_pillow, write_png


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 12),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    columns=st.none() | st.integers(1, 15),
    gap=st.integers(0, 3),
)
def test_grid_shows_every_image_once_in_reading_order(
    count: int, height: int, width: int, columns: int | None, gap: int
) -> None:
    images = np.arange(count, dtype=np.uint8)[:, None, None, None] + np.zeros(
        (count, height, width, 1), np.uint8
    )
    grid = make_grid(images, columns, gap)
    across = (grid.shape[1] - gap) // (width + gap)
    assert across <= min(count, columns or count)
    for index in range(count):
        top = gap + index // across * (height + gap)
        left = gap + index % across * (width + gap)
        assert np.all(grid[top : top + height, left : left + width] == index)
    assert np.count_nonzero(grid != 255) == count * height * width


def test_grid_of_square_images_is_about_square() -> None:
    assert make_grid(noise(64, 8, 8, 3)).shape == (82, 82, 3)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_png_holds_the_exact_pixels(tmp_path: Path, channels: int, mode: str) -> None:
    pixels = noise(5, 7, channels)
    write_png(tmp_path / "one.png", pixels)
    write_png(tmp_path / "larger.png", pixels, factor=3)
    with Image.open(tmp_path / "one.png") as picture, Image.open(tmp_path / "larger.png") as larger:
        assert picture.mode == larger.mode == mode
        assert np.array_equal(np.asarray(picture).reshape(pixels.shape), pixels)
        assert larger.size == (21, 15)
        enlarged = np.asarray(larger).reshape(15, 21, channels)
        assert np.array_equal(enlarged, pixels.repeat(3, axis=0).repeat(3, axis=1))
    assert to_pillow(pixels).mode == mode


@pytest.mark.parametrize(
    ("point", "row", "column"),
    [
        ((0.9, 0.9), 0, 9),  # right and up
        ((-0.9, 0.9), 0, 0),
        ((-0.9, -0.9), 9, 0),
        ((0.1, -0.5), 7, 5),
        ((70.0, 0.1), 4, 9),  # outside: on the border
        ((0.1, -np.inf), 9, 5),
    ],
)
def test_a_point_darkens_its_pixel(point: tuple[float, float], row: int, column: int) -> None:
    picture = draw_points(np.array([point], np.float32), extent=1.0, side=10)
    assert picture.shape == (10, 10, 1)
    assert np.argwhere(picture[:, :, 0] != 255).tolist() == [[row, column]]
    assert picture[row, column] == 0


def test_a_point_of_a_large_plot_is_a_dot_that_the_border_cuts() -> None:
    side = SIDE_OF_DOTS
    points = np.array([[1 / side, -1 / side], [1.0, 1.0]], np.float32)
    picture = draw_points(points, extent=1.0, side=side)
    middle = {(side // 2 + y, side // 2 + x) for y in (-1, 0, 1) for x in (-1, 0, 1)}
    corner = {(y, side - 1 - x) for y in (0, 1) for x in (0, 1)}
    assert set(map(tuple, np.argwhere(picture[:, :, 0] == 0).tolist())) == middle | corner
    assert int((picture == 255).sum()) == side * side - 13


def test_darkness_depends_on_the_fraction_of_points() -> None:
    """255 exp(-share / (1/1250)), whatever the number of points."""
    crowd, one = np.tile([[0.5, 0.5]], (1249, 1)), np.array([[-0.5, -0.5]])
    few = draw_points(np.concatenate([crowd, one]).astype(np.float32), 1.0, side=2)
    assert int(few[1, 0, 0]) == round(255 / np.e)
    assert int(few[0, 1, 0]) == 0
    assert int(few[0, 0, 0]) == 255
    many = np.repeat(np.concatenate([crowd, one]), 7, axis=0).astype(np.float32)
    assert np.array_equal(draw_points(many, 1.0, side=2), few)
