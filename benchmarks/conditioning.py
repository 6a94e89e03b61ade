"""What labels take of a training step: conditional recipes beside their bases."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from figure import Effort, Figure, figure
from ganvas.recipes import CATALOG, Recipe
from loops import GanvasLoop
from overhead import percent_longer
from speed_cases import Case, data_for, recipe_for

MOST_PERCENT = 5.0
"""The target on a CPU, in percent of a step."""
FORMS = {
    "dcgan": ("chunks", "shared"),
    "resnet": ("chunks",),
    "biggan": ("chunks",),
    "r3gan": ("concatenation",),
}
"""Recipes that have a conditional one, and how labels enter its generator; the usual form first."""


def measure(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Every conditional recipe against its base, on Fashion-MNIST at 32x32."""
    figures = []
    residual = effort.resnet_width
    widths = {"dcgan": 32, "resnet": residual, "biggan": residual, "r3gan": effort.r3gan_width}
    for name, forms in FORMS.items():
        case = Case(f"{name}-conditional-32", name, 32, widths[name])
        place = folder / name
        place.mkdir()
        figures += measure_case(case, forms, effort, device, place)
    return figures


def measure_case(
    case: Case, forms: tuple[str, ...], effort: Effort, device: torch.device, folder: Path
) -> list[Figure]:
    """Percent of a bare step of the base that each form takes longer."""
    base = with_reals_of_conditional(recipe_for(case))
    recipes = {case.recipe: base, **{form: conditional(case, form) for form in forms}}
    loops = {
        name: GanvasLoop(recipe, data_for(case, recipe, folder), folder / name, device)
        for name, recipe in recipes.items()
    }
    percents = percent_longer(loops, case.recipe, effort, device)
    most = MOST_PERCENT if device.type == "cpu" else None
    return [
        figure(
            f"{case.key}/{form}",
            f"{case.title}: labels, {form}",
            "% of a step",
            percents[form],
            at_most=most,
        )
        for form in forms
    ]


def with_reals_of_conditional(base: Recipe) -> Recipe:
    """The base, with as many real images for the generator's step as its conditional recipe."""
    conditional = CATALOG[f"{base.name}-conditional"]()
    return dataclasses.replace(
        base, fresh_reals_for_generator=conditional.fresh_reals_for_generator
    )


def conditional(case: Case, form: str) -> Recipe:
    """The conditional recipe at the case's size, with this form in its generator."""
    recipe = recipe_for(dataclasses.replace(case, recipe=f"{case.recipe}-conditional"))
    network: Any = recipe.generator.network
    network = dataclasses.replace(network, conditioning=form)
    return recipe.with_networks(network, recipe.discriminator.network)
