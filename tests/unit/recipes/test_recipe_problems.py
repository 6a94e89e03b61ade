"""What is wrong in a recipe is told field by field, all of it at once."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganvas.errors import RecipeError
from ganvas.recipes import CATALOG, Recipe, checked, parse_recipe, read_recipe
from ganvas.recipes.files import recipe_json, recipe_toml, renamed
from tests.unit.recipes.test_recipe import table_of


def problems_of(table: Any) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(table)
    return list(caught.value.problems)


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


@pytest.mark.parametrize(("name", "write"), [("a.toml", recipe_toml), ("a.json", recipe_json)])
def test_a_byte_order_mark_before_a_recipe_is_read_over(
    tmp_path: Path, name: str, write: Callable[[Recipe], str]
) -> None:
    recipe = CATALOG["dcgan"]()
    (tmp_path / name).write_text(write(recipe), encoding="utf-8-sig")
    assert read_recipe(tmp_path / name) == recipe
