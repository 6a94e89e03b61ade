"""Advice: changes of recipe fields that may help, and which of them are valid for a recipe.

A `Remedy` takes a recipe and returns one change, or None where there is nothing to change. `advise`
keeps the changes that give a different and valid recipe, so that remedies themselves need not check
whether a field exists, has that value already, or conflicts with others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ganvas.errors import RecipeError
from ganvas.fields import (
    field_types,
    get_field,
    has_field,
    parse_field,
    replace_field,
    unknown_field,
)
from ganvas.formatting import format_number
from ganvas.health.finding import Change
from ganvas.networks import POINT, ROLES, Role
from ganvas.recipes.catalog import CATALOG
from ganvas.recipes.files import checked
from ganvas.recipes.recipe import PlayerSettings, Recipe
from ganvas.schedules import Ramp, extremes, format_schedule

Remedy = Callable[[Recipe], Change | None]
"""What to change in a recipe; None where there is nothing to change."""

MAX_ADVICE = 3
FAR_OFF = 8.0
"""A learning rate that is off by this factor in either direction is the first advice."""
USUAL_LEARNING_RATES = {"adam": 2e-4, "rmsprop": 5e-5}
"""Radford 2016 for Adam, Arjovsky 2017 for RMSprop; that of a named recipe takes precedence."""
MUCH_MOMENTUM = 0.8
"""Where beta1 is larger, the usual one is the next advice (Radford 2016, section 4, on 0.9)."""
USUAL_MOMENTUM = 0.5
"""Radford 2016; that of a named recipe takes precedence."""


def advise(recipe: Recipe, remedies: Iterable[Remedy]) -> tuple[Change, ...]:
    """One to three changes, each of a different field, the most useful first.

    A learning rate or a momentum that is far off comes first: no other remedy can work then.
    """
    changes: dict[str, Change] = {}
    for remedy in (reset_learning_rates, reset_momentum, *remedies):
        _add(changes, recipe, remedy)
    for remedy in LAST_RESORT:
        if not changes:
            _add(changes, recipe, remedy)
    return tuple(changes.values())[:MAX_ADVICE]


def _add(changes: dict[str, Change], recipe: Recipe, remedy: Remedy) -> None:
    """Add a remedy's change, if it is valid and there is room."""
    change = remedy(recipe)
    taken = {part.field for change in changes.values() for part in change.parts}
    if change is None or change.field in taken or len(changes) == MAX_ADVICE:
        return
    if is_possible(recipe, change):
        changes[change.field] = change


@lru_cache(maxsize=1024)  # the same questions come up at every probe of a run
def is_possible(recipe: Recipe, change: Change) -> bool:
    """Whether a change gives a different recipe without problems."""
    try:
        return apply_change(recipe, change) != recipe
    except RecipeError:
        return False


def apply_change(recipe: Recipe, change: Change) -> Recipe:
    """The recipe with a change, read as the command line reads it, and checked.

    A schedule without an end keeps none (`Recipe.with_fixed_schedules`).

    Raises:
        RecipeError: no such field, a value that does not fit, or a recipe with problems.
    """
    kinds = field_types(recipe)
    for part in change.parts:
        if part.field not in kinds:
            raise RecipeError([f"{part.field}: {unknown_field(part.field, kinds)}"])
        try:
            value = parse_field(kinds[part.field], part.value)
        except ValueError as error:
            raise RecipeError([f"{part.field}: {error}"]) from error
        recipe = replace_field(recipe, part.field, value)
    return checked(recipe, change.flag)


def field_value(recipe: Recipe, field: str) -> Any:
    """A field's value; None where the recipe has no such field."""
    return get_field(recipe, field) if has_field(recipe, field) else None


def magnitude(value: Any) -> float | None:
    """A number, or the largest of a schedule; None for anything else."""
    if isinstance(value, Ramp):
        return extremes(value)[1]
    is_size = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_size else None


def scaled(value: Any, factor: float) -> str:
    """A number or schedule times a factor, as text with two digits."""
    if isinstance(value, Ramp):
        start, end = (float(f"{number * factor:.2g}") for number in (value.start, value.end))
        return format_schedule(replace(value, start=start, end=end))
    if isinstance(value, int):
        return str(max(1, round(value * factor)))
    return f"{float(f'{value * factor:.2g}'):g}"  # 2500 and not 2.5e+03


def set_to(field: str, value: str, why: str) -> Remedy:
    """Set a field, if it exists."""
    return lambda recipe: Change(field, value, why)


def multiply(field: str, factor: float, why: str) -> Remedy:
    """Scale a field or its schedule; fields that are 0 are left alone."""

    def remedy(recipe: Recipe) -> Change | None:
        value = field_value(recipe, field)
        return Change(field, scaled(value, factor), why) if magnitude(value) else None

    return remedy


def raise_to(field: str, value: float, why: str) -> Remedy:
    """Raise a field to a value, if it is lower."""

    def remedy(recipe: Recipe) -> Change | None:
        size = magnitude(field_value(recipe, field))
        return Change(field, f"{value:g}", why) if size is not None and size < value else None

    return remedy


def lower_to(field: str, value: float, why: str) -> Remedy:
    """Lower a field to a value, if it is higher."""

    def remedy(recipe: Recipe) -> Change | None:
        size = magnitude(field_value(recipe, field))
        return Change(field, f"{value:g}", why) if size is not None and size > value else None

    return remedy


def reset_learning_rates(recipe: Recipe) -> Change | None:
    """Reset the learning rates that are far off; both at once, as one alone would not help."""
    resets = [reset for player in ROLES if (reset := _reset_learning_rate(recipe, player))]
    if len(resets) < 2:
        return resets[0] if resets else None
    generator, discriminator = resets
    why = (
        f"both are far off: the generator's {generator.why}, and the discriminator's "
        f"{discriminator.why}"
    )
    return replace(generator, why=why, beside=(discriminator,))


def _reset_learning_rate(recipe: Recipe, player: Role) -> Change | None:
    """Reset a learning rate that is far off to the usual one."""
    factor = learning_rate_factor(recipe, player)
    if 1 / FAR_OFF < factor < FAR_OFF:
        return None
    times = format_number(max(factor, 1 / factor), 3)
    off = f"{times} times" if factor > 1 else f"one {times}th of"
    field = f"{player}.learning_rate"
    now = field_value(recipe, field)
    why = f"{extremes(now)[1]:g} is {off} the usual rate"
    return Change(field, scaled(now, 1 / factor), why)


def learning_rate_factor(recipe: Recipe, player: Role) -> float:
    """The largest learning rate of a network over the usual one."""
    return extremes(field_value(recipe, f"{player}.learning_rate"))[1] / usual_learning_rate(
        recipe, player
    )


def usual_learning_rate(recipe: Recipe, player: Role) -> float:
    """The learning rate of the named recipe, or the one that papers use."""
    named = _named_settings(recipe, player)
    if named is not None:
        return extremes(named.learning_rate)[1]
    return USUAL_LEARNING_RATES[field_value(recipe, f"{player}.optimizer")]


def _named_settings(recipe: Recipe, player: Role) -> PlayerSettings | None:
    """A network's settings in the named recipe, where they are of the same optimizer."""
    if recipe.name not in CATALOG:
        return None
    named: PlayerSettings = field_value(CATALOG[recipe.name](), player)
    return named if named.optimizer == field_value(recipe, f"{player}.optimizer") else None


def reset_momentum(recipe: Recipe) -> Change | None:
    """Reset the momentum that is far above the usual one, of both networks at once."""
    resets = [reset for player in ROLES if (reset := _reset_momentum(recipe, player))]
    return replace(resets[0], beside=tuple(resets[1:])) if resets else None


def _reset_momentum(recipe: Recipe, player: Role) -> Change | None:
    """Reset a network's momentum to the usual one."""
    named = _named_settings(recipe, player)
    usual = USUAL_MOMENTUM if named is None else named.beta1
    field = f"{player}.beta1"
    now = field_value(recipe, field)
    if now <= max(usual, MUCH_MOMENTUM):
        return None
    return Change(field, f"{usual:g}", f"with {now:g} training oscillates (Radford 2016)")


def regularise(recipe: Recipe) -> Change | None:
    """The penalty that suits the loss; with R1, add R2; else four times its weight."""
    loss, penalties = recipe.objective.loss, recipe.objective.penalties
    name, weight = ("gradient_penalty", 10.0) if loss == "wasserstein" else ("r1", 1.0)
    why = "it bounds the discriminator's gradient"
    if magnitude(penalties.r1.weight) and not magnitude(penalties.r2.weight):
        field = "objective.penalties.r2.weight"
        return Change(
            field, scaled(penalties.r1.weight, 1.0), "R1 alone does not bound the gradient at fakes"
        )
    field = f"objective.penalties.{name}.weight"
    return multiply(field, 4.0, why)(recipe) or Change(field, f"{weight:g}", why)


def non_saturating(recipe: Recipe) -> Change | None:
    """Replace the minimax loss, whose gradient vanishes when the discriminator is sure."""
    if recipe.objective.loss != "minimax":
        return None
    why = "its gradient does not vanish when the discriminator is sure (Goodfellow 2014)"
    return Change("objective.loss", "non-saturating", why)


def more_latents(recipe: Recipe) -> Change | None:
    """Enough latents for images."""
    why = "images cannot have more degrees of freedom than latents"
    return None if recipe.data.size == POINT else raise_to("latent_dim", 64, why)(recipe)


def labels_for_discriminator(recipe: Recipe) -> Change | None:
    """Let the discriminator see the labels, where it is of a family that can."""
    network = recipe.discriminator.network.conditional()
    if network is None or recipe.discriminator.network.uses_labels:
        return None
    field = "discriminator.network.conditioning"
    value = get_field(recipe.with_networks(discriminator=network), field)
    return Change(field, value, "a discriminator that sees no labels teaches none")


def shared_gains(recipe: Recipe) -> Change | None:
    """Gains from a shared embedding, where each label has gains of its own."""
    field = "generator.network.conditioning"
    if field_value(recipe, field) != "batch-norm":
        return None
    return Change(field, "shared", "gains from a shared embedding are learned faster (Brock 2019)")


def labels_later(recipe: Recipe) -> Change | None:
    """Learn what all labels have in common first; labels from 30 to 60 % of the run."""
    if isinstance(recipe.label_strength, Ramp):
        return None
    value = f"linear:0:1:{recipe.images * 3 // 10}-{recipe.images * 6 // 10}"
    why = "all labels are learned together first (Shahbazi 2022)"
    return Change("label_strength", value, why)


def decay(player: Role) -> Remedy:
    """Let the learning rate fall to zero over the budget."""
    field = f"{player}.learning_rate"

    def remedy(recipe: Recipe) -> Change | None:
        value = field_value(recipe, field)
        if isinstance(value, Ramp):
            return None
        return Change(field, f"linear:{value:g}:0", "smaller and smaller steps let training settle")

    return remedy


def slower(player: Role, by: float = 4.0) -> Remedy:
    """Divide the network's learning rate."""
    return multiply(f"{player}.learning_rate", 1 / by, f"the {player} takes smaller steps")


def faster(player: Role, by: float = 4.0) -> Remedy:
    """Multiply the network's learning rate."""
    return multiply(f"{player}.learning_rate", by, f"the {player} takes larger steps")


def shortcuts(player: Role) -> tuple[Remedy, ...]:
    """Give the network's blocks shortcuts, and an undisturbed path along them."""
    network = f"{player}.network"
    return (
        set_to(f"{network}.residual", "true", "gradients pass the shortcuts undiminished"),
        set_to(
            f"{network}.block",
            "preactivation",
            "the path from input to output is then the identity",
        ),
    )


LAST_RESORT = tuple(slower(player, by=2.0) for player in reversed(ROLES))
"""Where no other remedy is valid: these always are."""

SPECTRAL_NORM = set_to(
    "objective.spectral_norm", "true", "it bounds every layer's gain (Miyato 2018)"
)
NO_BATCH_NORM = set_to(
    "discriminator.network.norm",
    "none",
    "batch normalisation removes the bound and excludes penalties",
)
FEWER_STEPS = lower_to("discriminator_steps", 1, "the generator is updated as often")
NORMALISED_GENERATOR = set_to(
    "generator.network.norm", "batch", "it keeps activations in range from layer to layer"
)
PACKING = set_to("objective.pac", "2", "the discriminator sees a lack of diversity (Lin 2018)")
NARROWER = (lower_to("discriminator.network.width", 64, "a narrower one memorises less"),)
WIDER = (raise_to("discriminator.network.width", 32, "a wider one can tell them apart"),)
WEAKER_PENALTIES = tuple(
    multiply(f"objective.penalties.{name}.weight", 0.1, "a weaker penalty slows it down less")
    for name in ("gradient_penalty", "one_sided_gradient_penalty", "r1", "r2")
)
