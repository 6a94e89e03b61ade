"""The commands of a page."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

import pytest

from ganvas.cli.parsing import parse
from ganvas.cli.train import Train
from ganvas.health.advice import apply_change
from ganvas.health.finding import Change
from ganvas.objectives.settings import Penalties
from ganvas.recipes import CATALOG
from ganvas.reports.commands import command_with_change
from ganvas.runs import Run
from tests.builders.run_files import data, environment
from tests.builders.symptoms import rate


def changed(recipe: Any, **changes: Any) -> Any:
    return dataclasses.replace(recipe, **changes)


@pytest.mark.parametrize(
    "change",
    [
        Change("discriminator.learning_rate", "0.0005", "slower"),  # the recipe's own value
        Change("objective.penalties.gradient_penalty.weight", "10", "bounded"),
        Change("objective.spectral_norm", "true", "bounded"),
        Change("generator.learning_rate", "linear:0.0005:0", "it settles"),
    ],
    ids=lambda change: change.flag,
)
def test_the_command_of_an_advice_shows_its_flag(change: Change, tmp_path: Path) -> None:
    sick = changed(CATALOG["wgan-gp"](), **rate("wgan-gp", "discriminator", 100))
    none = changed(sick.objective, penalties=Penalties())
    recipe = changed(sick, objective=none).with_fixed_schedules()
    run = Run.create(tmp_path / "run", recipe, environment(), data())
    command = command_with_change(run, change)
    assert command is not None
    assert f" {change.flag} " in command.line
    assert command.about == f"Train a new run with {change.flag}: {change.why}."
    verb = parse(shlex.split(command.line)[1:])
    assert isinstance(verb, Train)
    assert verb.recipe.with_fixed_schedules() == apply_change(recipe, change).with_fixed_schedules()
