"""What cannot be right in a study although each field and each recipe alone can."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from itertools import combinations

from ganvas.data.settings import OWN_LABELS, DataSettings
from ganvas.errors import GanvasError, did_you_mean
from ganvas.metrics.names import parse_metrics
from ganvas.recipes import Recipe
from ganvas.recipes.rules import Problem, problems
from ganvas.studies.study import Arm, Study

FREE_DATA_FIELDS = ("flip", "dequantize")
"""The data fields that arms may change. Any other one changes the images that scores refer to."""


def study_problems(study: Study) -> list[Problem]:
    """Every problem with the study's own fields, the names of its arms, and their recipes."""
    return [*_field_problems(study), *_name_problems(study), *_arm_problems(study)]


def _field_problems(study: Study) -> Iterator[Problem]:
    if (study.images is None) == (study.time is None):
        reason = "none is given" if study.images is None else "one of the two, not both"
        yield Problem(f"images or time: the budget of each run; {reason}", ("images", "time"))
    if not study.data:
        yield Problem("data: what to train on is missing", ("data",))
    try:
        parse_metrics(study.metrics)
    except GanvasError as error:
        yield Problem(f"metrics: {error}", ("metrics",))


def _name_problems(study: Study) -> Iterator[Problem]:
    names = [arm.name for arm in study.all_arms]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem(f"arm {name!r}: {names.count(name)} arms have this name", ())
    for name, other in combinations(sorted(set(names)), 2):
        if name.casefold() == other.casefold():
            text = "many file systems cannot tell the two folders apart; give it another name"
            yield Problem(f"arm {other!r}: it differs from {name!r} in case only, and {text}", ())
    for index, arm in enumerate(study.all_arms):
        if not re.fullmatch(r"[\w.-]*\w", arm.name):
            text = "a name must be letters, digits, dots, - and _, because it names a folder"
            yield Problem(f"arm {arm.name!r}: {text}", (arm.name,))
        before = names[:index]
        if arm.against and arm.against not in before:
            reason = f"is not an arm.{did_you_mean(arm.against, before)}"
            reason = "must be listed before it" if arm.against in names else reason
            yield Problem(f"arm {arm.name!r}: against: {arm.against!r} {reason}", ())


def _arm_problems(study: Study) -> Iterator[Problem]:
    earlier: list[tuple[str, Recipe]] = []
    for arm in study.all_arms:
        lines = [*_budget_problems(study, arm), *incomparable(study.base, arm.recipe)]
        canonical = study.canonical(arm.recipe)
        twin = next((name for name, recipe in earlier if recipe == canonical), None)
        if twin not in (None, arm.name):  # an arm of the same name is reported as such
            lines.append(f"it is the same as {twin!r}; nothing is changed")
        earlier.append((arm.name, canonical))
        for line in lines:
            yield Problem(f"arm {arm.name!r}: {line}", (arm.name,))


def _budget_problems(study: Study, arm: Arm) -> list[str]:
    """Problems of an arm's recipe under the study's budget, as far as it is known."""
    images = arm.recipe.batch if study.images is None else study.images
    recipe = dataclasses.replace(arm.recipe, images=images, name="arm")
    return [problem.text for problem in problems(recipe)]


def incomparable(base: Recipe, recipe: Recipe) -> list[str]:
    """The data fields because of which a recipe is scored against other images than the base."""
    lines = []
    for entry in dataclasses.fields(DataSettings):
        value, base_value = getattr(recipe.data, entry.name), getattr(base.data, entry.name)
        if entry.name == "labels" and {value, base_value} <= set(OWN_LABELS):
            continue  # the same images and labels, whether or not networks learn them
        if entry.name not in FREE_DATA_FIELDS and value != base_value:
            lines.append(
                f"data.{entry.name}: {value!r}, but the base has {base_value!r}; scores against "
                "different images cannot be compared. To set it for all arms: "
                f"shared.data.{entry.name}, or --shared data.{entry.name}=..."
            )
    return lines
