"""Studies as the command line writes them: FIELD=a,b,c, and names of recipes with commas between.

From text to the table that `studies.reading` reads. Values are typed by the recipe's own fields.
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
"""The one field whose value is a name in place of a table: it exchanges the whole architecture."""

STUDY_FIELDS = ("data", "seeds", "images", "time", "metrics", "samples", "evaluations")
"""What a study has one of, which no arm varies."""

TELL_NOTHING = ("architecture.", "objective.", "penalties.", "data.")
"""Beginnings of fields that are left out of arms' names."""


def study_table(
    base: str, vary: Sequence[str], recipes: Sequence[str], shared: Sequence[str]
) -> Table:
    """The base, the arms and what all share, as a study's file would hold them.

    Args:
        base: a recipe's name or file.
        vary: FIELD=a,b,c each; every value makes an arm that changes this field alone. The base's
            own value makes none.
        recipes: whole recipes, the first of which is the base, where `base` names none.
        shared: FIELD=VALUE each; what base and arms have alike.

    Raises:
        StudyError: with everything wrong in any of them.
        RecipeError: the base is no recipe.
    """
    wrong: list[str] = []
    if recipes and (base or vary):
        wrong.append("--recipes names whole recipes; it goes neither with --base nor with --vary")
    if not recipes and not base:
        wrong.append("give a study's file or directory, --recipes a,b,c, or --base and --vary")
    if base and not vary and not recipes:
        wrong.append(
            f"--base {base} alone is one arm, with nothing beside it. Say what it is compared "
            "with: --vary FIELD=A,B (objective.loss=non-saturating,hinge for example), or whole "
            f"recipes: --recipes {base},OTHER. To see how much it varies by itself over seeds: "
            f"--recipes {base}"
        )
    if wrong:
        raise StudyError(wrong, "compare")
    recipe = load_recipe(base or recipes[0])
    common: Table = {}
    for text in shared:
        field, values = _read(recipe, text, "--shared", wrong)
        if len(values) == 1:
            _set(common, field, values[0])
        elif field and values:
            wrong.append(f"--shared {text}: one value alone")
    if common:
        recipe = Recipe.from_table(changed(recipe, common), "--shared")
    arms: list[Table] = [{"recipe": name} for name in recipes[1:]]
    for text in vary:
        arms += _arms(recipe, text, wrong)
    if wrong:
        raise StudyError(wrong, "compare")
    table: Table = {"base": base or recipes[0], "arms": arms}
    return {**table, "shared": common} if common else table


def _arms(base: Recipe, text: str, wrong: list[str]) -> list[Table]:
    """One arm for each value but the base's own."""
    field, values = _read(base, text, "--vary", wrong)
    arms = []
    for value, word in values:
        if value == _own(base, field):
            continue
        arm: Table = {"name": arm_name(field, word)}
        _set(arm, field, (value, word))
        arms.append(arm)
    if values and not arms:
        wrong.append(f"--vary {text}: the base has this value itself, so nothing varies")
    return arms


def _read(
    recipe: Recipe, text: str, flag: str, wrong: list[str]
) -> tuple[str, list[tuple[Any, str]]]:
    """Field and values of FIELD=a,b,c, each value as plain data and as it was written."""
    field, _, rest = text.partition("=")
    field = field.strip().replace("-", "_")
    words = [word.strip() for word in rest.split(",") if word.strip()]
    kinds = {ARCHITECTURE: str, **leaf_types(recipe)}
    if not words:
        wrong.append(f"{flag} {text}: expected FIELD=VALUE, such as objective.loss=hinge")
        return "", []
    if field not in kinds:
        wrong.append(f"{flag} {field}: {_why_no_field(recipe, field, kinds)}")
        return "", []
    values = []
    for word in words:
        try:
            values.append((parse_value(kinds[field], word), word))
        except ValueError as error:
            wrong.append(f"{flag} {field}: {error}")
    if field == ARCHITECTURE:
        for _, word in values:
            try:
                architecture_type(word)
            except KeyError as error:
                wrong.append(f"{flag} {field}: {error.args[0]}")
    return field, values


def _why_no_field(recipe: Recipe, field: str, known: Iterable[str]) -> str:
    """Why a name is none of a recipe's fields, with what was meant perhaps."""
    if field in STUDY_FIELDS:
        flag = field.replace("_", "-")
        return f"the study decides it, for all arms alike: --{flag}"
    inside = [name for name in known if name.startswith(f"{field}.")]
    if inside:
        return f"a group of fields, not one. Inside: {', '.join(inside)}"
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
    """`discriminator-norm-none`, `r1.weight-0.1`; of another architecture its name."""
    if field == ARCHITECTURE:
        return word
    for beginning in TELL_NOTHING:
        field = field.removeprefix(beginning)
    value = re.sub(r"[^\w.]+", "-", word).strip("-.")
    return f"{field.replace('_', '-')}-{value}"


def _is_schedule(kind: Any) -> bool:
    return bool(kind == Schedule)


def _own(recipe: Recipe, field: str) -> Any:
    """The recipe's own plain value."""
    if field == ARCHITECTURE:
        return recipe.architecture.name
    value: Any = recipe.to_table()
    for name in field.split("."):
        value = value[name]
    return value


def _set(table: Table, field: str, value: tuple[Any, str]) -> None:
    """Put a value where its dots lead."""
    *parents, last = field.split(".")
    for name in parents:
        table = table.setdefault(name, {})
    table[last] = value[0]
