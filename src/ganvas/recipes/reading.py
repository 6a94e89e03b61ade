"""From a plain table (TOML, JSON) to a recipe, with everything that is wrong said at once."""

from __future__ import annotations

import copy
import dataclasses
import re
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ganvas.errors import RecipeError, did_you_mean
from ganvas.fields import parse_size
from ganvas.networks import ARCHITECTURES, Architecture
from ganvas.recipes.recipe import Recipe, architecture_type
from ganvas.schedules import Schedule

Table = dict[str, Any]
Path = tuple[str, ...]
Lines = dict[str, str]
"""What is wrong, by the field's name with dots."""

NUMBERS = (int, float, int | None, float | None)
STAND_IN = ARCHITECTURES["dcgan"]()


def read_recipe(table: Table, where: str) -> Recipe:
    """Validate `table` against the recipe's types, ranges and combinations.

    Fields that are wrong by themselves are reported and set aside, so that combinations of the
    others are still checked in the same pass.

    Raises:
        RecipeError: with every problem found.
    """
    if not isinstance(table, dict):
        raise RecipeError([f"expected a table of fields, got {type(table).__name__}"], where)
    if "arms" in table:
        raise RecipeError(["this is a study, it has arms: ganvas compare FILE"], where)
    table = copy.deepcopy(table)
    wrong: Lines = {}
    architecture = _read_architecture(table.pop("architecture", None), wrong)
    _read_size(table.get("data"), wrong)
    recipe: Recipe = read_fields(Recipe, table, (), wrong, architecture=architecture)
    problems = [
        problem.text
        for problem in recipe.problems()
        if not any(name.startswith(wrong_name) for name in problem.about for wrong_name in wrong)
    ]
    if wrong or problems:
        raise RecipeError([*wrong.values(), *problems], where)
    return recipe


def read_architecture(table: object) -> Architecture:
    """The architecture that a table with a name and fields describes.

    Raises:
        RecipeError: with every problem found.
    """
    wrong: Lines = {}
    architecture = _read_architecture(table, wrong)
    if wrong:
        raise RecipeError(list(wrong.values()), "architecture")
    return architecture


def _read_architecture(table: object, wrong: Lines) -> Architecture:
    """The architecture that a table describes; a stand-in where that cannot be told."""
    if not isinstance(table, dict) or "name" not in table:
        known = ", ".join(sorted(ARCHITECTURES))
        wrong["architecture"] = f"architecture: expected a table with a name, one of {known}"
        return STAND_IN
    fields = dict(table)
    try:
        kind = architecture_type(str(fields.pop("name")))
    except KeyError as error:
        wrong["architecture"] = f"architecture.name: {error.args[0]}"
        return STAND_IN
    architecture: Architecture = read_fields(strictly(kind), fields, ("architecture",), wrong)
    return architecture


def _read_size(data: object, wrong: Lines) -> None:
    """A size written as on the command line, 64 or "48x64", becomes height and width."""
    if not isinstance(data, dict) or type(data.get("size")) not in (int, str):
        return
    try:
        data["size"] = parse_size(str(data["size"]))
    except ValueError as error:
        wrong["data.size"] = f"data.size: {error}"
        del data["size"]


def read_fields(kind: Any, table: Table, prefix: Path, wrong: Lines, **others: object) -> Any:
    """Read a dataclass; what is wrong goes into `wrong` and is left at its default."""
    _refuse_conversions(kind, table, prefix, wrong)
    while True:
        try:
            return TypeAdapter(kind).validate_python({**table, **others})
        except ValidationError as error:
            _report_and_remove(error, table, kind, prefix, wrong)


def _refuse_conversions(kind: Any, table: Table, prefix: Path, wrong: Lines) -> None:
    """Take out what pydantic would convert without a word: text to numbers, words to yes or no."""
    for name, hint in get_type_hints(kind).items():
        value = table.get(name)
        path = (*prefix, name)
        if isinstance(value, dict) and dataclasses.is_dataclass(hint):
            _refuse_conversions(hint, value, path, wrong)
            continue
        is_number = hint in NUMBERS and isinstance(value, bool | str)
        is_schedule = hint == Schedule and isinstance(value, bool)
        is_switch = hint is bool and name in table and not isinstance(value, bool)
        if is_number or is_schedule or is_switch:
            expected = "true or false" if is_switch else "a number"
            wrong[".".join(path)] = f"{'.'.join(path)}: must be {expected}, got {value!r}"
            del table[name]


def strictly(kind: type[Architecture]) -> type[Architecture]:
    """The class, told to refuse unknown keys when read from a table."""
    if "__pydantic_config__" not in vars(kind):
        kind.__pydantic_config__ = Recipe.__pydantic_config__  # type: ignore[attr-defined]
    return kind


def _report_and_remove(
    error: ValidationError, table: Table, root: Any, prefix: Path, wrong: Lines
) -> None:
    """Turn pydantic's errors into lines and delete what they are about from the table."""
    lines: dict[Path, str] = {}
    for item in error.errors(include_url=False):
        path = _field_path(item["loc"], table)
        name = ".".join((*prefix, *path))
        # A union complains once for each member; the last, which reads text, says the most.
        lines[path] = f"{name}: {_message(item, _field_names(root, path[:-1]))}"
    for path, line in lines.items():
        wrong[".".join((*prefix, *path))] = line
        _remove(table, path)


def _message(item: Any, known: list[str]) -> str:
    if item["type"] == "unexpected_keyword_argument":
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


def _field_path(location: tuple[int | str, ...], table: Table) -> Path:
    """The part of pydantic's location that names keys; the rest names members of unions."""
    path: list[str] = []
    here: object = table
    for part in location:
        if not isinstance(here, dict) or part not in here:
            break
        path.append(str(part))
        here = here[part]
    return tuple(path)


def _field_names(root: type, path: Path) -> list[str]:
    for name in path:
        root = get_type_hints(root).get(name, object)
    return (
        [entry.name for entry in dataclasses.fields(root)] if dataclasses.is_dataclass(root) else []
    )


def _remove(table: Table, path: Path) -> None:
    *parents, last = path
    for name in parents:
        table = table[name]
    del table[last]
