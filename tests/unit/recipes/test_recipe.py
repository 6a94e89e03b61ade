"""Recipes are values that are read and written exactly."""

from __future__ import annotations

import copy
import dataclasses
import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganvas.data.settings import DataSettings
from ganvas.errors import RecipeError
from ganvas.networks import (
    DCGANGenerator,
    MLPDiscriminator,
    MLPGenerator,
    R3GANGenerator,
    ResNetDiscriminator,
)
from ganvas.objectives.settings import (
    ObjectiveSettings,
    Penalties,
    PenaltySettings,
    Regularisers,
    RegulariserSettings,
)
from ganvas.recipes import (
    CATALOG,
    DiscriminatorSettings,
    GeneratorSettings,
    Intervals,
    Recipe,
    checked,
    parse_generator,
    parse_recipe,
    recipe_json,
    recipe_table,
    recipe_toml,
)
from ganvas.schedules import Adaptive, Ramp, extremes, value_at

POSITIVE = st.floats(1e-12, 1e3)
SCHEDULES = POSITIVE | st.builds(
    Ramp,
    shape=st.sampled_from(["linear", "cosine"]),
    start=POSITIVE,
    end=POSITIVE,
    images=st.none() | st.integers(1, 10**9),
)
PENALTY = st.builds(PenaltySettings, weight=SCHEDULES, every=st.integers(1, 64))
LEARNING: dict[str, Any] = {
    "learning_rate": SCHEDULES,
    "beta1": st.floats(0, 0.999),
    "beta2": st.floats(0, 0.999)
    | st.builds(
        Ramp,
        shape=st.sampled_from(["linear", "cosine"]),
        start=st.floats(0, 0.999),
        end=st.floats(0, 0.999),
        images=st.none() | st.integers(1, 10**9),
    ),
}
RECIPES = st.builds(
    Recipe,
    objective=st.builds(
        ObjectiveSettings,
        loss=st.sampled_from(["hinge", "wasserstein", "minimax"]),
        real_label=st.floats(0.5, 1, exclude_min=True),
        penalties=st.builds(Penalties, r1=PENALTY, gradient_penalty=PENALTY),
        clip_weights=st.floats(0, 1),
        spectral_norm=st.booleans(),
    ),
    generator=st.builds(
        GeneratorSettings,
        network=st.sampled_from(
            [DCGANGenerator(width=5), MLPGenerator(hidden_layers=3), R3GANGenerator()]
        ),
        regularisers=st.builds(
            Regularisers, mode_seeking=st.builds(RegulariserSettings, weight=SCHEDULES)
        ),
        **LEARNING,
    ),
    discriminator=st.builds(
        DiscriminatorSettings,
        network=st.sampled_from([MLPDiscriminator(width=5), ResNetDiscriminator(head="mean")]),
        **LEARNING,
    ),
    data=st.builds(
        DataSettings,
        size=st.sampled_from([(32, 32), (64, 96), (28, 28)]),
        channels=st.sampled_from(["auto", "1", "2", "3", "4"]),
        labels=st.sampled_from(["auto", "off", "folders", "2"]),
        pixel_range=st.sampled_from(["full", "measured", "-1:1"]),
        flip=st.booleans(),
        background=st.sampled_from(["white", "#00ff7f"]),
    ),
    intervals=st.builds(Intervals, history=st.integers(1, 10**6)),
    name=st.from_regex(r"[\w.-]{0,20}\w", fullmatch=True),
    images=st.integers(10**4, 10**9),
    batch=st.integers(2, 512),
    generator_batch=st.none() | st.integers(2, 512),
    fresh_reals_for_generator=st.booleans(),
    ema_half_life=SCHEDULES,
    # Above 0: a policy without augmentation is refused.
    augmentation=st.floats(0.001, 1)
    | st.builds(
        Ramp,
        shape=st.sampled_from(["linear", "cosine"]),
        start=st.floats(0.001, 1),
        end=st.floats(0, 1),
        images=st.none() | st.integers(1, 10**9),
    )
    | st.builds(Adaptive, target=st.floats(0.51, 0.99), images=st.none() | st.integers(1, 10**9)),
    augmentation_policy=st.sampled_from(["ada", "diffaugment"]),
)


def table_of(**changes: Any) -> dict[str, Any]:
    """A published recipe's table with changed fields: `generator__beta1=2`."""
    table = copy.deepcopy(recipe_table(CATALOG["wgan-gp-paper"]()))
    for place, value in changes.items():
        *parents, last = place.split("__")
        inner = table
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
    return table


@settings(max_examples=40, deadline=None)
@given(RECIPES)
def test_any_recipe_is_read_back_exactly_from_json_and_toml(recipe: Recipe) -> None:
    assert parse_recipe(json.loads(recipe_json(recipe))) == recipe
    assert parse_recipe(tomllib.loads(recipe_toml(recipe))) == recipe
    fixed = recipe.with_fixed_schedules()
    assert parse_recipe(json.loads(recipe_json(fixed))) == fixed


def test_recipe_cannot_be_changed() -> None:
    recipe = CATALOG["dcgan"]()
    for part, field in (
        (recipe, "batch"),
        (recipe.generator.network, "width"),
        (recipe.objective, "loss"),
        (recipe.objective.penalties.r1, "weight"),
        (recipe.generator, "beta1"),
        (recipe.data, "size"),
        (recipe.intervals, "history"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(part, field, getattr(part, field))
    assert hash(recipe) == hash(CATALOG["dcgan"]())


def test_a_recipe_that_grows_is_written_as_text_and_fixed_by_its_budget() -> None:
    recipe = parse_recipe(table_of(grow="16,32", images=2_000))
    assert recipe_table(recipe)["grow"] == "16,32"
    assert 'grow = "16,32"' in recipe_toml(recipe)
    assert checked(dataclasses.replace(recipe, grow="16,32")) == recipe, "as Python may write it"
    assert recipe.shares() == [(1, 0.5), (0, 0.5)]
    fixed = recipe.with_fixed_schedules()
    assert recipe_table(fixed)["grow"] == "16:1000,32"
    assert parse_recipe(recipe_table(fixed)) == fixed
    longer = dataclasses.replace(fixed, images=4_000).with_fixed_schedules()
    assert [longer.size_at(seen) for seen in (999, 1_000)] == [(16, 16), (32, 32)]
    assert longer.shares() == [(1, 0.25), (0, 0.75)]


def test_a_step_sees_a_batch_for_each_update_of_the_discriminator() -> None:
    recipe = dataclasses.replace(CATALOG["dcgan"](), batch=64, discriminator_steps=5)
    assert recipe.images_per_step == 320


def test_a_recipe_that_does_not_grow_has_one_size() -> None:
    recipe = parse_recipe(table_of())
    assert recipe.later_doublings(0) == 0
    assert recipe.size_at(0) == recipe.data.size
    assert recipe.shares() == [(0, 1.0)]


def test_a_recipe_without_the_fields_of_adaptive_augmentation_is_read_as_before() -> None:
    """A file of ganvas 0.3 has neither the policy nor the newer penalties."""
    table = table_of(augmentation="cosine:0:0.5:20k")
    del table["augmentation_policy"]
    recipe = parse_recipe(table)
    assert recipe.augmentation == Ramp(shape="cosine", start=0.0, end=0.5, images=20_000)
    assert recipe.augmentation_policy == "ada"


def test_open_schedules_end_with_the_budget_and_stay_when_training_is_made_longer() -> None:
    ramp = Ramp(shape="linear", start=1.0, end=0.0)
    recipe = dataclasses.replace(
        CATALOG["wgan-gp"](),
        images=1000,
        discriminator=dataclasses.replace(CATALOG["wgan-gp"]().discriminator, learning_rate=ramp),
        objective=ObjectiveSettings(penalties=Penalties(r1=PenaltySettings(weight=ramp))),
    )
    longer = dataclasses.replace(recipe.with_fixed_schedules(), images=5000)
    longer = longer.with_fixed_schedules()
    for schedule in (longer.discriminator.learning_rate, longer.objective.penalties.r1.weight):
        assert value_at(schedule, 500) == 0.5
        assert value_at(schedule, 1000) == value_at(schedule, 5000) == 0.0
    assert longer.generator == recipe.generator


def test_a_generator_alone_is_read_back() -> None:
    network = CATALOG["resnet-paper"]().generator.network
    table = recipe_table(CATALOG["resnet-paper"]())["generator"]["network"]
    assert parse_generator(table) == network
    expected = r"generator\.network\.widht: no such field\. Did you mean width"
    with pytest.raises(RecipeError, match=expected):
        parse_generator({**table, "widht": 1})


@pytest.mark.parametrize("name", CATALOG)
def test_a_recipe_for_trained_weights_learns_a_quarter_as_fast_and_averages_at_once(
    name: str,
) -> None:
    recipe = CATALOG[name]()
    ours = recipe.for_trained_weights()
    checked(ours)
    for before, after in (
        (recipe.generator.learning_rate, ours.generator.learning_rate),
        (recipe.discriminator.learning_rate, ours.discriminator.learning_rate),
    ):
        assert extremes(after) == tuple(rate / 4 for rate in extremes(before))
    assert ours.ema_rampup == 0
    assert parse_recipe(recipe_table(ours)) == ours
    restored = dataclasses.replace(
        ours,
        generator=recipe.generator,
        discriminator=recipe.discriminator,
        ema_rampup=recipe.ema_rampup,
    )
    assert restored == recipe, "all else is the same"
