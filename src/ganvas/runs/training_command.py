"""The `ganvas train` that repeats a run: a named recipe, and what differs from it as flags."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ganvas.errors import RecipeError
from ganvas.fields import field_types, format_field, get_field
from ganvas.health.advice import apply_change
from ganvas.health.finding import Change
from ganvas.recipes import CATALOG, Recipe, exchange_networks
from ganvas.recipes.players import conditional
from ganvas.runs.file_names import RECIPE_JSON
from ganvas.runs.run import Run


@dataclass(frozen=True)
class Places:
    """How a command names what it reads.

    recipe: a file with the recipe, for one that no name and flags give.
    data: the images.
    earlier_run: the run whose weights it starts from; None where they are random.
    """

    recipe: str | Path
    data: str
    earlier_run: str | None

    @classmethod
    def of(cls, run: Run) -> Places:
        """Where they are on this machine."""
        earlier = run.read_environment().get("started_from")
        return cls(
            run.directory / RECIPE_JSON,
            run.read_data()["location"],
            None if earlier is None else earlier["run"],
        )


def training_arguments(
    run: Run, recipe: Recipe, places: Places, advised: Change | None = None
) -> list[str | Path]:
    """The words after `ganvas` that start a run of this recipe on the data of `run`.

    Args:
        advised: as in `flags_of`.
    """
    environment = run.read_environment()
    flags = flags_of(recipe, places.earlier_run is not None, advised)
    name, *rest = [places.recipe] if flags is None else flags
    arguments = ["train", name, places.data, *rest]
    if places.earlier_run is not None:
        arguments += ["--from", places.earlier_run]
        if flags is None:  # --from changes what a file says, and this file is changed already
            arguments += _changes(recipe.for_trained_weights(), recipe) or []
    arguments += ["--seed", str(environment["seed"]), "--device", environment["device"]]
    return [*arguments, "--deterministic"] if environment["deterministic"] else arguments


def arguments_with_change(run: Run, change: Change, places: Places) -> list[str | Path] | None:
    """As `training_arguments`, for the run's recipe with one change, whose flag is among them.

    Args:
        places: its file holds the run's own recipe.

    Returns:
        None where the recipe cannot take the change.
    """
    recipe = run.read_recipe()
    try:
        changed = apply_change(recipe, change)
    except RecipeError:
        return None
    if flags_of(changed, places.earlier_run is not None) is not None:
        return training_arguments(run, changed, places, change)
    return [*training_arguments(run, recipe, places), *_words([change])]


def flags_of(
    recipe: Recipe, trained_weights: bool = False, advised: Change | None = None
) -> list[str] | None:
    """A named recipe and the flags that turn it into `recipe`; None where no name fits.

    Args:
        trained_weights: beside --from, which changes what the name means.
        advised: a change that was made to it: its flag as it stands, also where the name gives the
            field that value.
    """
    base, flags = _named_base(recipe)
    if base is None:
        return None
    base = base.for_trained_weights() if trained_weights else base
    base = replace(base, images=recipe.images).with_fixed_schedules()
    if CATALOG[flags[0]]().images != recipe.images:
        flags += ["--images", f"{recipe.images}"]
    changes = _changes(base, recipe, advised)
    return None if changes is None else flags + changes


def _changes(base: Recipe, recipe: Recipe, advised: Change | None = None) -> list[str] | None:
    """The flags that turn `base` into `recipe`; None where a field would have to be unset."""
    changes: list[Change] = []
    advised_parts = {} if advised is None else {part.field: part for part in advised.parts}
    for field in field_types(recipe):
        value = get_field(recipe, field)
        if field in advised_parts:
            changes.append(advised_parts[field])
        elif value is None and get_field(base, field) is not None:
            return None
        elif value != get_field(base, field):
            changes.append(Change(field, format_field(value), ""))
    return _words(changes)


def _words(changes: Iterable[Change]) -> list[str]:
    """The words of the changes' flags; a value stays one word."""
    parts = (part for change in changes for part in change.parts)
    return [word for part in parts for word in part.own_flag.split(" ", 1)]


def _named_base(recipe: Recipe) -> tuple[Recipe | None, list[str]]:
    """The recipe of that name, or one that `train` gave other networks, or networks with labels."""
    networks = (recipe.generator.network.name, recipe.discriminator.network.name)
    named = [name for name in CATALOG if recipe.name.startswith(name)]
    exchanged = {name: exchange_networks(CATALOG[name](), *networks) for name in named}
    for name, base in exchanged.items():
        if base.name == recipe.name:
            return base, [name, *_network_flags(CATALOG[name](), *networks)]
    labels = recipe.data.labels
    for name, base in exchanged.items():
        learned = conditional(replace(base, data=replace(base.data, labels=labels)))
        if learned.name == recipe.name and labels in ("on", "auto"):
            flags = _network_flags(CATALOG[name](), *networks)
            return learned, [name, *flags, "--labels", labels]
    return None, []


def _network_flags(base: Recipe, generator: str, discriminator: str) -> list[str]:
    """The flags that exchange the networks of `base` for those of these names."""
    new_generator = generator != base.generator.network.name
    new_discriminator = discriminator != base.discriminator.network.name
    if new_generator and new_discriminator and generator == discriminator:
        return ["--network", generator]
    flags = ["--generator.network", generator] if new_generator else []
    return flags + (["--discriminator.network", discriminator] if new_discriminator else [])
