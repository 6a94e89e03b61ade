"""Recipes for points: the size 1x1, its networks, and settings that do not apply to it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ganvas.data.settings import DataSettings
from ganvas.errors import RecipeError
from ganvas.networks import POINT
from ganvas.recipes import Recipe, checked, parse_recipe, recipe_table
from tests.builders.tiny import small, tiny_recipe


def problems_of(recipe: Recipe) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        checked(recipe)
    return list(caught.value.problems)


def points(**changes: Any) -> Recipe:
    return dataclasses.replace(tiny_recipe(small("mlp"), data=DataSettings(size=POINT)), **changes)


@pytest.mark.parametrize("family", ["mlp", "maxout"])
def test_some_networks_support_points(family: str) -> None:
    recipe = points().with_networks(*small(family))
    assert checked(recipe) == recipe
    assert recipe.image_shape(2).is_point


@pytest.mark.parametrize("family", ["dcgan", "resnet", "strided", "r3gan"])
def test_other_networks_name_those_that_support_points(family: str) -> None:
    generator, discriminator = small(family)
    for networks, role in [
        ((generator, None), "generator"),
        ((None, discriminator), "discriminator"),
    ]:
        (problem,) = problems_of(points().with_networks(*networks))
        assert problem == (
            f"data.size: 1x1 is the size of points, but the {role} {family} is for images. "
            "Choose maxout or mlp for points"
        )


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("flip", True),
        ("dequantize", True),
        ("labels", "off"),
        ("pixel_range", "0:1"),
        ("frames", "all"),
    ],
)
def test_image_settings_are_refused_for_points(option: str, value: Any) -> None:
    (problem,) = problems_of(points(data=DataSettings(size=POINT, **{option: value})))
    assert problem.startswith(f"data.{option}: ")
    assert "points" in problem


def test_augmentation_is_refused_for_points() -> None:
    (problem,) = problems_of(points(augmentation=0.3))
    assert problem == "augmentation: 1x1 is the size of points, which are no pictures; set it to 0"


@pytest.mark.parametrize("size", [(1, 2), (2, 2), (30, 30)])
def test_other_small_sizes_are_refused(size: tuple[int, int]) -> None:
    (problem,) = problems_of(points(data=DataSettings(size=size)))
    assert "Nearest: " in problem


def test_a_misspelt_network_is_not_blamed_for_points() -> None:
    """It is unknown whether an unknown network supports points."""
    table = recipe_table(points())
    table["generator"]["network"] = {"name": "mpl"}
    with pytest.raises(RecipeError) as caught:
        parse_recipe(table)
    (problem,) = caught.value.problems
    assert problem.startswith("generator.network.name: 'mpl' is no generator network")
    assert problem.endswith("For one of your own see docs/add-a-network.md")
