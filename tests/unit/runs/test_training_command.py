"""The flags that turn a named recipe into the recipe of a run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ganvas.cli.parsing import parse
from ganvas.cli.train import Train
from ganvas.health.advice import apply_change
from ganvas.health.finding import Change
from ganvas.recipes import CATALOG, Ramp
from ganvas.recipes.players import conditional
from ganvas.runs import Run
from ganvas.runs.training_command import Places, arguments_with_change, flags_of
from tests.builders.run_files import data, environment


def changed(recipe: Any, **changes: Any) -> Any:
    return dataclasses.replace(recipe, **changes)


@pytest.mark.parametrize("name", CATALOG)
def test_flags_give_the_named_recipe_back(name: str) -> None:
    recipe = CATALOG[name]().with_fixed_schedules()
    assert flags_of(recipe) == [name]


def test_flags_give_every_changed_field_back() -> None:
    base = CATALOG["dcgan"]()
    objective = base.objective
    recipes = [
        changed(base, images=50_000, batch=32, generator_batch=16, on_failure="stop"),
        changed(base, data=dataclasses.replace(base.data, size=(16, 32), flip=True)),
        changed(base, data=dataclasses.replace(base.data, labels="2", pixel_range="-0.5:1")),
        changed(base, objective=dataclasses.replace(objective, loss="hinge", spectral_norm=True)),
        changed(
            base,
            generator=dataclasses.replace(
                base.generator, learning_rate=Ramp(shape="linear", start=2e-4, end=0.0)
            ),
        ),
        changed(
            base,
            evaluation=dataclasses.replace(base.evaluation, every=5, metrics=("swd", "fd-lite0")),
        ),
    ]
    for recipe in recipes:
        stored = recipe.with_fixed_schedules()
        flags = flags_of(stored)
        assert flags is not None
        verb = parse(["train", flags[0], "fashion", *flags[1:]])
        assert isinstance(verb, Train)
        assert verb.recipe.with_fixed_schedules() == stored


@pytest.mark.parametrize(
    "networks",
    [
        ["--network", "resnet"],
        ["--generator.network", "resnet"],
        ["--discriminator.network", "r3gan"],
        ["--generator.network", "mlp", "--discriminator.network", "resnet"],
    ],
)
def test_exchanged_networks_are_flags(networks: list[str]) -> None:
    command = parse(["train", "wgan", "fashion", *networks, "--batch", "48"])
    assert isinstance(command, Train)
    flags = flags_of(command.recipe.with_fixed_schedules())
    assert flags == ["wgan", *networks, "--batch", "48"]


@pytest.mark.parametrize("labels", ["on", "auto"])
@pytest.mark.parametrize("base", [["few"], ["wgan", "--network", "resnet"]])
def test_labels_that_train_made_a_recipe_learn_are_a_flag(base: list[str], labels: str) -> None:
    name, *networks = base
    command = parse(["train", name, "fashion", *networks, "--labels", labels, "--batch", "48"])
    assert isinstance(command, Train)
    trained = conditional(command.recipe).with_fixed_schedules()
    assert trained.name.endswith("-conditional")
    assert flags_of(trained) == [*base, "--labels", labels, "--batch", "48"]


def test_a_recipe_with_another_name_has_no_flags() -> None:
    assert flags_of(changed(CATALOG["dcgan"](), name="mine")) is None


def test_flags_beside_an_earlier_run_give_the_recipe_that_trained() -> None:
    """--from changes what the name means, so only what differs from that is a flag."""
    for words in ([], ["--generator.learning-rate", "2e-4"], ["--freeze-discriminator", "1"]):
        line = ["train", "dcgan", "fashion", "--from", "runs/first", *words]
        command = parse(line)
        assert isinstance(command, Train)
        stored = command.recipe.with_fixed_schedules()
        flags = flags_of(stored, trained_weights=True)
        assert flags is not None
        assert len(flags) == 1 + len(words)
        again = parse(["train", flags[0], "fashion", "--from", "runs/first", *flags[1:]])
        assert isinstance(again, Train)
        assert again.recipe.with_fixed_schedules() == stored


@pytest.mark.parametrize("name", ["mine", "mlp"])
@pytest.mark.parametrize("beside", [(), (Change("discriminator.learning_rate", "0.0001", ""),)])
def test_a_change_is_a_command_whose_paths_hold_here(
    tmp_path: Path, name: str, beside: tuple[Change, ...]
) -> None:
    """A recipe of no name is the run's own file."""
    mine = changed(CATALOG["mlp"](), name=name).with_fixed_schedules()
    run = Run.create(tmp_path / "my run", mine, environment(), data(location="/data/my photos"))
    change = Change("generator.learning_rate", "0.0004", "faster", beside)
    words = arguments_with_change(run, change, Places.of(run))
    assert words is not None
    known = name if name == "mlp" else run.directory / "recipe.json"
    assert words[:3] == ["train", known, "/data/my photos"]
    verb = parse(list(map(str, words)))
    assert isinstance(verb, Train)
    assert verb.recipe.with_fixed_schedules() == apply_change(mine, change)
