"""How sizes split into a base and doublings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.errors import RecipeError
from ganvas.networks.sizes import (
    FEWEST_DOUBLINGS,
    LARGEST_BASE,
    SMALLEST_BASE,
    Doubling,
    ImageShape,
    doubling_of,
    nearest_sizes,
    size_problem,
    split,
)

sides = st.integers(min_value=1, max_value=600)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (16, 16, Doubling(4, 4, 2)),
        (24, 24, Doubling(3, 3, 3)),
        (28, 28, Doubling(7, 7, 2)),
        (32, 32, Doubling(4, 4, 3)),
        (48, 48, Doubling(3, 3, 4)),
        (64, 64, Doubling(4, 4, 4)),
        (96, 96, Doubling(3, 3, 5)),
        (128, 128, Doubling(4, 4, 5)),
        (64, 96, Doubling(4, 6, 4)),
        (256, 64, Doubling(16, 4, 4)),
        (12, 12, Doubling(3, 3, 2)),
        (8, 8, None),
        (30, 30, None),
        (36, 36, None),
        (32, 33, None),
    ],
)
def test_sides_are_split_into_a_base_and_doublings(
    height: int, width: int, expected: Doubling | None
) -> None:
    assert split(height, width) == expected


@given(sides, sides)
def test_a_split_multiplies_back(height: int, width: int) -> None:
    doubling = split(height, width)
    if doubling is None:
        return
    factor = 2**doubling.doublings
    assert (doubling.base_height * factor, doubling.base_width * factor) == (height, width)
    assert SMALLEST_BASE <= min(doubling.base_height, doubling.base_width) <= LARGEST_BASE
    assert doubling.doublings >= FEWEST_DOUBLINGS


@given(sides, sides)
def test_transposing_an_image_transposes_the_split(height: int, width: int) -> None:
    one, other = split(height, width), split(width, height)
    if one is None or other is None:
        assert one == other
    else:
        assert one == Doubling(other.base_width, other.base_height, other.doublings)


@given(
    st.integers(min_value=SMALLEST_BASE, max_value=LARGEST_BASE),
    st.integers(min_value=SMALLEST_BASE, max_value=40),
    st.integers(min_value=FEWEST_DOUBLINGS, max_value=6),
)
def test_every_base_doubled_fits(base: int, longer: int, doublings: int) -> None:
    factor = 2**doublings
    doubling = split(base * factor, max(base, longer) * factor)
    assert doubling is not None
    assert doubling.doublings >= doublings


@given(sides, sides)
def test_a_size_that_does_not_fit_names_sizes_that_do(height: int, width: int) -> None:
    problem = size_problem(height, width)
    assert (problem is None) == (split(height, width) is not None)
    if problem is None:
        return
    nearest = nearest_sizes(height, width)
    assert nearest
    for size in nearest:
        assert split(*size) is not None
        assert f"{size[0]}x{size[1]}" in problem
        assert height != width or size[0] == size[1]


@pytest.mark.parametrize(
    ("side", "nearest"),
    [(30, [(28, 28), (32, 32)]), (100, [(96, 96), (112, 112)]), (5, [(12, 12)])],
)
def test_nearest_sizes_are_close(side: int, nearest: list[tuple[int, int]]) -> None:
    assert nearest_sizes(side, side) == nearest


def test_a_size_that_cannot_be_built_is_a_recipe_error() -> None:
    assert doubling_of(ImageShape(3, 64, 96)) == Doubling(4, 6, 4)
    with pytest.raises(RecipeError, match=r"30x30 does not fit.* 28x28 or 32x32"):
        doubling_of(ImageShape(3, 30, 30))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (ImageShape(1, 16, 16), "16x16, grey"),
        (ImageShape(3, 64, 96), "64x96, colour"),
        (ImageShape(4, 16, 16), "16x16, colour with alpha"),
        (ImageShape(6, 28, 28), "28x28, 6 channels"),  # a pack of two
        (ImageShape(2, 1, 1), "points in 2 dimensions"),
    ],
)
def test_a_shape_is_described_in_words(shape: ImageShape, words: str) -> None:
    assert str(shape) == words
    assert shape.is_point == words.startswith("points")


def test_the_size_of_points_is_no_image_size() -> None:
    """Architectures that make points say so themselves; the rule for images stays as it is."""
    assert split(1, 1) is None
    assert size_problem(1, 1) is not None
    with pytest.raises(RecipeError, match="1x1 does not fit"):
        doubling_of(ImageShape(2, 1, 1))
