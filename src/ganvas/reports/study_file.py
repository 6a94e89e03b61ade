"""A study as a short TOML file: names and changes in place of whole recipes, where they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import tomli_w

from ganvas.errors import GanvasError
from ganvas.recipes import CATALOG
from ganvas.recipes.files import without_none
from ganvas.studies.reading import read_study
from ganvas.studies.study import Arm, Study, differences


def study_toml(study: Study) -> str:
    """The shortest file that reads back to the same study: short if it does, else complete."""
    if study.base.name in CATALOG:
        table = without_none(short_table(study))
        try:
            if read_study(table) == study:
                return tomli_w.dumps(table)
        except GanvasError:
            pass  # it takes the complete form to say it
    return study.to_toml()


def short_table(study: Study) -> dict[str, Any]:
    """Base by name, what all share, and each arm's changes."""
    own = {entry.name: getattr(study, entry.name) for entry in fields(study)}
    defaults = {entry.name: entry.default for entry in fields(study)}
    table = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in own.items()
        if name not in ("base", "arms") and value != defaults[name]
    }
    shared = nested(differences(CATALOG[study.base.name](), study.base))
    arms = [entry_of(study, arm) for arm in study.all_arms[1:]]
    return {"base": study.base.name, **table, "shared": shared, "arms": arms}


def entry_of(study: Study, arm: Arm) -> dict[str, Any]:
    """One arm: a recipe's name, or what it changes."""
    before = study.arm(arm.against)
    entry: dict[str, Any] = {"name": arm.name}
    if arm.against != study.base.name:
        entry["against"] = arm.against
    if arm.recipe.name != before.recipe.name and arm.recipe.name in CATALOG:
        return {**entry, "recipe": arm.recipe.name}
    return {**entry, **nested(study.changes(arm.name))}


def nested(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with dots as tables in tables; another network by its name among its fields."""
    table: dict[str, Any] = {}
    for field, value in changes.items():
        *parents, last = (f"{field}.name" if field.endswith(".network") else field).split(".")
        inner = table
        for name in parents:
            inner = inner.setdefault(name, {})
        inner[last] = value
    return table
