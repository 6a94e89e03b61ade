"""From a plain table (TOML, JSON, the command line) to a study; all that is wrong is said at once.

The short form that people write:

    base = "dcgan"                # a recipe's name or file
    data = "fashion"
    images = "60k"                # or time = "10m"
    shared.data.size = [64, 64]   # what every arm has, the base too
    [[arms]]
    name = "no-norm"
    architecture.discriminator_norm = "none"
    [[arms]]
    recipe = "mlp"                # a whole recipe; its name is the arm's unless another is given
    [[arms]]
    name = "residual-12"
    against = "plain-12"          # changes that arm, and is compared with it
    architecture.residual = true

The complete one, which `Study.to_table` writes, has whole tables in place of names of recipes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ganvas.errors import RecipeError, StudyError
from ganvas.networks.sizes import POINT
from ganvas.recipes import CATALOG, Recipe, load_recipe
from ganvas.recipes.reading import Lines, Table, read_fields
from ganvas.schedules import parse_count, parse_duration
from ganvas.studies.study import Arm, Study

STAND_IN = "dcgan"
"""The recipe in the place of a base that cannot be read, so that the arms are still looked at."""

DECIDED_BY_THE_STUDY = ("images", "evaluation")

PARSERS: dict[str, Callable[[str], float]] = {
    "images": parse_count,
    "samples": parse_count,
    "time": parse_duration,
}
"""Of fields that may be written as text."""

Recipes = dict[str, Recipe]
"""Of the arms read so far, by name."""


def read_study(table: Table, where: str) -> Study:
    """Validate `table` against the study's types, ranges and combinations.

    Raises:
        StudyError: with every problem found in any arm.
    """
    if not isinstance(table, dict):
        raise StudyError([f"expected a table of fields, got {type(table).__name__}"], where)
    table = copy.deepcopy(table)
    wrong = Wrong()
    shared = _read_shared(table.pop("shared", {}), wrong)
    base = _read_base(table.pop("base", None), shared, wrong)
    arms = _read_arms(table.pop("arms", []), shared, base, wrong)
    _read_budget(table, wrong.fields)
    if "metrics" not in table and base.data.size == POINT:
        table["metrics"] = ("modes",)
    study: Study = read_fields(Study, table, (), wrong.fields, base=base, arms=arms)
    known = wrong.arms | wrong.fields.keys()
    combined = [problem.text for problem in study.problems() if known.isdisjoint(problem.about)]
    problems = [*wrong.fields.values(), *wrong.lines, *combined]
    if problems:
        raise StudyError(problems, where)
    return study


@dataclass
class Wrong:
    """What was found wrong so far; combinations with it are not looked at."""

    fields: Lines = field(default_factory=dict)
    """Of the study's own fields."""
    arms: set[str] = field(default_factory=set)
    """Names of arms whose recipe is a stand-in."""
    lines: list[str] = field(default_factory=list)
    """About base and arms."""

    def add(self, who: str, name: str, problems: Sequence[str]) -> None:
        """Note the problems of the base or of an arm."""
        self.arms.add(name)
        self.lines += [f"{who}: {problem}" for problem in problems]


def _read_shared(value: object, wrong: Wrong) -> Table:
    """What all arms have alike."""
    if not isinstance(value, dict):
        wrong.fields["shared"] = f"shared: expected a table of a recipe's fields, got {value!r}"
        return {}
    wrong.lines += [
        f"shared: {key}: the study decides it, for all arms; write it outside of shared"
        for key in DECIDED_BY_THE_STUDY
        if key in value
    ]
    return {key: found for key, found in value.items() if key not in DECIDED_BY_THE_STUDY}


def _read_base(value: object, shared: Table, wrong: Wrong) -> Recipe:
    try:
        if value is None:
            raise RecipeError(["missing; give a recipe's name or file"])
        return _recipe_from(value, shared)
    except RecipeError as error:
        stand_in = CATALOG[STAND_IN]()
        wrong.add("base", stand_in.name, error.problems)
        return stand_in


def _read_arms(entries: object, shared: Table, base: Recipe, wrong: Wrong) -> tuple[Arm, ...]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        wrong.fields["arms"] = "arms: expected a list of tables, [[arms]] each"
        return ()
    arms: list[Arm] = []
    recipes = {base.name: base}
    for place, entry in enumerate(entries, 1):
        arm = _read_arm(entry, f"number-{place}", shared, base, recipes, wrong)
        recipes.setdefault(arm.name, arm.recipe)
        arms.append(arm)
    return tuple(arms)


def _read_arm(
    entry: Table, nameless: str, shared: Table, base: Recipe, recipes: Recipes, wrong: Wrong
) -> Arm:
    """One arm; where it cannot be read, what it starts from stands in for it."""
    changes = dict(entry)
    name = str(changes.pop("name", ""))
    against = str(changes.pop("against", "") or base.name)
    recipe = changes.pop("recipe", None)
    nameless = recipe if isinstance(recipe, str) else nameless
    arm = recipes.get(against, base)
    try:
        if recipe is not None:
            arm = _recipe_from(recipe, shared)
            name = name or arm.name
        elif not name:
            raise RecipeError(["it needs a name"])
        decided = [key for key in DECIDED_BY_THE_STUDY if key in changes]
        if decided:
            raise RecipeError([f"{key}: the study decides it, for all arms" for key in decided])
        arm = Recipe.from_table(changed(arm, changes)) if changes else arm
    except RecipeError as error:
        name = name or nameless
        wrong.add(f"arm {name!r}", name, error.problems)
    return Arm(name=name, recipe=arm, against=against)


def _recipe_from(value: object, shared: Table) -> Recipe:
    """A recipe by name or file, or complete as a table, with what all arms share."""
    if not isinstance(value, str | dict):
        raise RecipeError([f"expected a recipe's name, got {value!r}"])
    try:
        recipe = load_recipe(value) if isinstance(value, str) else Recipe.from_table(value)
    except RecipeError as error:
        if error.where != "recipe":  # a file, whose name must be told
            raise RecipeError([f"{error.where}: {line}" for line in error.problems]) from error
        raise
    return Recipe.from_table(changed(recipe, shared)) if shared else recipe


def changed(recipe: Recipe, changes: Table) -> Table:
    """The recipe's table with other values in it.

    Another architecture, by name alone or as a table with a name, comes with its own defaults.
    """
    table = recipe.to_table()
    changes = dict(changes)
    architecture = changes.get("architecture")
    if isinstance(architecture, str):
        architecture = changes["architecture"] = {"name": architecture}
    if isinstance(architecture, dict):
        name = architecture.get("name", recipe.architecture.name)
        if name != recipe.architecture.name:
            table["architecture"] = {}
    return merged(table, changes)


def merged(table: Table, changes: Table) -> Table:
    """`table` with the leaves of `changes` in it."""
    result = dict(table)
    for key, value in changes.items():
        inner = result.get(key)
        if isinstance(value, dict) and isinstance(inner, dict):
            value = merged(inner, value)
        result[key] = value
    return result


def _read_budget(table: dict[str, Any], wrong: Lines) -> None:
    """Counts and times that were written as people write them."""
    for name, parse in PARSERS.items():
        value = table.get(name)
        if isinstance(value, str):
            try:
                table[name] = parse(value)
            except ValueError as error:
                wrong[name] = f"{name}: {error}"
                del table[name]
