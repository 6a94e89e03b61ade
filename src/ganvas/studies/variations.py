"""Studies as the command line writes them: --vary FIELD=a,b,c and --recipes a,b,c.

The result is a table for `studies.reading`. Values get the types of the recipe's fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ganvas.errors import StudyError
from ganvas.fields import field_types, get_field, parse_field, plain_value, unknown_field
from ganvas.networks import ROLES
from ganvas.recipes import Recipe, load_recipe
from ganvas.recipes.files import Table, parse_recipe, renamed
from ganvas.recipes.players import NETWORK_FIELDS, exchange_networks
from ganvas.studies.reading import changed

STUDY_FIELDS = ("data", "seeds", "images", "time", "metrics", "samples", "evaluations")
"""Fields of the study, which no arm can vary."""

OMITTED_PREFIXES = ("objective.", "penalties.", "data.")
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
        recipe = parse_recipe(changed(recipe, common), "--shared")
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
    kinds = {**dict.fromkeys(NETWORK_FIELDS, str), **field_types(recipe)}
    if not words:
        problems.append(f"{flag} {text}: expected FIELD=VALUE, such as objective.loss=hinge")
        return "", []
    if field not in kinds:
        problems.append(f"{flag} {field}: {_unknown_field(recipe, field, kinds)}")
        return "", []
    values = []
    for word in words:
        try:
            values.append((plain_value(parse_field(kinds[field], word)), word))
        except ValueError as error:
            problems.append(f"{flag} {field}: {error}")
    if field in NETWORK_FIELDS:
        for _, word in values:
            try:
                exchange_networks(recipe, **dict.fromkeys(_roles(field), word))
            except ValueError as error:
                problems.append(f"{flag} {field}: {error}")
    return field, values


def _unknown_field(recipe: Recipe, field: str, known: Iterable[str]) -> str:
    """Why a name is not a field of the recipe, with the nearest one that is."""
    if (reason := renamed(field)) is not None:
        return reason
    if field in STUDY_FIELDS:
        flag = field.replace("_", "-")
        return f"the study decides it, for all arms alike: --{flag}"
    return unknown_field(field, known, recipe.name)


def arm_name(field: str, word: str) -> str:
    """`discriminator-norm-none`, `r1.weight-0.1`; `resnet` or `resnet-generator` for a network."""
    if field in NETWORK_FIELDS:
        return word if field == "network" else f"{word}-{_roles(field)[0]}"
    field = field.replace(".network.", "-")
    for prefix in OMITTED_PREFIXES:
        field = field.removeprefix(prefix)
    value = re.sub(r"[^\w.]+", "-", word).strip("-.")
    return f"{field.replace('_', '-')}-{value}"


def _roles(field: str) -> tuple[str, ...]:
    """The players whose network a field of `NETWORK_FIELDS` names."""
    return ROLES if field == "network" else (field.partition(".")[0],)


def _base_value(recipe: Recipe, field: str) -> Any:
    """The recipe's own value, as plain data."""
    if field in NETWORK_FIELDS:
        names = {get_field(recipe, f"{role}.network").name for role in _roles(field)}
        return names.pop() if len(names) == 1 else None
    return plain_value(get_field(recipe, field))


def _set_field(table: Table, field: str, value: tuple[Any, str]) -> None:
    """Set a value by the field's dotted name."""
    *parents, last = field.split(".")
    for name in parents:
        table = table.setdefault(name, {})
    table[last] = value[0]
