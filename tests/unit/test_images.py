"""Pixel ranges both ways."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganvas.images import from_network, to_channels_last, to_signed, to_signed_dequantized, to_uint8

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
