"""Images that another program made, scored as if a generator of ours had made them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganvas.data.sources import open_source
from ganvas.errors import DataError, GanvasError
from ganvas.evaluation.evaluate import evaluate
from ganvas.evaluation.samples import (
    GivenImages,
    prepared_pair,
    size_of_images,
    source_of_images,
)
from ganvas.images import to_uint8
from tests.builders.tiny import tiny_data

CPU = torch.device("cpu")


def write_noise(path: Path, count: int, *, channels: int = 1, seed: int = 0) -> Path:
    """16x16 noise, as .npy."""
    shape = (count, 16, 16, channels)
    np.save(path, np.random.default_rng(seed).integers(0, 256, shape, np.uint8))
    return path


def pixels_of(given: GivenImages, n: int, seed: int, indices: range | None = None) -> torch.Tensor:
    """uint8 (n, C, H, W), as they are scored."""
    return torch.cat([to_uint8(batch) for batch in given.batches(n, seed, indices)])


def test_each_image_serves_once_and_keeps_its_pixels() -> None:
    data = tiny_data(256)
    data.images[:, 0, 0, 0] = np.arange(256)  # every level there is, and the image's number
    given = GivenImages(data, CPU)
    pixels = pixels_of(given, 256, seed=0)
    numbers = pixels[:, 0, 0, 0].numpy()
    assert sorted(numbers) == list(range(256))
    assert np.array_equal(pixels, data.images[numbers])


def test_the_seed_chooses_and_a_part_is_part_of_the_whole() -> None:
    given = GivenImages(tiny_data(200), CPU)
    whole = pixels_of(given, 90, seed=1)
    assert len(whole) == 90
    assert torch.equal(whole, pixels_of(given, 200, seed=1)[:90])
    assert torch.equal(whole[64:90], pixels_of(given, 90, seed=1, indices=range(64, 90)))
    assert not torch.equal(whole, pixels_of(given, 90, seed=2))


def test_copies_are_scored_as_often_as_they_are_there(tmp_path: Path) -> None:
    write_noise(tmp_path / "real.npy", 220)
    collapsed = np.repeat(np.load(write_noise(tmp_path / "one.npy", 1, seed=1)), 50, axis=0)
    np.save(tmp_path / "collapsed.npy", collapsed)
    source = source_of_images(tmp_path / "collapsed.npy", quiet=True)
    assert source is not None
    given, real, _ = prepared_pair(source, tmp_path / "real.npy", quiet=True, verify=False)
    assert len(given.images) == 50
    assert len(given.held_out) == 0
    assert len(real.held_out) == 22


@pytest.mark.parametrize(("given", "real"), [(1, 3), (3, 1), (1, 1)])
def test_grey_images_are_compared_with_coloured_ones_in_colour(
    tmp_path: Path, given: int, real: int
) -> None:
    write_noise(tmp_path / "given.npy", 5, channels=given)
    write_noise(tmp_path / "real.npy", 40, channels=real)
    source = source_of_images(tmp_path / "given.npy", quiet=True)
    assert source is not None
    pair = prepared_pair(source, tmp_path / "real.npy", quiet=True, verify=False)
    assert [part.shape.channels for part in pair[:2]] == [max(given, real)] * 2


def test_images_of_several_sizes_are_refused(tmp_path: Path) -> None:
    for name, side in (("a.png", 16), ("b.png", 32)):
        Image.new("L", (side, 16)).save(tmp_path / name)
    source = open_source(tmp_path)
    with pytest.raises(DataError, match=r"a\.png is 16x16, b\.png 16x32, but"):
        size_of_images(source)  # type: ignore[arg-type]


def test_what_is_of_ganvas_is_not_taken_for_given_images(tmp_path: Path) -> None:
    grids = tmp_path / "runs" / "first" / "samples"
    grids.mkdir(parents=True)
    Image.new("L", (16, 16)).save(grids / "000001000.png")
    assert source_of_images(tmp_path / "runs", quiet=True) is not None
    (grids.parent / "recipe.json").write_text("{}")
    for path in (tmp_path / "runs", grids.parent, tmp_path / "absent"):
        assert source_of_images(path, quiet=True) is None
    generator = tmp_path / "generator"
    generator.mkdir()
    (generator / "config.json").write_text("{}")
    Image.new("L", (16, 16)).save(generator / "samples-0.png")
    assert source_of_images(generator, quiet=True) is None


def test_images_are_scored_like_samples_of_a_generator(tmp_path: Path) -> None:
    real = write_noise(tmp_path / "real.npy", 220)
    alike = write_noise(tmp_path / "alike.npy", 60, seed=1)
    np.save(tmp_path / "black.npy", np.zeros((60, 16, 16, 1), np.uint8))
    (like,) = evaluate(alike, "swd", data=real)
    (black,) = evaluate(tmp_path / "black.npy", "swd", data=real, n=60)
    assert black.value > 5 * like.value
    assert like.value < 2 * like.floor
    assert like.protocol["samples_of"] == "alike"
    assert like.protocol["n_fake"] == 60
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "alike.npy",
        "black.npy",
        "real.npy",
    ]


def test_what_images_cannot_do_is_said_first(tmp_path: Path) -> None:
    images = write_noise(tmp_path / "images.npy", 30)
    real = write_noise(tmp_path / "real.npy", 220, seed=1)
    with pytest.raises(GanvasError, match=r"images holds images, not a run.*\(--data DATA\)"):
        evaluate(images, "swd")
    with pytest.raises(GanvasError, match="no checkpoint"):
        evaluate(images, "swd", data=real, checkpoint="best")
    with pytest.raises(GanvasError, match="images holds 30 images, and -n asks for 31"):
        evaluate(images, "swd", data=real, n=31)


def test_given_images_have_no_labels() -> None:
    given = GivenImages(tiny_data(), CPU)
    assert given.draw_labels(3) is None
    assert given.label_names == ()
