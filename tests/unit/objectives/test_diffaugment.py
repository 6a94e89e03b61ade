"""The policy `diffaugment` against an implementation in numpy, written from Zhao 2020."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from ganvas.objectives import augment_random, diffaugment

Array = npt.NDArray[np.float64]

DRAWN = (
    "brightness", "brightness?", "saturation", "saturation?", "contrast", "contrast?",
    "down", "right", "moved?", "hole_row", "hole_column", "hole?",
)  # fmt: skip
"""In the order of drawing; a name with ? decides whether the transformation happens."""


def noise(channels: int = 3, height: int = 16, width: int = 16, count: int = 3) -> Tensor:
    random = torch.Generator().manual_seed(0)
    shape = (count, channels, height, width)
    return 2 * torch.rand(shape, generator=random, dtype=torch.float64) - 1


@pytest.fixture
def draws(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`augment` with uniform numbers (N,) of our choice, by name; others happen not."""

    def augment(images: Tensor, **drawn: list[float]) -> Tensor:
        assert drawn.keys() <= set(DRAWN)
        happening = {f"{name}?" for name in drawn} | (
            {"moved?"} if "down" in drawn else {"hole?"} if "hole_row" in drawn else set()
        )

        def numbers(shape: tuple[int, int], *_: Any) -> Tensor:
            assert shape == (len(images), len(DRAWN))
            columns = [
                drawn.get(name, [0.0 if name in happening else 0.99] * len(images))
                for name in DRAWN
            ]
            return torch.tensor(columns, dtype=torch.float64).t()

        monkeypatch.setattr(augment_random, "draw_uniform", numbers)
        (augmented,) = diffaugment.augment([images], 0.5, torch.Generator())
        monkeypatch.undo()
        return augmented

    return augment


def colours(images: Array) -> int:
    """Two and four channels end with alpha."""
    return {1: 1, 2: 1, 3: 3, 4: 3}[images.shape[1]]


def brightened(images: Array, uniform: list[float]) -> Array:
    """x + (u - 1/2)."""
    result = images.copy()
    for image, u in zip(result, uniform, strict=True):
        image[: colours(images)] += u - 0.5
    return result


def saturated(images: Array, uniform: list[float]) -> Array:
    """Each pixel around its own mean over colours, times 2 u."""
    result = images.copy()
    for image, u in zip(result, uniform, strict=True):
        colour = image[: colours(images)]
        for row in range(image.shape[1]):
            for column in range(image.shape[2]):
                pixel = colour[:, row, column]
                colour[:, row, column] = pixel.mean() + 2 * u * (pixel - pixel.mean())
    return result


def contrasted(images: Array, uniform: list[float]) -> Array:
    """Each image around its own mean over colours and pixels, times u + 1/2."""
    result = images.copy()
    for image, u in zip(result, uniform, strict=True):
        colour = image[: colours(images)]
        colour[:] = colour.mean() + (u + 0.5) * (colour - colour.mean())
    return result


def moved(images: Array, down: list[int], right: list[int]) -> Array:
    """By whole pixels, zero where nothing came from."""
    result = np.zeros_like(images)
    height, width = images.shape[2:]
    for index, (by_row, by_column) in enumerate(zip(down, right, strict=True)):
        for row in range(height):
            for column in range(width):
                source = row - by_row, column - by_column
                if 0 <= source[0] < height and 0 <= source[1] < width:
                    result[index, :, row, column] = images[index, :, *source]
    return result


U = [0.0, 0.3, 0.999]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("name", "expected"),
    [("brightness", brightened), ("saturation", saturated), ("contrast", contrasted)],
)
def test_colours_are_those_of_the_paper(
    draws: Any, channels: int, name: str, expected: Any
) -> None:
    images = noise(channels, 6, 5)
    theirs = torch.from_numpy(expected(images.numpy(), U))
    torch.testing.assert_close(draws(images, **{name: U}), theirs)
    if channels in (2, 4):
        assert torch.equal(draws(images, **{name: U})[:, -1], images[:, -1])


@pytest.mark.parametrize("channels", [1, 2])
def test_grey_pixels_have_no_saturation(draws: Any, channels: int) -> None:
    images = noise(channels, 6, 5)
    torch.testing.assert_close(draws(images, saturation=U), images)


def test_colours_follow_in_the_order_of_the_paper(draws: Any) -> None:
    images = noise(3, 6, 5)
    theirs = contrasted(saturated(brightened(images.numpy(), U), U), U)
    ours = draws(images, brightness=U, saturation=U, contrast=U)
    torch.testing.assert_close(ours, torch.from_numpy(theirs))


def test_a_hole_stays_where_it_is_drawn_when_the_image_moves() -> None:
    """The authors' order: colour, translation, cutout."""
    drawn = [0.0, 1.0, 1.0, 0.99, 0.99, 0.5, 0.5, 1.0]  # two pixels down and to the right
    quantities = torch.tensor(drawn).view(-1, 1, 1)
    moved = diffaugment.transform(torch.ones(1, 1, 16, 16), quantities)[0, 0]
    expected = torch.ones(16, 16)
    expected[:2], expected[:, :2], expected[4:12, 4:12] = 0, 0, 0
    assert torch.equal(moved, expected)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (8, 24), (12, 20), (3, 5)])
def test_translation_fills_with_zero(draws: Any, height: int, width: int) -> None:
    """By up to an eighth of the side, rounded to the nearest pixel, each as likely."""
    images = noise(2, height, width, count=5)
    most = [int(side / 8 + 0.5) for side in (height, width)]
    down, right = ([-m, m, 0, min(1, m), -m] for m in most)
    numbers = [
        [(step + m + 0.5) / (2 * m + 1) for step in steps]
        for steps, m in zip((down, right), most, strict=True)
    ]
    ours = draws(images, down=numbers[0], right=numbers[1])
    assert torch.equal(ours, torch.from_numpy(moved(images.numpy(), down, right)))


@pytest.mark.parametrize(("height", "width"), [(16, 24), (6, 5)])
def test_cutout_is_one_box_of_half_the_sides(draws: Any, height: int, width: int) -> None:
    """Its centre is one of the pixels or, for even boxes, of the corners between them; each as
    likely. What is outside is not cut."""
    boxes = [int(side / 2 + 0.5) for side in (height, width)]
    places = [side + 1 - box % 2 for side, box in zip((height, width), boxes, strict=True)]
    images = noise(3, height, width, count=max(places))
    centres = [[i % n for i in range(max(places))] for n in places]
    numbers = [[(c + 0.5) / n for c in centre] for centre, n in zip(centres, places, strict=True)]
    ours = draws(images, hole_row=numbers[0], hole_column=numbers[1])
    theirs = images.numpy().copy()
    for index, (row, column) in enumerate(zip(*centres, strict=True)):
        for cut_row in range(row - boxes[0] // 2, row - boxes[0] // 2 + boxes[0]):
            for cut_column in range(column - boxes[1] // 2, column - boxes[1] // 2 + boxes[1]):
                if 0 <= cut_row < height and 0 <= cut_column < width:
                    theirs[index, :, cut_row, cut_column] = 0
    assert torch.equal(ours, torch.from_numpy(theirs))


def test_at_probability_one_every_image_gets_all_of_it() -> None:
    """The policy color,translation,cutout of the paper, which has no probability."""
    images = torch.ones(200, 3, 16, 16, dtype=torch.float64)
    images[:, 1] = 0.5
    (augmented,) = diffaugment.augment([images], 1.0, torch.Generator().manual_seed(0))
    hole = (augmented == 0).all(1)
    assert hole.flatten(1).any(1).all()  # cutout; at the corners a quarter of the box
    colour = augmented.abs().amax((2, 3))  # the two values that a constant image gets
    assert len(colour.unique(dim=0)) == len(images)
