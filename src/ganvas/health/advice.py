"""What may help: changes of a recipe's fields, and which of them fit a recipe.

A `Remedy` looks at a recipe and gives one change, or None where there is nothing to change.
`advise` keeps those whose field the recipe has and that give another recipe without problems, so
that remedies need not ask for what is there already or cannot be together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ganvas.errors import RecipeError
from ganvas.fields import (
    flatten,
    get_field,
    has_field,
    parse_field,
    replace_field,
    unknown_field,
)
from ganvas.health.evidence import Player
from ganvas.health.finding import Change
from ganvas.networks import POINT
from ganvas.recipes.catalog import CATALOG
from ganvas.recipes.recipe import Recipe
from ganvas.schedules import Ramp, extremes, format_schedule

if TYPE_CHECKING:
    from ganvas.health.rules.sight import Remedy

MOST_ADVICE = 3
PLAYERS: tuple[Player, Player] = ("generator", "discriminator")
FAR_OFF = 8.0
"""Times the usual learning rate, or as many times less, from which on it is the first advice."""
USUAL_RATES = {"adam": 2e-4, "rmsprop": 5e-5}
"""Radford 2016 for Adam, Arjovsky 2017 for RMSprop; a named recipe's own comes before."""


def advise(recipe: Recipe, remedies: Iterable[Remedy]) -> tuple[Change, ...]:
    """One to three changes, each of another field, the most useful first.

    A learning rate that is far off comes before everything: no other remedy can work then.
    """
    wanted: dict[str, Change] = {}
    for remedy in (*SANE_RATES, *remedies):
        _add(wanted, recipe, remedy)
    for remedy in LAST_RESORT:
        if not wanted:
            _add(wanted, recipe, remedy)
    return tuple(wanted.values())[:MOST_ADVICE]


def _add(wanted: dict[str, Change], recipe: Recipe, remedy: Remedy) -> None:
    """Take up a remedy's change, if it helps and there is room."""
    change = remedy(recipe)
    if change is None or change.field in wanted or len(wanted) == MOST_ADVICE:
        return
    if is_possible(recipe, change):
        wanted[change.field] = change


@lru_cache(maxsize=1024)  # a run asks the same at every look
def is_possible(recipe: Recipe, change: Change) -> bool:
    """Whether a change gives another recipe, and one without problems."""
    try:
        return apply_change(recipe, change) != recipe
    except RecipeError:
        return False


def apply_change(recipe: Recipe, change: Change) -> Recipe:
    """The recipe with one field changed, read as the command line reads it, and checked.

    A schedule without an end stays without one (`Recipe.with_fixed_schedules`).

    Raises:
        RecipeError: no such field, a value that does not fit, or a recipe with problems.
    """
    kinds = flatten(recipe)
    if change.field not in kinds:
        raise RecipeError([f"{change.field}: {unknown_field(change.field, kinds)}"])
    try:
        value = parse_field(kinds[change.field], change.value)
    except ValueError as error:
        raise RecipeError([f"{change.field}: {error}"]) from error
    return replace_field(recipe, change.field, value).checked(change.flag)


def present(recipe: Recipe, field: str) -> Any:
    """A field's value; None where the recipe has no such field."""
    return get_field(recipe, field) if has_field(recipe, field) else None


def size_of(value: Any) -> float | None:
    """A number, or the largest of a schedule; None for anything else."""
    if isinstance(value, Ramp):
        return extremes(value)[1]
    is_size = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_size else None


def scaled(value: Any, factor: float) -> str:
    """A number or schedule times a factor, as text of two digits."""
    if isinstance(value, Ramp):
        start, end = (float(f"{number * factor:.2g}") for number in (value.start, value.end))
        return format_schedule(dataclasses.replace(value, start=start, end=end))
    if isinstance(value, int):
        return str(max(1, round(value * factor)))
    return f"{float(f'{value * factor:.2g}'):g}"  # 2500 and not 2.5e+03


def to(field: str, value: str, why: str) -> Remedy:
    """Set a field, where there is one."""
    return lambda recipe: Change(field, value, why)


def times(field: str, factor: float, why: str) -> Remedy:
    """Scale a field or its schedule; one that is 0 stays out of it."""

    def remedy(recipe: Recipe) -> Change | None:
        value = present(recipe, field)
        return Change(field, scaled(value, factor), why) if size_of(value) else None

    return remedy


def at_least(field: str, value: float, why: str) -> Remedy:
    """Raise a field that is below a value to it."""

    def remedy(recipe: Recipe) -> Change | None:
        size = size_of(present(recipe, field))
        return Change(field, f"{value:g}", why) if size is not None and size < value else None

    return remedy


def at_most(field: str, value: float, why: str) -> Remedy:
    """Lower a field that is above a value to it."""

    def remedy(recipe: Recipe) -> Change | None:
        size = size_of(present(recipe, field))
        return Change(field, f"{value:g}", why) if size is not None and size > value else None

    return remedy


def sane_rate(player: Player) -> Remedy:
    """Back to the usual learning rate, from one that is far off."""
    field = f"{player}.learning_rate"

    def remedy(recipe: Recipe) -> Change | None:
        factor = rate_factor(recipe, player)
        if 1 / FAR_OFF < factor < FAR_OFF:
            return None
        off = f"{factor:.3g} times" if factor > 1 else f"one {1 / factor:.3g}th of"
        value = scaled(present(recipe, field), 1 / factor)
        return Change(field, value, f"it is {off} what is usual")

    return remedy


def rate_factor(recipe: Recipe, player: Player) -> float:
    """The largest learning rate of a player over the usual one."""
    return extremes(present(recipe, f"{player}.learning_rate"))[1] / usual_rate(recipe, player)


def usual_rate(recipe: Recipe, player: Player) -> float:
    """The learning rate of the recipe of that name, or the one that papers use."""
    settings = recipe.generator if player == "generator" else recipe.discriminator
    if recipe.name in CATALOG:
        named: Any = present(CATALOG[recipe.name](), player)
        if named.algorithm == settings.algorithm:
            return extremes(named.learning_rate)[1]
    return USUAL_RATES[settings.algorithm]


def regularise(recipe: Recipe) -> Change | None:
    """The gradient penalty that suits the loss; R2 beside R1; or four times what there is."""
    loss, penalties = recipe.objective.loss, recipe.objective.penalties
    name, weight = ("gradient_penalty", 10.0) if loss == "wasserstein" else ("r1", 1.0)
    why = "it keeps the discriminator from growing steep"
    if size_of(penalties.r1.weight) and not size_of(penalties.r2.weight):
        field = "objective.penalties.r2.weight"
        return Change(field, scaled(penalties.r1.weight, 1.0), "R1 alone lets it explode on fakes")
    field = f"objective.penalties.{name}.weight"
    return times(field, 4.0, why)(recipe) or Change(field, f"{weight:g}", why)


def non_saturating(recipe: Recipe) -> Change | None:
    """Away from the minimax loss, whose gradient vanishes when the discriminator is sure."""
    if recipe.objective.loss != "minimax":
        return None
    why = "its gradient stays when the discriminator is sure (Goodfellow 2014)"
    return Change("objective.loss", "non-saturating", why)


def more_latents(recipe: Recipe) -> Change | None:
    """Enough of them for pictures."""
    why = "images cannot vary in more ways than latents do"
    return None if recipe.data.size == POINT else at_least("latent_dim", 64, why)(recipe)


def decay(player: Player) -> Remedy:
    """A learning rate that falls to zero over the budget."""
    field = f"{player}.learning_rate"

    def remedy(recipe: Recipe) -> Change | None:
        value = present(recipe, field)
        if isinstance(value, Ramp):
            return None
        return Change(field, f"linear:{value:g}:0", "smaller and smaller steps settle down")

    return remedy


def slower(player: Player, by: float = 4.0) -> Remedy:
    """A fraction of the player's learning rate."""
    return times(f"{player}.learning_rate", 1 / by, f"the {player} takes smaller steps")


def faster(player: Player, by: float = 4.0) -> Remedy:
    """A multiple of the player's learning rate."""
    return times(f"{player}.learning_rate", by, f"the {player} takes larger steps")


SANE_RATES = tuple(sane_rate(player) for player in PLAYERS)
LAST_RESORT = tuple(slower(player, by=2.0) for player in reversed(PLAYERS))
"""For what nothing else is known to help: it is always possible."""

SPECTRAL_NORM = to("objective.spectral_norm", "true", "it bounds every layer's gain (Miyato 2018)")
NO_BATCH_NORM = to(
    "architecture.discriminator_norm",
    "none",
    "batch normalisation undoes the bound and rules out penalties",
)
FEWER_STEPS = at_most("discriminator_steps", 1, "the generator moves as often")
NORMALISED_GENERATOR = to(
    "architecture.generator_norm", "batch", "it keeps signals in range from layer to layer"
)
SHORTCUTS = to("architecture.residual", "true", "gradients pass the shortcuts undamped")
PREACTIVATION = to(
    "architecture.block", "preactivation", "the way from input to output is then undisturbed"
)
PACKING = to("objective.pac", "2", "the discriminator sees a lack of variety (Lin 2018)")
NARROWER = (
    at_most("architecture.discriminator_width", 64, "a narrower one learns less by heart"),
    at_most("architecture.width", 64, "narrower networks learn less by heart"),
)
WIDER = (
    at_least("architecture.discriminator_width", 32, "a wider one can see what is wrong"),
    at_least("architecture.width", 32, "wider networks can see what is wrong"),
)
WEAKER_PENALTIES = tuple(
    times(f"objective.penalties.{name}.weight", 0.1, "a weaker penalty holds less back")
    for name in ("gradient_penalty", "one_sided_gradient_penalty", "r1", "r2")
)
