"""The contract of every named recipe. New recipes are tested automatically."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path

import pytest
import torch

from ganvas.networks import POINT, ImageShape, average_heads
from ganvas.recipes import (
    CATALOG,
    build_networks,
    checked,
    describe,
    load_recipe,
    parse_recipe,
    read_recipe,
    recipe_json,
    recipe_toml,
)
from ganvas.recipes.rules import problems
from ganvas.schedules import Ramp, ScheduledValue

EVERY_RECIPE = pytest.mark.parametrize("name", CATALOG)

SIZES = {
    "pacgan-points": POINT,
    "points-modern": POINT,
    "pacgan-stacked": (28, 28),
    "stacked-modern": (28, 28),
    "fastgan-paper": (256, 256),
}
"""Sizes of the recipes that are for the data of one benchmark or paper; any other is for 32x32."""


@EVERY_RECIPE
def test_recipe_is_valid_and_has_its_name(name: str) -> None:
    recipe = CATALOG[name]()
    assert checked(recipe) == recipe
    assert problems(recipe) == []
    assert recipe.name == name
    assert load_recipe(name) == recipe == CATALOG[name]()


@EVERY_RECIPE
def test_recipe_survives_json_and_toml(name: str, tmp_path: Path) -> None:
    recipe = CATALOG[name]()
    assert parse_recipe(json.loads(recipe_json(recipe))) == recipe
    assert parse_recipe(tomllib.loads(recipe_toml(recipe))) == recipe
    for suffix, text in ((".json", recipe_json(recipe)), (".toml", recipe_toml(recipe))):
        path = tmp_path / f"recipe{suffix}"
        path.write_text(text, encoding="utf-8")
        assert read_recipe(path) == load_recipe(str(path)) == recipe


@EVERY_RECIPE
def test_recipe_survives_with_its_schedules_fixed(name: str) -> None:
    fixed = CATALOG[name]().with_fixed_schedules()
    assert parse_recipe(json.loads(recipe_json(fixed))) == fixed
    assert parse_recipe(tomllib.loads(recipe_toml(fixed))) == fixed


@EVERY_RECIPE
def test_no_schedule_stays_open_when_a_run_starts(name: str) -> None:
    def ramps(value: object) -> list[Ramp]:
        if isinstance(value, Ramp):
            return [value]
        if not dataclasses.is_dataclass(value):
            return []
        parts = (getattr(value, field.name) for field in dataclasses.fields(value))
        return [ramp for part in parts for ramp in ramps(part)]

    recipe = CATALOG[name]()
    fixed = ramps(recipe.with_fixed_schedules())
    lengths = [ramp.images or recipe.images for ramp in ramps(recipe)]
    assert [ramp.images for ramp in fixed] == lengths


@EVERY_RECIPE
def test_written_recipe_is_complete(name: str) -> None:
    """Every field is written, so later defaults do not change an old run."""

    def keys(value: object, prefix: str = "") -> set[str]:
        if not dataclasses.is_dataclass(value) or isinstance(value, ScheduledValue):
            return {prefix}
        parts = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {key for part, inner in parts for key in keys(inner, f"{prefix}.{part}")}

    def paths(table: object, prefix: str = "") -> set[str]:
        if not isinstance(table, dict):
            return {prefix}
        return {key for part, inner in table.items() for key in paths(inner, f"{prefix}.{part}")}

    recipe = CATALOG[name]()
    names = {".generator.network.name", ".discriminator.network.name"}
    assert paths(json.loads(recipe_json(recipe))) == keys(recipe) | names


@EVERY_RECIPE
def test_description_starts_with_a_summary_line(name: str) -> None:
    first, _, rest = describe(name).partition("\n")
    assert first.endswith(".")
    assert not rest or rest.startswith("\n")


@EVERY_RECIPE
def test_networks_can_be_built_for_the_recipes_data(name: str) -> None:
    """In grey and in colour, or in one and in several dimensions."""
    recipe = CATALOG[name]()
    size = SIZES.get(name, (32, 32))
    with torch.device("meta"):
        for channels in (1, 2, 3):
            shape = recipe.image_shape(channels)
            assert shape == ImageShape(channels, *size)
            generator, discriminator = build_networks(recipe, shape, num_labels=3)
            labels = [torch.zeros(2, dtype=torch.int64)] if recipe.takes_labels else []
            images = generator(torch.empty(2, recipe.latent_dim), *labels)
            assert images.shape == (2, channels, *size)
            assert average_heads(discriminator(images, *labels)).shape == (2,)
