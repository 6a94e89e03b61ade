"""From a plain table (TOML, JSON, the command line) to a study; all problems are reported at once.

The short form that people write:

    base = "dcgan"                # a recipe's name or file
    data = "fashion"
    images = "60k"                # or time = "10m"
    shared.data.size = [64, 64]   # for every arm, the base included
    [[arms]]
    name = "no-norm"
    discriminator.network.norm = "none"
    [[arms]]
    recipe = "mlp"                # a whole recipe; the arm takes its name unless it has its own
    [[arms]]
    name = "residual-12"
    against = "plain-12"          # changes that arm, and is compared with it
    generator.network.residual = true

The complete form, which `Study.to_table` writes, has whole tables in place of recipes' names.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ganvas.errors import RecipeError, StudyError
from ganvas.networks import ROLES
from ganvas.networks.sizes import POINT
from ganvas.recipes import CATALOG, Recipe, load_recipe, parse_recipe, recipe_table
from ganvas.recipes.files import Problems, Table, read_fields, read_table
from ganvas.schedules import parse_count, parse_duration
from ganvas.storage import given_path
from ganvas.studies.problems import study_problems
from ganvas.studies.study import Arm, Study

STAND_IN = "dcgan"
"""Replaces a base that cannot be read, so that the arms are checked all the same."""

DECIDED_BY_THE_STUDY = ("images", "evaluation")

PARSERS: dict[str, Callable[[str], float]] = {
    "images": parse_count,
    "samples": parse_count,
    "time": parse_duration,
}
"""For fields that may be written as text."""


def load_study(path: Path | str) -> Study:
    """Read a .toml or .json study.

    Raises:
        StudyError: no such file, not TOML or JSON, or problems inside.
    """
    return read_study(read_table(given_path(path), StudyError), str(path))


def check_study(study: Study, where: str = "study") -> Study:
    """The study with every value converted to its field's type.

    Raises:
        StudyError: with every problem found in any arm.
    """
    return read_study(study.to_table(), where)


def read_study(table: Table, where: str = "study") -> Study:
    """Validate `table`, in the short or the complete form: types, ranges and combinations.

    Raises:
        StudyError: with every problem found in any arm.
    """
    if not isinstance(table, dict):
        raise StudyError([f"expected a table of fields, got {type(table).__name__}"], where)
    table = copy.deepcopy(table)
    problems = _Problems()
    shared = _read_shared(table.pop("shared", {}), problems)
    base = _read_base(table.pop("base", None), shared, problems)
    arms = _read_arms(table.pop("arms", []), shared, base, problems)
    _read_counts_and_times(table, problems.fields)
    if "metrics" not in table and base.data.size == POINT:
        table["metrics"] = ("modes",)
    study: Study = read_fields(Study, table, (), problems.fields, base=base, arms=arms)
    reported = problems.arms | problems.fields.keys()
    combined = [p.text for p in study_problems(study) if reported.isdisjoint(p.about)]
    lines = [*problems.fields.values(), *problems.lines, *combined]
    if lines:
        raise StudyError(lines, where)
    return study


@dataclass
class _Problems:
    """The problems found so far. Combinations with a wrong field or arm are not checked."""

    fields: Problems = field(default_factory=dict)
    """Of the study's own fields."""
    arms: set[str] = field(default_factory=set)
    """Names of arms whose recipe is a stand-in."""
    lines: list[str] = field(default_factory=list)
    """About the base and the arms."""

    def add(self, who: str, name: str, problems: Sequence[str]) -> None:
        """Add the problems of the base or of an arm."""
        self.arms.add(name)
        self.lines += [f"{who}: {problem}" for problem in problems]


def _read_shared(value: object, problems: _Problems) -> Table:
    """The fields that all arms share."""
    if not isinstance(value, dict):
        problems.fields["shared"] = f"shared: expected a table of a recipe's fields, got {value!r}"
        return {}
    problems.lines += [
        f"shared: {key}: the study decides it, for all arms; write it outside of shared"
        for key in DECIDED_BY_THE_STUDY
        if key in value
    ]
    return {key: inner for key, inner in value.items() if key not in DECIDED_BY_THE_STUDY}


def _read_base(value: object, shared: Table, problems: _Problems) -> Recipe:
    try:
        if value is None:
            raise RecipeError(["missing; give a recipe's name or file"])
        return _read_recipe(value, shared)
    except RecipeError as error:
        stand_in = CATALOG[STAND_IN]()
        problems.add("base", stand_in.name, error.problems)
        return stand_in


def _read_arms(
    entries: object, shared: Table, base: Recipe, problems: _Problems
) -> tuple[Arm, ...]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems.fields["arms"] = "arms: expected a list of tables, [[arms]] each"
        return ()
    arms: list[Arm] = []
    recipes = {base.name: base}
    for number, entry in enumerate(entries, 1):
        arm = _read_arm(entry, f"number-{number}", shared, base, recipes, problems)
        recipes.setdefault(arm.name, arm.recipe)
        arms.append(arm)
    return tuple(arms)


def _read_arm(
    entry: Table,
    default_name: str,
    shared: Table,
    base: Recipe,
    recipes: dict[str, Recipe],
    problems: _Problems,
) -> Arm:
    """One arm. An arm that cannot be read gets the recipe that it starts from.

    Args:
        recipes: of the arms read so far, by name.
    """
    changes = dict(entry)
    name = str(changes.pop("name", ""))
    against = str(changes.pop("against", "") or base.name)
    whole = changes.pop("recipe", None)
    recipe = recipes.get(against, base)
    try:
        if whole is not None:
            recipe = _read_recipe(whole, shared)
            name = name or recipe.name
        elif not name:
            raise RecipeError(["it needs a name"])
        decided = [key for key in DECIDED_BY_THE_STUDY if key in changes]
        if decided:
            raise RecipeError([f"{key}: the study decides it, for all arms" for key in decided])
        recipe = parse_recipe(changed(recipe, changes)) if changes else recipe
    except RecipeError as error:
        name = name or (whole if isinstance(whole, str) else default_name)
        problems.add(f"arm {name!r}", name, error.problems)
    return Arm(name=name, recipe=recipe, against=against)


def _read_recipe(value: object, shared: Table) -> Recipe:
    """A recipe by name or file, or complete as a table, with the fields that all arms share."""
    if not isinstance(value, str | dict):
        raise RecipeError([f"expected a recipe's name, got {value!r}"])
    try:
        recipe = load_recipe(value) if isinstance(value, str) else parse_recipe(value)
    except RecipeError as error:
        if error.where != "recipe":  # a file: the message must name it
            raise RecipeError([f"{error.where}: {line}" for line in error.problems]) from error
        raise
    return parse_recipe(changed(recipe, shared)) if shared else recipe


def changed(recipe: Recipe, changes: Table) -> Table:
    """The recipe's table with other values in it.

    Another network, by name or as a table with a name, starts from its own defaults; `network`
    names that of both players.
    """
    table = recipe_table(recipe)
    changes = dict(changes)
    shared_network = changes.pop("network", None)
    for role in ROLES:
        player = changes.get(role, {})
        if not isinstance(player, dict):
            continue
        network = player.get("network", shared_network)
        if isinstance(network, str):
            network = {"name": network}
        elif isinstance(network, dict) and isinstance(shared_network, str):
            network = {"name": shared_network, **network}
        if network is None:
            continue
        changes[role] = {**player, "network": network}
        if isinstance(network, dict) and network.get("name") not in (
            None,
            table[role]["network"]["name"],
        ):
            table[role]["network"] = {}
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


def _read_counts_and_times(table: Table, problems: Problems) -> None:
    """Parse counts and times that are written as text, such as 60k and 10m."""
    for name, parse in PARSERS.items():
        value = table.get(name)
        if isinstance(value, str):
            try:
                table[name] = parse(value)
            except ValueError as error:
                problems[name] = f"{name}: {error}"
                del table[name]
