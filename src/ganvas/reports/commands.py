"""The commands on a page that repeat a run.

Runs and images are named without their folders, because a page is made to be sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ganvas.command_line import ganvas_command
from ganvas.health.finding import Change
from ganvas.recipes import Recipe, recipe_toml
from ganvas.reports.local_paths import folder_name, run_name, shorten_location
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.runs.training_command import Places, arguments_with_change, training_arguments

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


def training_command(run: Run, recipe: Recipe, about: str, out: str) -> Command:
    """The `ganvas train` that starts a run of this recipe on the data of `run`."""
    return _command(training_arguments(run, recipe, places_on_page(run)), recipe, about, out)


def command_with_change(run: Run, change: Change) -> Command | None:
    """A new run with one change; None where the recipe cannot take it."""
    arguments = arguments_with_change(run, change, places_on_page(run))
    if arguments is None:
        return None
    about = f"Train a new run with {change.flag}: {change.why}."
    return _command(arguments, run.read_recipe(), about, NEW_RUN)


def _command(arguments: list[str | Path], recipe: Recipe, about: str, out: str) -> Command:
    """The command of these arguments, with its file if that is among them."""
    file = recipe_toml(recipe) if RECIPE_FILE in arguments else ""
    return Command(ganvas_command(*arguments, "--out", out), about, file)


def places_on_page(run: Run) -> Places:
    """The places of a run by their names alone."""
    here = Places.of(run)
    earlier = None if here.earlier_run is None else run_name(here.earlier_run)
    return Places(RECIPE_FILE, shorten_location(here.data), earlier)


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
