"""Recipes for points: the size 1x1, who can make it, and what makes no sense with it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ganvas.data.settings import DataSettings
from ganvas.errors import RecipeError
from ganvas.networks import DCGAN, MLP, POINT, Maxout, ResNet, Strided
from ganvas.recipes import Recipe


def problems_of(recipe: Recipe) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        recipe.checked()
    return list(caught.value.problems)


def points(**changes: Any) -> Recipe:
    recipe = Recipe(architecture=MLP(width=4), data=DataSettings(size=POINT))
    return dataclasses.replace(recipe, **changes)


@pytest.mark.parametrize("architecture", [MLP(), Maxout()], ids=["mlp", "maxout"])
def test_points_are_a_size_of_some_architectures(architecture: Any) -> None:
    recipe = points(architecture=architecture)
    assert recipe.checked() == recipe
    assert recipe.image_shape(2).is_point


@pytest.mark.parametrize("architecture", [DCGAN(), ResNet(), Strided()])
def test_other_architectures_say_which_make_points(architecture: Any) -> None:
    (problem,) = problems_of(points(architecture=architecture))
    assert problem.startswith("data.size: 1x1 is the size of points, but ")
    assert problem.endswith("Choose maxout or mlp for points")


@pytest.mark.parametrize("option", ["flip", "dequantize"])
def test_points_are_no_pictures(option: str) -> None:
    (problem,) = problems_of(points(data=DataSettings(size=POINT, **{option: True})))
    assert problem.startswith(f"data.{option}: ")
    assert "points" in problem


def test_points_are_not_augmented() -> None:
    (problem,) = problems_of(points(augmentation=0.3))
    assert problem == "augmentation: 1x1 is the size of points, which are no pictures; set it to 0"


@pytest.mark.parametrize("size", [(1, 2), (2, 2), (30, 30)])
def test_other_odd_sizes_stay_refused(size: tuple[int, int]) -> None:
    (problem,) = problems_of(points(data=DataSettings(size=size)))
    assert "Nearest: " in problem


def test_a_misspelt_architecture_is_not_blamed_for_points() -> None:
    """Nobody can tell whether an unknown architecture makes points."""
    table = points().to_table()
    table["architecture"] = {"name": "mpl"}
    with pytest.raises(RecipeError) as caught:
        Recipe.from_table(table)
    (problem,) = caught.value.problems
    assert problem.startswith("architecture.name: 'mpl' is no architecture")
