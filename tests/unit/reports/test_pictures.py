"""Grids of samples, cut into images and laid out anew."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from ganvas.data.prepared import PreparedData
from ganvas.data.sources import FASHION
from ganvas.drawing.grids import make_grid
from ganvas.drawing.samples import write_samples
from ganvas.images import Pixels
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


@pytest.fixture(scope="module")
def fashion() -> PreparedData:
    """1,500 of the built-in images; every tenth is held out."""
    content = gzip.decompress((FASHION / "t10k-images-idx3-ubyte.gz").read_bytes())
    pixels = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 1, 28, 28)[:1_500]
    held_out = np.arange(len(pixels)) % 10 == 0
    return cast(
        PreparedData,
        SimpleNamespace(
            images=pixels, training=np.flatnonzero(~held_out), held_out=np.flatnonzero(held_out)
        ),
    )


def samples_of(data: PreparedData, indices: NDArray[np.int64]) -> Pixels:
    """A dozen of these images, as a generator makes them: uint8 (12, H, W, 1)."""
    return np.ascontiguousarray(data.images[indices[:12]].transpose(0, 2, 3, 1))


def with_noise(images: Pixels, levels: float) -> Pixels:
    """Images with normal noise of so many grey levels."""
    noise = np.random.default_rng(0).normal(0, levels, images.shape)
    return np.clip(images + noise, 0, 255).round().astype(np.uint8)


def blotches(data: PreparedData) -> Pixels:
    """The mean training image with a twentieth of each image's own contrast."""
    mean = data.images[data.training].mean(axis=0).transpose(1, 2, 0)
    return (mean + 0.05 * (samples_of(data, data.training) - mean)).round().astype(np.uint8)


class TestCopies:
    def test_training_images_are_copies(self, fashion: PreparedData) -> None:
        copies = samples_of(fashion, fashion.training)
        assert pictures.nearest_to(copies, fashion, mirrored=False).copies == 12

    def test_training_images_with_a_little_noise_are_copies(self, fashion: PreparedData) -> None:
        noisy = with_noise(samples_of(fashion, fashion.training), 8)
        assert pictures.nearest_to(noisy, fashion, mirrored=False).copies == 12

    def test_mirrored_training_images_are_copies_where_training_mirrors(
        self, fashion: PreparedData
    ) -> None:
        mirror = np.ascontiguousarray(samples_of(fashion, fashion.training)[:, :, ::-1])
        assert pictures.nearest_to(mirror, fashion, mirrored=True).copies == 12
        assert pictures.nearest_to(mirror, fashion, mirrored=False).copies < 6

    def test_held_out_images_are_no_copies(self, fashion: PreparedData) -> None:
        real = samples_of(fashion, fashion.held_out[::10])
        others = SimpleNamespace(**vars(fashion))
        others.held_out = np.setdiff1d(fashion.held_out, fashion.held_out[::10])
        assert pictures.nearest_to(real, cast(PreparedData, others), mirrored=False).copies == 0

    def test_blotches_are_no_copies_although_they_are_near_to_everything(
        self, fashion: PreparedData
    ) -> None:
        grey = np.stack([np.full((28, 28, 1), level, np.uint8) for level in range(0, 60, 5)])
        lookups = pictures.nearest_to(np.concatenate([blotches(fashion), grey]), fashion, False)
        assert lookups.copies == 0
        assert lookups.rule is not None
        assert min(row.distance for row in lookups.rows) > 0

    def test_blotches_nearer_than_held_out_images_are_no_copies(self) -> None:
        """Strong contrast puts real images far apart, and a blotch in the middle of them."""
        random = np.random.default_rng(0)
        images = random.choice([0, 255], (400, 1, 8, 8)).astype(np.uint8)
        data = SimpleNamespace(images=images, training=np.arange(360), held_out=np.arange(360, 400))
        grey = np.full((12, 8, 8, 1), 128, np.uint8)
        lookups = pictures.nearest_to(grey, cast(PreparedData, data), mirrored=False)
        assert lookups.rule is not None
        assert all(row.distance < lookups.rule.limit for row in lookups.rows)
        assert lookups.copies == 0

    def test_without_held_out_images_nothing_is_called_a_copy(self, fashion: PreparedData) -> None:
        none_held_out = SimpleNamespace(**vars(fashion))
        none_held_out.held_out = fashion.held_out[:0]
        copies = samples_of(fashion, fashion.training)
        lookups = pictures.nearest_to(copies, cast(PreparedData, none_held_out), mirrored=False)
        assert lookups.rule is None
        assert lookups.copies == 0


class TestLabels:
    """Grids of a generator that takes labels: a row of eight for each label."""

    NAMES = tuple(f"label{number}" for number in range(10))

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        levels = np.arange(10, dtype=np.uint8).repeat(8)  # an image's grey level is its label
        tiles = np.broadcast_to(levels[:, None, None, None], (80, 16, 16, 1))
        path = tmp_path / "000000640.png"
        write_samples(path, np.ascontiguousarray(tiles), None, columns=8)
        return path

    def test_the_large_grid_keeps_the_rows_and_names_them(self, path: Path) -> None:
        picture = pictures.grid_picture(path, (16, 16), "After {}", rows=self.NAMES)
        height, width = picture.pixels.shape[:2]
        assert (height, width) == (10 * 17 + 1, 8 * 17 + 1)
        assert [int(picture.pixels[17 * row + 5, 5, 0]) for row in range(10)] == [*range(10)]
        assert "from the top: label0, label1" in picture.caption

    def test_the_strip_shows_the_first_image_of_each_label(self, path: Path) -> None:
        (picture,) = pictures.strip([path], (16, 16), self.NAMES)
        assert [int(picture.pixels[5, 17 * column + 5, 0]) for column in range(10)] == [*range(10)]
