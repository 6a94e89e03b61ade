"""Pixel ranges both ways, grids, and the pictures that come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganvas.images import (
    draw_points,
    from_network,
    make_grid,
    to_channels_last,
    to_pillow,
    to_signed,
    to_signed_dequantized,
    to_uint8,
    write_png,
)

EVERY_LEVEL = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def test_every_grey_level_survives_the_round_trip() -> None:
    signed = to_signed(EVERY_LEVEL)
    assert signed.dtype == torch.float32
    assert signed.flatten()[[0, -1]].tolist() == [-1.0, 1.0]
    np.testing.assert_allclose(signed.flatten().numpy(), np.linspace(-1, 1, 256), atol=1e-6)
    assert torch.equal(to_uint8(signed), EVERY_LEVEL)


def test_source_pixels_are_not_changed_in_place() -> None:
    before = EVERY_LEVEL.clone()
    to_signed(EVERY_LEVEL)
    to_signed_dequantized(EVERY_LEVEL, torch.Generator())
    assert torch.equal(EVERY_LEVEL, before)


def test_values_are_rounded_to_nearest_and_clamped() -> None:
    values = torch.tensor([-9.0, -1.0, -1 + 0.9 / 255, -1 + 1.1 / 255, 1 - 0.9 / 255, 1.0, 9.0])
    assert to_uint8(values).tolist() == [0, 0, 0, 1, 255, 255, 255]


def test_dequantization_is_uniform_over_1_128th() -> None:
    """Gulrajani 2017's code: x / 128 - 1 + U(0, 1/128)."""
    pixels = EVERY_LEVEL.expand(400, 1, 16, 16)
    signed = to_signed_dequantized(pixels, torch.Generator().manual_seed(0))
    offset = signed.double() - (pixels.double() / 128 - 1)
    assert offset.min() > -1e-6
    assert offset.max() < 1 / 128 + 1e-6
    assert float(offset.mean()) == pytest.approx(1 / 256, rel=0.01)
    assert float(offset.std()) == pytest.approx(1 / 128 / 12**0.5, rel=0.01)
    assert signed.min() >= -1
    assert signed.max() <= 1


def test_channels_go_last() -> None:
    pixels = torch.from_numpy(noise(2, 3, 4, 5))
    array = to_channels_last(pixels)
    assert array.shape == (2, 4, 5, 3)
    assert array[1, 2, 3].tolist() == pixels[1, :, 2, 3].tolist()
    assert array.flags["C_CONTIGUOUS"]


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


class TestPoints:
    def test_points_are_not_pixels(self) -> None:
        """A pixel's way would end in [-1, 1] and 0 to 255; coordinates mean themselves."""
        points = torch.tensor([[-4.0, 2.5], [300.0, 0.0]]).view(2, 2, 1, 1)
        assert torch.equal(to_signed(points), points)
        array = from_network(points)
        assert array.dtype == np.float32
        assert array.tolist() == [[-4.0, 2.5], [300.0, 0.0]]

    def test_images_become_channels_last_levels(self) -> None:
        array = from_network(to_signed(EVERY_LEVEL))
        assert np.array_equal(array, to_channels_last(EVERY_LEVEL))

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
    def test_a_point_darkens_its_pixel(
        self, point: tuple[float, float], row: int, column: int
    ) -> None:
        picture = draw_points(np.array([point], np.float32), extent=1.0, side=10)
        assert picture.shape == (10, 10, 1)
        assert np.argwhere(picture[:, :, 0] != 255).tolist() == [[row, column]]
        assert picture[row, column] == 0

    def test_darkness_depends_on_the_fraction_of_points(self) -> None:
        """255 exp(-share / (1/1250)), whatever the number of points."""
        crowd, one = np.tile([[0.5, 0.5]], (1249, 1)), np.array([[-0.5, -0.5]])
        few = draw_points(np.concatenate([crowd, one]).astype(np.float32), 1.0, side=2)
        assert int(few[1, 0, 0]) == round(255 / np.e)
        assert int(few[0, 1, 0]) == 0
        assert int(few[0, 0, 0]) == 255
        many = np.repeat(np.concatenate([crowd, one]), 7, axis=0).astype(np.float32)
        assert np.array_equal(draw_points(many, 1.0, side=2), few)
