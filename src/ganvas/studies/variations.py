"""Studies as the command line writes them: --vary FIELD=a,b,c and --recipes a,b,c.

The result is a table for `studies.reading`. Values get the types of the recipe's fields.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, get_args, get_origin, get_type_hints

from ganvas.errors import StudyError, did_you_mean, parse_choice
from ganvas.networks.sizes import parse_size
from ganvas.recipes import Recipe, load_recipe
from ganvas.recipes.reading import Table
from ganvas.recipes.recipe import architecture_type
from ganvas.schedules import Schedule, format_schedule, parse_count, parse_schedule
from ganvas.studies.reading import changed

ARCHITECTURE = "architecture"
"""The one field whose value is a name instead of a table: it replaces the whole architecture."""

STUDY_FIELDS = ("data", "seeds", "images", "time", "metrics", "samples", "evaluations")
"""Fields of the study, which no arm can vary."""

OMITTED_PREFIXES = ("architecture.", "objective.", "penalties.", "data.")
"""Prefixes of fields that are left out of arms' names."""


def study_table(
    base: str, vary: Sequence[str], recipes: Sequence[str], shared: Sequence[str]
) -> Table:
    """The base, the arms and the shared fields, as a study's file holds them.

    Args:
        base: a recipe's name or file.
        vary: FIELD=a,b,c each; one arm per value, which changes only this field. The base's own
            value does not get a second arm.
        recipes: whole recipes; the first is the base unless `base` is given.
        shared: FIELD=VALUE each, for the base and every arm.

    Raises:
        StudyError: with every problem found.
        RecipeError: the base is not a recipe.
    """
    problems: list[str] = []
    if recipes and (base or vary):
        problems.append(
            "--recipes names whole recipes and cannot be combined with --base or --vary"
        )
    if not recipes and not base:
        problems.append("give a study's file or directory, --recipes a,b,c, or --base and --vary")
    if base and not vary and not recipes:
        problems.append(
            f"--base {base} alone is one arm, with nothing to compare it with. Vary a field: "
            "--vary FIELD=A,B (for example objective.loss=non-saturating,hinge), or name whole "
            f"recipes: --recipes {base},OTHER. To see how much it varies over seeds: "
            f"--recipes {base}"
        )
    if problems:
        raise StudyError(problems, "compare")
    recipe = load_recipe(base or recipes[0])
    common: Table = {}
    for text in shared:
        field, values = _parse_assignment(recipe, text, "--shared", problems)
        if len(values) == 1:
            _set_field(common, field, values[0])
        elif field and values:
            problems.append(f"--shared {text}: expected a single value")
    if common:
        recipe = Recipe.from_table(changed(recipe, common), "--shared")
    arms: list[Table] = [{"recipe": name} for name in recipes[1:]]
    for text in vary:
        arms += _arms_of(recipe, text, problems)
    if problems:
        raise StudyError(problems, "compare")
    table: Table = {"base": base or recipes[0], "arms": arms}
    return {**table, "shared": common} if common else table


def _arms_of(base: Recipe, text: str, problems: list[str]) -> list[Table]:
    """One arm for each value except the base's own."""
    field, values = _parse_assignment(base, text, "--vary", problems)
    arms = []
    for value, word in values:
        if value == _base_value(base, field):
            continue
        arm: Table = {"name": arm_name(field, word)}
        _set_field(arm, field, (value, word))
        arms.append(arm)
    if values and not arms:
        problems.append(f"--vary {text}: this is the base's own value, so nothing varies")
    return arms


def _parse_assignment(
    recipe: Recipe, text: str, flag: str, problems: list[str]
) -> tuple[str, list[tuple[Any, str]]]:
    """The field and the values of FIELD=a,b,c, each as plain data and as it was written."""
    field, _, rest = text.partition("=")
    field = field.strip().replace("-", "_")
    words = [word.strip() for word in rest.split(",") if word.strip()]
    kinds = {ARCHITECTURE: str, **leaf_types(recipe)}
    if not words:
        problems.append(f"{flag} {text}: expected FIELD=VALUE, such as objective.loss=hinge")
        return "", []
    if field not in kinds:
        problems.append(f"{flag} {field}: {_unknown_field(recipe, field, kinds)}")
        return "", []
    values = []
    for word in words:
        try:
            values.append((parse_value(kinds[field], word), word))
        except ValueError as error:
            problems.append(f"{flag} {field}: {error}")
    if field == ARCHITECTURE:
        for _, word in values:
            try:
                architecture_type(word)
            except KeyError as error:
                problems.append(f"{flag} {field}: {error.args[0]}")
    return field, values


def _unknown_field(recipe: Recipe, field: str, known: Iterable[str]) -> str:
    """Why a name is not a field of the recipe, with the nearest one that is."""
    if field in STUDY_FIELDS:
        flag = field.replace("_", "-")
        return f"the study decides it, for all arms alike: --{flag}"
    inside = [name for name in known if name.startswith(f"{field}.")]
    if inside:
        return f"a group of fields. It has: {', '.join(inside)}"
    return f"{recipe.name} has no such field.{did_you_mean(field, known)}"


def leaf_types(recipe: Recipe) -> dict[str, Any]:
    """The type of every field of a recipe, by its name with dots."""
    found: dict[str, Any] = {}

    def collect(prefix: str, settings: Any) -> None:
        hints = get_type_hints(type(settings))
        for entry in dataclasses.fields(settings):
            value = getattr(settings, entry.name)
            if dataclasses.is_dataclass(value) and not _is_schedule(hints[entry.name]):
                collect(f"{prefix}{entry.name}.", value)
            else:
                found[f"{prefix}{entry.name}"] = hints[entry.name]

    collect("", recipe)
    return found


def parse_value(kind: Any, word: str) -> Any:
    """A word from the command line as the plain value that a recipe's table holds.

    Raises:
        ValueError: with what was expected.
    """
    if kind == int | None and word.lower() == "none":
        return None
    if kind in (int, int | None):
        return parse_count(word)
    if _is_schedule(kind):
        schedule = parse_schedule(word)
        return schedule if isinstance(schedule, float) else format_schedule(schedule)
    if kind is bool:
        if word.lower() not in ("true", "false"):
            raise ValueError(f"must be true or false, got {word!r}")
        return word.lower() == "true"
    if kind is float:
        try:
            return float(word)
        except ValueError:
            raise ValueError(f"must be a number, got {word!r}") from None
    if kind == tuple[int, int]:
        return list(parse_size(word))
    if get_origin(kind) is Literal:
        return parse_choice(word, get_args(kind))
    return [word] if kind == tuple[str, ...] else word


def arm_name(field: str, word: str) -> str:
    """`discriminator-norm-none`, `r1.weight-0.1`; for another architecture its name."""
    if field == ARCHITECTURE:
        return word
    for prefix in OMITTED_PREFIXES:
        field = field.removeprefix(prefix)
    value = re.sub(r"[^\w.]+", "-", word).strip("-.")
    return f"{field.replace('_', '-')}-{value}"


def _is_schedule(kind: Any) -> bool:
    return bool(kind == Schedule)


def _base_value(recipe: Recipe, field: str) -> Any:
    """The recipe's own value, as plain data."""
    if field == ARCHITECTURE:
        return recipe.architecture.name
    value: Any = recipe.to_table()
    for name in field.split("."):
        value = value[name]
    return value


def _set_field(table: Table, field: str, value: tuple[Any, str]) -> None:
    """Set a value by the field's dotted name."""
    *parents, last = field.split(".")
    for name in parents:
        table = table.setdefault(name, {})
    table[last] = value[0]
