"""The commands that repeat a run: the named recipe and what differs from it, as flags."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ganvas.health.finding import Change
from ganvas.networks import ARCHITECTURES
from ganvas.recipes import CATALOG, Recipe
from ganvas.runs import Run
from ganvas.runs.history import Record

RECIPE_FILE = "recipe.toml"


@dataclass(frozen=True)
class Command:
    """One command line, what it does, and the file that must stand beside it, if any."""

    line: str
    about: str
    file: str = ""
    file_name: str = RECIPE_FILE


def training_command(run: Run, recipe: Recipe, about: str, out: str) -> Command:
    """The `ganvas train` that starts such a run anew."""
    environment = run.read_environment()
    flags = flags_of(recipe)
    words = [RECIPE_FILE] if flags is None else flags
    words = ["ganvas", "train", words[0], run.read_data()["location"], *words[1:]]
    words += ["--seed", str(environment["seed"]), "--device", environment["device"]]
    if environment["deterministic"]:
        words.append("--deterministic")
    line = shlex.join([*words, "--out", out])
    return Command(line, about, recipe.to_toml() if flags is None else "")


def flags_of(recipe: Recipe) -> list[str] | None:
    """A named recipe and the flags that make it `recipe`; None where no named one is near."""
    base, flags = _nearest(recipe)
    if base is None:
        return None
    base = replace(base, images=recipe.images).with_fixed_schedules()
    changes = [*_differences(base.to_table(), recipe.to_table())]
    if any(value is None for _, value in changes):
        return None  # a flag can set what is not set, and not the other way about
    images = [] if CATALOG[flags[0]]().images == recipe.images else ["--images", f"{recipe.images}"]
    words = [word for field, value in changes for word in _flag(field, value)]
    return [*flags, *images, *words]


def _nearest(recipe: Recipe) -> tuple[Recipe | None, list[str]]:
    """The recipe of that name, or the one whose architecture was exchanged as `train` does it."""
    if recipe.name in CATALOG:
        base = CATALOG[recipe.name]()
        same = base.architecture.name == recipe.architecture.name
        return (base, [recipe.name]) if same else (None, [])
    name = recipe.name.removesuffix(f"-{recipe.architecture.name}")
    if name not in CATALOG:
        return None, []
    exchanged = ARCHITECTURES[recipe.architecture.name]()
    base = replace(CATALOG[name](), architecture=exchanged, name=recipe.name)
    return base, [name, "--architecture", recipe.architecture.name]


def _differences(base: Any, wanted: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """(field with dots, value) wherever two tables of recipes differ."""
    for name, value in wanted.items():
        field = f"{at}{name}"
        if isinstance(value, dict):
            yield from _differences(base[name], value, f"{field}.")
        elif value != base[name]:
            yield field, value


def _flag(field: str, value: Any) -> list[str]:
    return Change(field, _text(field, value), "").flag.split(" ", 1)


def _text(field: str, value: Any) -> str:
    """A value as the command line takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if field == "data.size":
        return f"{value[0]}" if value[0] == value[1] else f"{value[0]}x{value[1]}"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def evaluation_commands(run: Run) -> list[Command]:
    """What made the scores that were asked for after training."""
    asked: dict[tuple[int, int, str, bool], list[Record]] = {}
    fingerprint = run.read_data()["fingerprint"]
    for record in run.scores.records():
        if not record["while_training"]:
            protocol = record["protocol"]
            own = protocol["fingerprint"] == fingerprint
            about = record["images_seen"], protocol["seed"], protocol["data"], own
            asked.setdefault(about, []).append(record)
    newest = run.read_status()["images_seen"]
    commands = []
    for (seen, seed, data, own), records in asked.items():
        metrics = ",".join(dict.fromkeys(record["metric"] for record in records))
        n = max(record["protocol"]["n_fake"] for record in records)  # some look at fewer
        words = ["ganvas", "evaluate", str(run.directory), "--metrics", metrics]
        words += ["-n", f"{n}", "--seed", f"{seed}"]
        if seen != newest:
            words += ["--checkpoint", f"{seen}"]
        if not own:
            words += ["--data", data]
        commands.append(Command(shlex.join(words), f"Make the scores at {seen:,} images again."))
    return commands
