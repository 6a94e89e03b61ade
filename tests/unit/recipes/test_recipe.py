"""Recipes: reading and writing, and all problems at once."""

from __future__ import annotations

import copy
import dataclasses
import json
import tomllib
from pathlib import Path
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
    read_recipe,
    recipe_json,
    recipe_table,
    recipe_toml,
)
from ganvas.recipes.files import renamed
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


def problems_of(table: Any) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(table)
    return list(caught.value.problems)


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


@pytest.mark.parametrize(
    ("place", "nearest"),
    [
        ("bacth", "batch"),
        ("generator__network__widht", "width"),
        ("discriminator__network__nrm", "norm"),
        ("generator__regularisers__mode_seekin", "mode_seeking"),
        ("objective__los", "loss"),
        ("objective__penalties__gradient_penaltyy", "gradient_penalty"),
        ("objective__penalties__r1__weigth", "weight"),
        ("discriminator__learning_rat", "learning_rate"),
        ("data__sizes", "size"),
        ("intervals__sample", "samples"),
    ],
)
def test_unknown_field_is_named_with_the_nearest_known(place: str, nearest: str) -> None:
    (problem,) = problems_of(table_of(**{place: 1}))
    assert problem == f"{place.replace('__', '.')}: no such field. Did you mean {nearest}?"


def test_a_dotted_name_in_quotes_is_told_to_leave_them_out() -> None:
    (problem,) = problems_of({**table_of(), "data.size": 16})
    assert problem.startswith("data.size: is one name if it stands in quotes: write a.b without")


def test_a_budget_that_no_machine_ends_is_refused() -> None:
    (problem,) = problems_of(table_of(images=10**13))
    assert problem.startswith("images: must be less than or equal to 1000000000000, got 1")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("batch", "many"),
        ("batch", 64.5),
        ("batch", 1),
        ("batch", None),
        ("images", 0),
        ("name", 5),
        ("latent_dim", 0),
        ("ema_half_life", -1),
        ("ema_half_life", "linear:10:-10"),
        ("ema_half_life", True),
        ("fresh_reals_for_generator", "yes"),
        ("augmentation", -0.1),
        ("augmentation", 1.01),
        ("augmentation", "cosine:0:2"),
        ("augmentation", "often"),
        ("augmentation", True),
        ("augmentation", "adaptive:0.5"),
        ("augmentation", "adaptive:1"),
        ("augmentation", "adaptive:high"),
        ("augmentation_policy", "mirror"),
        ("discriminator_steps", 0),
        ("generator_batch", 1),
        ("generator", 3),
        ("generator__optimizer", "sgd"),
        ("generator__beta1", 1.0),
        ("generator__learning_rate", "fast"),
        ("generator__learning_rate", [1]),
        ("generator__learning_rate", 0),
        ("generator__learning_rate", -1e-4),
        ("generator__learning_rate", float("nan")),
        ("generator__learning_rate", float("inf")),
        ("generator__learning_rate", "linear:1e-4:-1e-4"),
        ("generator__learning_rate", "linear:1e-4:0:0"),
        ("discriminator__beta2", "x"),
        ("discriminator__beta2", -0.1),
        ("discriminator__beta2", "cosine:0.9:1"),
        ("objective__loss", "wassertein"),
        ("objective__real_label", 0.5),
        ("objective__real_label", 1.1),
        ("objective__clip_weights", -0.01),
        ("objective__clip_weights", float("inf")),
        ("objective__spectral_norm", "perhaps"),
        ("objective__penalties", []),
        ("objective__penalties__r1__every", 0),
        ("objective__penalties__r1__weight", -1.0),
        ("objective__penalties__r1__weight", float("nan")),
        ("objective__penalties__r1__weight", "cosine:1:-1"),
        ("data__size", 3.2),
        ("data__size", "wide"),
        ("data__size", [32]),
        ("data__size", [33, 33]),
        ("data__size", ["a", 32]),
        ("data__size", [-32, -32]),
        ("data__size", [10**9, 10**9 - 1]),
        ("data__channels", "5"),
        ("data__labels", "cats"),
        ("data__frames", "last"),
        ("data__pixel_range", "4095"),
        ("data__fit", "squeeze"),
        ("data__background", "nosuchcolour"),
        ("intervals__checkpoint", 0),
        ("generator__network__width", 0),
        ("generator__network__norm", "instance"),
        ("discriminator__network", 3),
        ("generator__regularisers__mode_seeking__weight", -1.0),
    ],
)
def test_wrong_value_is_one_problem_that_starts_with_the_fields_name(
    place: str, value: Any
) -> None:
    (problem,) = problems_of(table_of(**{place: value}))
    assert problem.startswith(f"{place.replace('__', '.')}")
    assert problem.split(": ", 1)[1]


@pytest.mark.parametrize("role", ["generator", "discriminator"])
@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (None, ": expected a table with a name, one of biggan, dcgan, fastgan, maxout"),
        ("dcgan", ": expected a table with a name"),
        ({"width": 4}, ": expected a table with a name"),
        ({"name": "resnt"}, ".name: 'resnt' is no {role} network. Did you mean resnet?"),
        ({"name": "mlp", "head": "sum"}, ".head: no such field"),
    ],
)
def test_wrong_network_is_reported_like_any_other_field(
    role: str, network: Any, expected: str
) -> None:
    (problem,) = problems_of(table_of(**{f"{role}__network": network}))
    assert problem.startswith(f"{role}.network{expected.format(role=role)}")


def test_a_recipe_of_ganvas_0_1_is_refused_with_one_sentence() -> None:
    (problem,) = problems_of({"architecture": {"name": "dcgan"}, "ema_ramp_up": 0.1})
    assert problem.startswith("architecture: this is a recipe of ganvas 0.1")
    assert "generator.network, discriminator.network" in problem


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("objective__label_smoothing", "objective.real_label"),
        ("generator__algorithm", "generator.optimizer"),
        ("ema_ramp_up", "ema_rampup"),
        ("generator_new_reals", "fresh_reals_for_generator"),
        ("architecture", "network (of both players), generator.network or"),
    ],
)
def test_a_former_name_is_answered_with_the_new_one(former: str, now: str) -> None:
    (problem,) = problems_of(table_of(**{former: 0.9}))
    assert problem.startswith(f"{former.replace('__', '.')}: is now called {now}")


def test_fields_of_architectures_are_answered_with_those_of_networks() -> None:
    assert renamed("architecture.discriminator_norm") == (
        "is now called discriminator.network.norm"
    )
    assert renamed("architecture.width") == (
        "is now called generator.network.width or discriminator.network.width"
    )
    assert renamed("architecture.upsampling") == "is now called generator.network.upsampling"
    assert renamed("architecture.stem") == "is now called discriminator.network.stem"
    assert renamed("architecture.name") == renamed("architecture")
    assert renamed("batch") is None


@pytest.mark.parametrize("table", [None, [], "dcgan", 3])
def test_content_that_is_no_table_is_refused(table: Any) -> None:
    (problem,) = problems_of(table)
    assert problem.startswith("expected a table of fields")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"images": 63}, "images"),
        ({"augmentation": "adaptive", "data__held_out": 0.0}, "augmentation"),
        (
            {"discriminator__network__norm": "batch"},
            "objective.penalties.gradient_penalty.weight",
        ),
        ({"objective__loss": "relativistic", "generator_batch": 128}, "generator_batch"),
        ({"generator__optimizer": "rmsprop", "generator__beta1": 0.5}, "generator.beta1"),
        ({"data__size": [30, 30]}, "data.size"),
        ({"grow": 16}, "grow"),
        ({"grow": "16,32,64"}, "grow"),
        ({"grow": "4,8,16,32"}, "grow"),
        ({"grow": "16:50k,32", "images": 50_000}, "grow"),
        ({"grow_freeze": True}, "grow_freeze"),
    ],
)
def test_impossible_combination_is_refused(changes: dict[str, Any], field: str) -> None:
    (problem,) = problems_of(table_of(**changes))
    assert problem.startswith(f"{field}: ")


@pytest.mark.parametrize(
    "changes",
    [
        {"objective__loss": "relativistic", "generator_batch": 64},
        {"objective__loss": "relativistic", "generator_batch": 128,
         "fresh_reals_for_generator": True},
        {"discriminator__beta2": "cosine:0.9:0.99:2000"},
        {"ema_half_life": "cosine:0:20k"},
        {"augmentation": "cosine:0:1:20k"},
        {"augmentation": "adaptive", "augmentation_policy": "diffaugment"},
        {"augmentation": "adaptive:0.7:100k"},
        {"generator_batch": 128},
        {"images": 64},
        {"objective__penalties__gradient_penalty__weight": 0.0,
         "discriminator__network__norm": "batch"},
        {"discriminator__network__norm": "layer"},
        {"generator__optimizer": "rmsprop", "generator__beta1": 0.0},
        {"generator__learning_rate": "linear:0:1e-4"},
        {"images": 64.0},
        {"grow": "16,32", "grow_freeze": True},
    ],
)  # fmt: skip
def test_unusual_but_possible_combination_is_accepted(changes: dict[str, Any]) -> None:
    assert isinstance(parse_recipe(table_of(**changes)), Recipe)


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


def test_all_problems_are_reported_at_once() -> None:
    table = table_of(
        bacth=3,
        latent_dim="many",
        generator__network__widht=3,
        discriminator__network__norm="batch",
        generator__optimizer="rmsprop",
        generator__beta1=0.5,
        discriminator__beta2=2.0,
        objective__penalties__r1__every=0,
        data__size=[30, 30],
        images=10,
    )
    problems = problems_of(table)
    assert sorted(problem.split(":")[0] for problem in problems) == [
        "bacth",
        "data.size",
        "discriminator.beta2",
        "generator.beta1",
        "generator.network.widht",
        "images",
        "latent_dim",
        "objective.penalties.gradient_penalty.weight",
        "objective.penalties.r1.every",
    ]
    with pytest.raises(RecipeError, match=r"^there: 9 problems\n  ") as caught:
        parse_recipe(table, "there")
    assert all(f"\n  {problem}" in str(caught.value) for problem in problems)


def test_reading_does_not_change_the_given_table() -> None:
    table = table_of(bacth=3, generator__beta1=7)
    before = copy.deepcopy(table)
    problems_of(table)
    assert table == before


def test_recipe_built_in_python_is_checked_by_type_and_range_too() -> None:
    recipe = dataclasses.replace(CATALOG["dcgan"](), batch=1, latent_dim="x")  # type: ignore[arg-type]
    with pytest.raises(RecipeError) as caught:
        checked(recipe)
    assert sorted(problem.split(":")[0] for problem in caught.value.problems) == [
        "batch",
        "latent_dim",
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("absent.toml", None, "cannot be read"),
        ("broken.toml", b"images = ", "not valid TOML"),
        ("broken.json", b'{"images": ', "not valid JSON"),
        ("binary.toml", b"\xff\xfe\x00", "cannot be read"),
        ("list.json", b"[1, 2]", "expected a table of fields"),
    ],
)
def test_unreadable_file_is_one_problem_that_names_it(
    tmp_path: Path, name: str, content: bytes | None, expected: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(expected)
    assert str(caught.value).startswith(f"{path}: ")


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
