"""Recipes as files: from TOML or JSON to a checked recipe with every problem named, and back."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ganvas.errors import RecipeError, did_you_mean
from ganvas.fields import FieldPath, parse_size
from ganvas.networks import DISCRIMINATORS, GENERATORS, Discriminator, Generator, Network
from ganvas.recipes.recipe import Recipe
from ganvas.recipes.rules import problems
from ganvas.schedules import Schedule

Table = dict[str, Any]
Problems = dict[str, str]
"""What is wrong, by the field's name with dots."""

NUMBERS = (int, float, int | None, float | None)
PLAYERS: dict[str, Any] = {"generator": Generator, "discriminator": Discriminator}
STAND_INS: dict[str, Network] = {
    "generator": GENERATORS["dcgan"](),
    "discriminator": DISCRIMINATORS["dcgan"](),
}
"""What a network is taken for that cannot be read, so that the other fields are checked too."""

FORMER_NAMES = {
    "objective.label_smoothing": "objective.real_label, the target of real samples (0.9)",
    "generator.algorithm": "generator.optimizer",
    "discriminator.algorithm": "discriminator.optimizer",
    "ema_ramp_up": "ema_rampup",
    "generator_new_reals": "fresh_reals_for_generator",
    "architecture": "network (of both players), generator.network or discriminator.network",
}
"""Fields that ganvas 0.1 called otherwise, and what they are called now."""


def renamed(field: str) -> str | None:
    """What to say of a field that ganvas 0.1 called so; None for any other."""
    if field.startswith("architecture."):
        own = field.removeprefix("architecture.")
        role, _, name = own.partition("_")
        if role in PLAYERS and name:
            return f"is now called {role}.network.{name}"
        players = [role for role, kind in PLAYERS.items() if _has_network_field(kind, own)]
        if players:
            return f"is now called {' or '.join(f'{role}.network.{own}' for role in players)}"
        field = "architecture"
    return f"is now called {FORMER_NAMES[field]}" if field in FORMER_NAMES else None


def _has_network_field(kind: Any, field: str) -> bool:
    """Whether a network of this player has the field."""
    return any(field in _names(network) for network in kind.table().values())


def recipe_table(recipe: Recipe) -> Table:
    """Plain values only: what JSON and TOML hold."""
    table: Table = TypeAdapter(Recipe).dump_python(recipe, mode="json")
    return table


def recipe_json(recipe: Recipe) -> str:
    """The complete recipe as JSON."""
    return json.dumps(recipe_table(recipe), indent=2) + "\n"


def recipe_toml(recipe: Recipe) -> str:
    """The complete recipe as TOML (fields that are None are left out)."""
    import tomli_w

    return tomli_w.dumps(without_none(recipe_table(recipe)))


def without_none(table: Table) -> Table:
    """The table without the fields that are None, which TOML cannot hold."""
    cleaned: Table = {}
    for key, value in table.items():
        if isinstance(value, dict):
            cleaned[key] = without_none(value)
        elif isinstance(value, list):
            cleaned[key] = [
                without_none(item) if isinstance(item, dict) else item for item in value
            ]
        elif value is not None:
            cleaned[key] = value
    return cleaned


def read_recipe(path: Path) -> Recipe:
    """Read a .toml or .json recipe.

    Raises:
        RecipeError: no such file, not TOML or JSON, or a problem inside.
    """
    return parse_recipe(read_table(path), str(path))


def read_table(path: Path, kind: type[RecipeError] = RecipeError) -> Table:
    """What a .toml or .json file holds, still unchecked.

    Raises:
        RecipeError: of the kind given: no such file, or not TOML or JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table: Table = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise kind([f"cannot be read: {reason}"], str(path)) from error
    except ValueError as error:  # both parsers' errors
        raise kind([f"not valid {path.suffix[1:].upper()}: {error}"], str(path)) from error
    if not isinstance(table, dict):
        raise kind([f"expected a table of fields, got {type(table).__name__}"], str(path))
    return table


def checked(recipe: Recipe, where: str = "recipe") -> Recipe:
    """The recipe, with every field checked by type, range and combination.

    Raises:
        RecipeError: with everything wrong.
    """
    wrong: Problems = {}
    try:
        recipe = TypeAdapter(Recipe).validate_python(recipe, strict=True)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            path = tuple(str(part) for part in item["loc"] if _is_field(part))
            wrong[".".join(path)] = f"{'.'.join(path)}: {_message(item, path, [])}"
        raise RecipeError(list(wrong.values()), where) from error
    found = [problem.text for problem in problems(recipe)]
    if found:
        raise RecipeError(found, where)
    return recipe


def parse_recipe(table: Table, where: str = "recipe") -> Recipe:
    """Validate a table against the recipe's types, ranges and combinations.

    Fields that are wrong by themselves are reported and set aside, so that combinations of the
    others are still checked in the same pass.

    Raises:
        RecipeError: with unknown keys (and the nearest known), wrong types, impossible values and
            impossible combinations, all at once.
    """
    if not isinstance(table, dict):
        raise RecipeError([f"expected a table of fields, got {type(table).__name__}"], where)
    if "arms" in table:
        raise RecipeError(["this is a study, it has arms: ganvas compare FILE"], where)
    if _is_of_0_1(table):
        raise RecipeError(
            [
                "architecture: this is a recipe of ganvas 0.1, which had one network for both "
                "players; now each has its own (generator.network, discriminator.network). Rewrite "
                "it (ganvas recipes NAME shows one); resume its runs with ganvas 0.1"
            ],
            where,
        )
    table = copy.deepcopy(table)
    wrong: Problems = {}
    _check_players(table, wrong)
    _read_size(table.get("data"), wrong)
    recipe: Recipe = read_fields(Recipe, table, (), wrong)
    combined = [
        problem.text
        for problem in problems(recipe)
        if not any(name.startswith(wrong_name) for name in problem.about for wrong_name in wrong)
    ]
    if wrong or combined:
        raise RecipeError([*wrong.values(), *combined], where)
    return recipe


def _is_of_0_1(table: Table) -> bool:
    """Whether a table has the one architecture of ganvas 0.1 in place of two networks."""
    players = [table.get(role) for role in PLAYERS]
    has_network = any(isinstance(player, dict) and "network" in player for player in players)
    return "architecture" in table and not has_network


def parse_generator(table: object) -> Generator:
    """The generator that a table with a name and fields describes.

    Raises:
        RecipeError: with every problem found.
    """
    wrong: Problems = {}
    player: Table = {"network": table}
    _check_network("generator", player, wrong)
    fields = read_fields(GeneratorOnly, player, ("generator",), wrong)
    if wrong:
        raise RecipeError(list(wrong.values()), "generator")
    network: Generator = fields.network
    return network


@dataclasses.dataclass(frozen=True)
class GeneratorOnly:
    """What a generator's own file says of its player."""

    network: Generator


def _check_players(table: Table, wrong: Problems) -> None:
    """See that both players are tables and have a network; put a stand-in where one is missing."""
    for role in PLAYERS:
        player = table.get(role, {})
        if not isinstance(player, dict):
            wrong[role] = f"{role}: expected a table of fields, got {player!r}"
            player = {"network": STAND_INS[role]}
        table[role] = player
        _check_network(role, player, wrong)


def _check_network(role: str, player: Table, wrong: Problems) -> None:
    network, kind = player.get("network"), PLAYERS[role]
    if isinstance(network, kind):
        return
    where = f"{role}.network"
    if not isinstance(network, dict) or "name" not in network:
        known = ", ".join(sorted(kind.table()))
        wrong[where] = f"{where}: expected a table with a name, one of {known}"
    else:
        try:
            kind.named(str(network["name"]))
            return
        except ValueError as error:
            wrong[where] = f"{where}.name: {error}"
    player["network"] = STAND_INS[role]


def _read_size(data: object, wrong: Problems) -> None:
    """Replace a size written as on the command line, 64 or "48x64", by height and width."""
    if not isinstance(data, dict) or type(data.get("size")) not in (int, str):
        return
    try:
        data["size"] = parse_size(str(data["size"]))
    except ValueError as error:
        wrong["data.size"] = f"data.size: {error}"
        del data["size"]


def read_fields(
    kind: Any, table: Table, prefix: FieldPath, wrong: Problems, **others: object
) -> Any:
    """Read a dataclass; what is wrong goes into `wrong` and is left at its default.

    Args:
        others: fields that are read already.
    """
    _refuse_conversions(kind, table, prefix, wrong)
    while True:
        try:
            return TypeAdapter(kind).validate_python({**table, **others})
        except ValidationError as error:
            _report_and_remove(error, table, kind, prefix, wrong)


def _refuse_conversions(kind: Any, table: Table, prefix: FieldPath, wrong: Problems) -> None:
    """Take out what pydantic would convert silently: text to numbers, words to yes or no."""
    for name, hint in get_type_hints(kind).items():
        value = table.get(name)
        path = (*prefix, name)
        if isinstance(value, dict) and dataclasses.is_dataclass(hint):
            _refuse_conversions(_described(hint, value), value, path, wrong)
            continue
        is_number = hint in NUMBERS and isinstance(value, bool | str)
        is_schedule = hint == Schedule and isinstance(value, bool)
        is_switch = hint is bool and name in table and not isinstance(value, bool)
        if is_number or is_schedule or is_switch:
            expected = "true or false" if is_switch else "a number"
            wrong[".".join(path)] = f"{'.'.join(path)}: must be {expected}, got {value!r}"
            del table[name]


def _described(hint: Any, value: Table) -> Any:
    """The class that a table is read as: of a network, the one that its name chooses."""
    if inspect.isabstract(hint) and issubclass(hint, Network):
        return type(hint.named(str(value["name"])))
    return hint


def _report_and_remove(
    error: ValidationError, table: Table, root: Any, prefix: FieldPath, wrong: Problems
) -> None:
    """Turn pydantic's errors into lines and delete what they are about from the table."""
    lines: dict[FieldPath, str] = {}
    for item in error.errors(include_url=False):
        path = _field_path(item["loc"], table)
        full = (*prefix, *path)
        # A union complains once for each member; the last, which reads text, says the most.
        lines[path] = f"{'.'.join(full)}: {_message(item, full, _field_names(root, path, table))}"
    for path, line in lines.items():
        wrong[".".join((*prefix, *path))] = line
        _remove(table, path)


def _message(item: Any, path: FieldPath, known: list[str]) -> str:
    if item["type"] == "unexpected_keyword_argument":
        if (now := renamed(".".join(path))) is not None:
            return now
        hint = did_you_mean(str(item["loc"][-1]), known)
        return "no such field." + (hint or f" There is: {', '.join(known)}")
    if item["type"] == "missing":
        return f"has too few values, got {item['input']!r}"
    if item["type"] == "value_error":
        return str(item["msg"]).removeprefix("Value error, ")
    if item["type"] == "tuple_type":
        return f"must be a list in brackets, got {item['input']!r}"
    text = f"{item['msg'].replace('Input should be', 'must be')}, got {item['input']!r}"
    if item["type"] == "literal_error":
        hint = did_you_mean(str(item["input"]), re.findall("'(.*?)'", item["ctx"]["expected"]))
        return f"{text}.{hint}" if hint else text
    return text


def _is_field(part: int | str) -> bool:
    """Whether a part of pydantic's location names a field; others name members of unions."""
    return isinstance(part, str) and re.fullmatch(r"[a-z]\w*", part) is not None and part != "float"


def _field_path(location: tuple[int | str, ...], table: Table) -> FieldPath:
    """The part of pydantic's location that names keys; the rest names members of unions."""
    path: list[str] = []
    here: object = table
    for part in location:
        if not isinstance(here, dict) or part not in here:
            break
        path.append(str(part))
        here = here[part]
    return tuple(path)


def _field_names(root: Any, path: FieldPath, table: Table) -> list[str]:
    """The fields beside the one that the path leads to."""
    here: Any = table
    for name in path[:-1]:
        here = here[name]
        root = _described(get_type_hints(root).get(name, object), here)
    if not dataclasses.is_dataclass(root):
        return []
    return _names(root)


def _names(kind: Any) -> list[str]:
    return [entry.name for entry in dataclasses.fields(kind)]


def _remove(table: Table, path: FieldPath) -> None:
    *parents, last = path
    for name in parents:
        table = table[name]
    del table[last]
