"""From a plain table (TOML, JSON) to a recipe, with everything that is wrong said at once."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ganvas.architectures import ARCHITECTURES, Architecture
from ganvas.errors import RecipeError, did_you_mean
from ganvas.recipes.recipe import Recipe, architecture_type

Table = dict[str, Any]
Path = tuple[str, ...]


def read_recipe(table: Table, where: str) -> Recipe:
    """Validate `table` against the recipe's types, ranges and combinations.

    Fields that are wrong by themselves are reported and set aside, so that combinations of the
    others are still checked in the same pass.

    Raises:
        RecipeError: with every problem found.
    """
    if not isinstance(table, dict):
        raise RecipeError([f"expected a table of fields, got {type(table).__name__}"], where)
    table = copy.deepcopy(table)
    architecture, problems = _read_architecture(table.pop("architecture", None))
    recipe = None
    while recipe is None:
        try:
            recipe = TypeAdapter(Recipe).validate_python({**table, "architecture": architecture})
        except ValidationError as error:
            removed = _report_and_remove(error, table, Recipe, (), problems)
            if not removed:
                break
    if recipe is not None:
        problems += recipe.problems()
    if problems or recipe is None:
        raise RecipeError(problems, where)
    return recipe


def _read_architecture(table: object) -> tuple[Architecture, list[str]]:
    """The architecture that a table describes; where it is wrong, what is wrong and a stand-in."""
    problems: list[str] = []
    stand_in = ARCHITECTURES["dcgan"]()
    if not isinstance(table, dict) or "name" not in table:
        known = ", ".join(sorted(ARCHITECTURES))
        return stand_in, [f"architecture: expected a table with a name, one of {known}"]
    fields = dict(table)
    try:
        kind = architecture_type(str(fields.pop("name")))
    except KeyError as error:
        return stand_in, [f"architecture.name: {error.args[0]}"]
    while True:
        try:
            return TypeAdapter(strictly(kind)).validate_python(fields), problems
        except ValidationError as error:
            if not _report_and_remove(error, fields, kind, ("architecture",), problems):
                return kind(), problems


def strictly(kind: type[Architecture]) -> type[Architecture]:
    """The class, told to refuse unknown keys when read from a table."""
    if "__pydantic_config__" not in vars(kind):
        kind.__pydantic_config__ = Recipe.__pydantic_config__  # type: ignore[attr-defined]
    return kind


def read_architecture(table: object) -> Architecture:
    """The architecture that a table with a name and fields describes.

    Raises:
        RecipeError: with every problem found.
    """
    architecture, problems = _read_architecture(table)
    if problems:
        raise RecipeError(problems, "architecture")
    return architecture


def _report_and_remove(
    error: ValidationError, table: Table, root: type, prefix: Path, problems: list[str]
) -> bool:
    """Turn pydantic's errors into lines and delete what they are about from the table."""
    lines: dict[Path, str] = {}
    for item in error.errors(include_url=False):
        path = _field_path(item["loc"], table)
        name = ".".join((*prefix, *path))
        # A union complains once for each member; the last, which reads text, says the most.
        lines[path] = f"{name}: {_message(item, _field_names(root, path[:-1]))}"
    problems += lines.values()
    removed = [_remove(table, path) for path in lines]
    return any(removed)


def _message(item: Any, known: list[str]) -> str:
    if item["type"] == "unexpected_keyword_argument":
        hint = did_you_mean(str(item["loc"][-1]), known)
        return "no such field." + (hint or f" There is: {', '.join(known)}")
    if item["type"] == "missing":
        return "is missing"
    if item["type"] == "value_error":
        return str(item["msg"]).removeprefix("Value error, ")
    return f"{item['msg'].replace('Input should be', 'must be')}, got {item['input']!r}"


def _field_path(location: tuple[int | str, ...], table: Table) -> Path:
    """The part of pydantic's location that names keys; the rest names members of unions."""
    path: list[str] = []
    here: object = table
    for part in location:
        if not isinstance(here, dict) or part not in here:
            break
        path.append(str(part))
        here = here[part]
    return tuple(path) or tuple(str(part) for part in location[:1])


def _field_names(root: type, path: Path) -> list[str]:
    for name in path:
        root = get_type_hints(root).get(name, object)
    return (
        [entry.name for entry in dataclasses.fields(root)] if dataclasses.is_dataclass(root) else []
    )


def _remove(table: Table, path: Path) -> bool:
    *parents, last = path
    for name in parents:
        table = table[name]
    return table.pop(last, _ABSENT) is not _ABSENT


_ABSENT = object()
