"""What a path is: a run, a study, a generator without its run; or a place for something new."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ganvas import storage
from ganvas.command_line import ganvas_command
from ganvas.errors import Occupied, RunError
from ganvas.hub_files import CONFIG_JSON, address_of, is_hub
from ganvas.runs.file_names import RECIPE_JSON

Created = TypeVar("Created")

STUDY_JSON = "study.json"
"""The file that makes a directory a study (`studies/directory.py`)."""

MAX_LISTED = 3
"""Runs named in an error message."""


def is_run(directory: Path) -> bool:
    """Whether the directory is a run."""
    return (directory / RECIPE_JSON).is_file()


def is_study(directory: Path) -> bool:
    """Whether the directory is a study."""
    return (directory / STUDY_JSON).is_file()


def is_onnx(path: Path) -> bool:
    """Whether a path is that of an ONNX file, by its name."""
    return path.suffix.lower() == ".onnx"


def is_generator(path: Path) -> bool:
    """Whether it is a generator without its run: ONNX, a copied directory, or of the hub."""
    if is_hub(path) or is_onnx(path):
        return True
    return (path / CONFIG_JSON).is_file() and not is_run(path)


def check_is_run(directory: Path) -> None:
    """Raise a `RunError` unless the directory is a run; it names runs inside the directory."""
    if is_run(directory):
        return
    if is_hub(directory):
        raise RunError(
            f"{address_of(directory)} is a model of the hub, not a run, and has no history. For "
            "these there are sample, interpolate, evaluate --data, and train --from"
        )
    if not directory.exists():
        raise RunError(f"{directory} is not a run: no such directory. `ganvas train` makes one.")
    if directory.is_file():
        raise RunError(f"{directory} {_about_file(directory)}")
    if is_study(directory):
        runs = list_runs(directory.glob(f"runs/*/*/{RECIPE_JSON}"))
        advice = f"Name one of its runs: {runs}" if runs else "It has no runs yet"
        raise RunError(
            f"{directory} is a study, not a run. {advice}"
            f"\nTo report on the whole study: {ganvas_command('report', directory)}"
            f"\nTo continue it: {ganvas_command('compare', directory)}"
        )
    if runs := list_runs(runs_inside(directory)):
        raise RunError(f"{directory} is not a run, but it holds some. Name one of them: {runs}")
    raise RunError(f"{directory} is not a run: it has no {RECIPE_JSON}. `ganvas train` makes one.")


def runs_inside(directory: Path) -> list[Path]:
    """The recipes of runs that are in a directory, or in one of its directories."""
    return [*directory.glob(f"*/{RECIPE_JSON}"), *directory.glob(f"*/*/{RECIPE_JSON}")]


def _about_file(path: Path) -> str:
    """What a file is that was named in place of a run, and what to do, by its suffix."""
    match path.suffix.lower():
        case ".onnx":
            return "is exported already: use the run that it is of"
        case ".html":
            return "is a web page, of `ganvas export` or a report: open it in a browser"
        case _:
            return "is a file, not a run. A run is a folder, which `ganvas train` makes"


def check_unused(directory: Path) -> None:
    """Raise a `RunError` unless a directory can be made here: `Occupied`, or it must stay."""
    storage.check_no_file(directory)
    if not directory.exists():
        return
    if any(directory.iterdir()):
        raise Occupied(f"{directory} is not empty. Choose another folder as out (--out)")
    if directory.samefile(Path.cwd()) or os.path.ismount(directory):  # a rename would replace it
        here = "a mount point" if os.path.ismount(directory) else "the current folder"
        raise RunError(f"{directory} is {here}. Name a new folder in it as out (--out)")


def check_new_run(directory: Path) -> None:
    """Raise a `RunError` unless a new run can be made here: `Occupied`, or it cannot be written."""
    if is_run(directory):
        raise Occupied(
            f"{directory} already holds a run. Choose another folder as out (--out), or "
            f"continue it: {ganvas_command('resume', directory)}"
        )
    check_unused(directory)
    storage.check_can_write(directory)


def in_first_free(stem: Path, create: Callable[[Path], Created]) -> Created:
    """What `create` returns for STEM-N with the smallest free N. Other processes may do so at once.

    Args:
        create: makes a directory, or raises `Occupied` where another process was faster.

    Raises:
        RunError: `create` cannot write it.
    """
    number = 1
    while True:
        directory = stem.with_name(f"{stem.name}-{number}")
        if not os.path.lexists(directory):
            with suppress(Occupied):
                return create(directory)
        number += 1


def check_new_folder(out: Path) -> None:
    """Raise a `RunError` unless a folder can be made there. Leaves nothing."""
    with storage.write_errors(out):
        check_unused(out)
    storage.check_can_write(out)


def check_new_file(out: Path) -> None:
    """Raise a `RunError` unless a file can be written there, or replaced. Leaves nothing."""
    with storage.write_errors(out):
        if out.is_dir():
            raise RunError(f"{out} is a folder. Give the name of a file in it")
    storage.check_can_write(out)


def list_runs(recipes: Iterable[Path]) -> str:
    """The first few runs, given the paths of their recipes, and how many more there are."""
    runs = sorted(recipe.parent for recipe in recipes)
    runs = [run for run in runs if run.suffix != ".tmp"]  # drafts of killed processes
    listed = ", ".join(map(str, runs[:MAX_LISTED]))
    more = len(runs) - MAX_LISTED
    return f"{listed} and {more:,} more" if more > 0 else listed
