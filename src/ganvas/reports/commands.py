"""The commands that repeat a run: a named recipe, and what differs from it as flags.

Runs and images are named without their folders, because a page is made to be sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ganvas.command_line import ganvas_command
from ganvas.errors import RecipeError
from ganvas.fields import flatten, format_field, get_field
from ganvas.health.advice import apply_change
from ganvas.health.finding import Change
from ganvas.recipes import CATALOG, Recipe, exchange_networks, recipe_toml
from ganvas.reports.local_paths import folder_name, run_name, shorten_location
from ganvas.runs import Run
from ganvas.runs.history import Record

RECIPE_FILE = "recipe.toml"

NEW_RUN = "runs/changed"
"""Where suggested commands write, as an example."""


@dataclass(frozen=True)
class Command:
    """A command line, what it does, and the file that it needs, if any."""

    line: str
    about: str
    file: str = ""
    file_name: str = RECIPE_FILE


def training_command(
    run: Run, recipe: Recipe, about: str, out: str, shown: Change | None = None
) -> Command:
    """The `ganvas train` that starts a run of this recipe on the data of `run`.

    Args:
        shown: as in `flags_of`.
    """
    environment, location = run.read_environment(), shorten_location(run.read_data()["location"])
    earlier = environment.get("started_from")
    flags = flags_of(recipe, earlier is not None, shown)
    name, *rest = [RECIPE_FILE] if flags is None else flags
    arguments = ["train", name, location, *rest]
    if earlier is not None:
        arguments += ["--from", run_name(earlier["run"])]
        if flags is None:  # --from changes what a file says, and this file is changed already
            arguments += _changes(recipe.for_trained_weights(), recipe) or []
    arguments += ["--seed", str(environment["seed"]), "--device", environment["device"]]
    if environment["deterministic"]:
        arguments.append("--deterministic")
    line = ganvas_command(*arguments, "--out", out)
    return Command(line, about, recipe_toml(recipe) if flags is None else "")


def command_with_change(run: Run, change: Change) -> Command | None:
    """A new run with one change; None where the recipe cannot take it."""
    recipe = run.read_recipe()
    try:
        changed = apply_change(recipe, change)
    except RecipeError:
        return None
    about = f"Train a new run with {change.flag}: {change.why}."
    if flags_of(changed, "started_from" in run.read_environment()) is not None:
        return training_command(run, changed, about, NEW_RUN, change)
    # The run's own recipe as a file, and the change as a flag, where it can be seen.
    command = training_command(run, recipe, about, NEW_RUN)
    return replace(command, line=f"{command.line} {change.flag}")


def flags_of(
    recipe: Recipe, trained_weights: bool = False, shown: Change | None = None
) -> list[str] | None:
    """A named recipe and the flags that turn it into `recipe`; None where no name fits.

    Args:
        trained_weights: beside --from, which changes what the name means.
        shown: a change that was made to it: its flag as it stands, also where the name gives the
            field that value.
    """
    base, flags = _named_base(recipe)
    if base is None:
        return None
    base = base.for_trained_weights() if trained_weights else base
    base = replace(base, images=recipe.images).with_fixed_schedules()
    if CATALOG[flags[0]]().images != recipe.images:
        flags += ["--images", f"{recipe.images}"]
    changes = _changes(base, recipe, shown)
    return None if changes is None else flags + changes


def _changes(base: Recipe, recipe: Recipe, shown: Change | None = None) -> list[str] | None:
    """The flags that turn `base` into `recipe`; None where a field would have to be unset."""
    changes: list[Change] = []
    for field in flatten(recipe):
        value = get_field(recipe, field)
        if shown is not None and field == shown.field:
            changes.append(shown)
        elif value is None and get_field(base, field) is not None:
            return None
        elif value != get_field(base, field):
            changes.append(Change(field, format_field(value), ""))
    return [word for change in changes for word in change.flag.split(" ", 1)]


def _named_base(recipe: Recipe) -> tuple[Recipe | None, list[str]]:
    """The recipe of that name, or one whose networks were exchanged as `train` does it."""
    networks = (recipe.generator.network.name, recipe.discriminator.network.name)
    for name in [name for name in CATALOG if recipe.name.startswith(name)]:
        base = CATALOG[name]()
        exchanged = exchange_networks(base, *networks)
        if exchanged.name == recipe.name:
            return exchanged, [name, *_network_flags(base, *networks)]
    return None, []


def _network_flags(base: Recipe, generator: str, discriminator: str) -> list[str]:
    """The flags that exchange the networks of `base` for those of these names."""
    new_generator = generator != base.generator.network.name
    new_discriminator = discriminator != base.discriminator.network.name
    if new_generator and new_discriminator and generator == discriminator:
        return ["--network", generator]
    flags = ["--generator.network", generator] if new_generator else []
    return flags + (["--discriminator.network", discriminator] if new_discriminator else [])


def evaluation_commands(run: Run) -> list[Command]:
    """The commands that measured the scores on request."""
    evaluations: dict[tuple[int, int, str, bool], list[Record]] = {}
    fingerprint = run.read_data()["fingerprint"]
    for record in run.scores.records():
        if not record["while_training"]:
            protocol = record["protocol"]
            own_data = protocol["fingerprint"] == fingerprint
            key = record["images_seen"], protocol["seed"], protocol["data"], own_data
            evaluations.setdefault(key, []).append(record)
    newest = run.read_status().images_seen
    commands = []
    for (seen, seed, data, own_data), records in evaluations.items():
        metrics = ",".join(dict.fromkeys(record["metric"] for record in records))
        samples = max(record["protocol"]["n_fake"] for record in records)  # some use fewer
        arguments = ["--metrics", metrics, "-n", f"{samples}", "--seed", f"{seed}"]
        arguments += [] if seen == newest else ["--checkpoint", f"{seen}"]
        arguments += [] if own_data else ["--data", data]
        about = f"Measure the scores at {seen:,} images again."
        commands.append(
            Command(ganvas_command("evaluate", folder_name(run.directory), *arguments), about)
        )
    return commands
