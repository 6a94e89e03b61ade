"""Reads and writes recipes as TOML or JSON; reading reports every problem at once."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ValidationError

from ganvas.errors import RecipeError, did_you_mean
from ganvas.fields import FieldPath, parse_size
from ganvas.json_files import adapter, check_nesting, parse_json
from ganvas.networks import DISCRIMINATORS, GENERATORS, Discriminator, Generator, Network
from ganvas.recipes.players import conditional
from ganvas.recipes.recipe import Recipe
from ganvas.recipes.rules import problems
from ganvas.schedules import AdaptiveSchedule, Schedule

Table = dict[str, Any]
Problems = dict[str, str]
"""One line for each invalid field, by its name with dots."""

NUMBERS = (int, float, int | None, float | None)
PLAYERS: dict[str, Any] = {"generator": Generator, "discriminator": Discriminator}
FALLBACK_NETWORKS: dict[str, Network] = {
    "generator": GENERATORS["dcgan"](),
    "discriminator": DISCRIMINATORS["dcgan"](),
}
"""Replacements of networks that cannot be read, so that the other fields are checked too."""

FORMER_NAMES = {
    "objective.label_smoothing": "objective.real_label, the target of real samples (0.9)",
    "generator.algorithm": "generator.optimizer",
    "discriminator.algorithm": "discriminator.optimizer",
    "ema_ramp_up": "ema_rampup",
    "generator_new_reals": "fresh_reals_for_generator",
    "architecture": "network (of both players), generator.network or discriminator.network",
}
"""Field names of ganvas 0.1, with the new names."""


def renamed(field: str) -> str | None:
    """The message for a field name of ganvas 0.1; None for any other name."""
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
    """The recipe as plain values, which JSON and TOML can hold."""
    table: Table = adapter(Recipe).dump_python(recipe, mode="json")
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
    """The unchecked content of a .toml or .json file.

    Raises:
        RecipeError: of the kind given: no such file, or not TOML or JSON.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors write a byte order mark
        table: Table = parse_toml(text) if path.suffix == ".toml" else parse_json(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise kind([f"cannot be read: {reason}"], str(path)) from error
    except ValueError as error:  # both parsers' errors
        raise kind([f"not valid {path.suffix[1:].upper()}: {error}"], str(path)) from error
    if not isinstance(table, dict):
        raise kind([f"expected a table of fields, got {type(table).__name__}"], str(path))
    return table


def parse_toml(text: str) -> Table:
    """The table of a TOML text.

    Raises:
        ValueError: it is not TOML, or nested too deeply (`check_nesting`).
    """
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    check_nesting(table)
    return table


def checked(recipe: Recipe, where: str = "recipe") -> Recipe:
    """The recipe, with every field checked by type, range and combination.

    Raises:
        RecipeError: with all problems.
    """
    invalid: Problems = {}
    try:
        recipe = adapter(Recipe).validate_python(recipe, strict=True)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            path = tuple(str(part) for part in item["loc"] if _is_field(part))
            invalid[".".join(path)] = f"{'.'.join(path)}: {_message(item, path, [])}"
        raise RecipeError(list(invalid.values()), where) from error
    impossible = [problem.text for problem in problems(as_trained(recipe))]
    if impossible:
        raise RecipeError(impossible, where)
    return recipe


def as_trained(recipe: Recipe) -> Recipe:
    """The recipe with the networks that it trains: where labels are on, those that take them."""
    return conditional(recipe) if recipe.data.labels == "on" else recipe


def parse_recipe(table: Table, where: str = "recipe") -> Recipe:
    """Validate a table against the recipe's types, ranges and combinations.

    Invalid fields are reported and replaced by their defaults, so that combinations of the other
    fields are checked in the same pass.

    Raises:
        RecipeError: with unknown keys (and the nearest known), invalid types, impossible values and
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
    invalid: Problems = {}
    _check_players(table, invalid)
    _read_size(table.get("data"), invalid)
    recipe: Recipe = read_fields(Recipe, table, (), invalid)
    combined = [
        problem.text
        for problem in problems(as_trained(recipe))
        if not any(
            name.startswith(invalid_name) for name in problem.about for invalid_name in invalid
        )
    ]
    if invalid or combined:
        raise RecipeError([*invalid.values(), *combined], where)
    return recipe


def _is_of_0_1(table: Table) -> bool:
    """Whether a table has the one architecture of ganvas 0.1 in place of two networks."""
    players = [table.get(role) for role in PLAYERS]
    has_network = any(isinstance(player, dict) and "network" in player for player in players)
    return "architecture" in table and not has_network


def parse_generator(table: object) -> Generator:
    """The generator that a table with a name and fields describes.

    Raises:
        RecipeError: with all problems.
    """
    invalid: Problems = {}
    player: Table = {"network": table}
    _check_network("generator", player, invalid)
    fields = read_fields(GeneratorOnly, player, ("generator",), invalid)
    if invalid:
        raise RecipeError(list(invalid.values()), "generator")
    network: Generator = fields.network
    return network


@dataclasses.dataclass(frozen=True)
class GeneratorOnly:
    """The part of a player that a generator's own file holds."""

    network: Generator


def _check_players(table: Table, invalid: Problems) -> None:
    """Check that both players are tables with a network; insert the fallback if one is missing."""
    for role in PLAYERS:
        player = table.get(role, {})
        if not isinstance(player, dict):
            invalid[role] = f"{role}: expected a table of fields, got {player!r}"
            player = {"network": FALLBACK_NETWORKS[role]}
        table[role] = player
        _check_network(role, player, invalid)


def _check_network(role: str, player: Table, invalid: Problems) -> None:
    network, kind = player.get("network"), PLAYERS[role]
    if isinstance(network, kind):
        return
    where = f"{role}.network"
    if not isinstance(network, dict) or "name" not in network:
        known = ", ".join(sorted(kind.table()))
        invalid[where] = f"{where}: expected a table with a name, one of {known}"
    else:
        try:
            kind.named(str(network["name"]))
            return
        except ValueError as error:
            invalid[where] = f"{where}.name: {error}"
    player["network"] = FALLBACK_NETWORKS[role]


def _read_size(data: object, invalid: Problems) -> None:
    """Replace a size written as on the command line, 64 or "48x64", by height and width."""
    if not isinstance(data, dict) or type(data.get("size")) not in (int, str):
        return
    try:
        data["size"] = parse_size(str(data["size"]))
    except ValueError as error:
        invalid["data.size"] = f"data.size: {error}"
        del data["size"]


def read_fields(
    kind: Any, table: Table, prefix: FieldPath, invalid: Problems, **others: object
) -> Any:
    """Read a dataclass; invalid fields are reported in `invalid` and keep their defaults.

    Args:
        others: fields that have been read already.
    """
    _report_conversions(kind, table, prefix, invalid)
    while True:
        try:
            return adapter(kind).validate_python({**table, **others})
        except ValidationError as error:
            _report_and_remove(error, table, kind, prefix, invalid)


def _report_conversions(kind: Any, table: Table, prefix: FieldPath, invalid: Problems) -> None:
    """Report values that pydantic would convert silently: text to numbers, words to booleans."""
    for name, hint in get_type_hints(kind).items():
        value = table.get(name)
        path = (*prefix, name)
        if isinstance(value, dict) and dataclasses.is_dataclass(hint):
            _report_conversions(_description_class(hint, value), value, path, invalid)
            continue
        is_number = hint in NUMBERS and isinstance(value, bool | str)
        is_schedule = hint in (Schedule, AdaptiveSchedule) and isinstance(value, bool)
        is_switch = hint is bool and name in table and not isinstance(value, bool)
        if is_number or is_schedule or is_switch:
            expected = "true or false" if is_switch else "a number"
            invalid[".".join(path)] = f"{'.'.join(path)}: must be {expected}, got {value!r}"
            del table[name]


def _description_class(hint: Any, value: Table) -> Any:
    """The class that a table is read as; a network's name chooses its class."""
    if inspect.isabstract(hint) and issubclass(hint, Network):
        return type(hint.named(str(value["name"])))
    return hint


def _report_and_remove(
    error: ValidationError, table: Table, root: Any, prefix: FieldPath, invalid: Problems
) -> None:
    """Turn pydantic's errors into lines, and delete the invalid values from the table."""
    lines: dict[FieldPath, str] = {}
    for item in error.errors(include_url=False):
        path = _field_path(item["loc"], table)
        full = (*prefix, *path)
        # A union has one error per member; that of the last, which reads text, is kept.
        lines[path] = f"{'.'.join(full)}: {_message(item, full, _field_names(root, path, table))}"
    for path, line in lines.items():
        invalid[".".join((*prefix, *path))] = line
        _remove(table, path)


def _message(item: Any, path: FieldPath, known: list[str]) -> str:
    if item["type"] == "unexpected_keyword_argument":
        if (now := renamed(".".join(path))) is not None:
            return now
        if "." in str(item["loc"][-1]):
            return "is one name if it stands in quotes: write a.b without; in JSON, nest b in a"
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
    """All fields of the dataclass that holds the field at this path."""
    here: Any = table
    for name in path[:-1]:
        here = here[name]
        root = _description_class(get_type_hints(root).get(name, object), here)
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
