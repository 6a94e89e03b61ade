"""What a directory is that is no run: a study, a folder of runs, or nothing of ours."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ganvas.errors import RunError

RECIPE = "recipe.json"
"""A directory that holds it is a run."""
STUDY = "study.json"
"""A directory that holds it is a study (`studies/directory.py`)."""

SHOWN = 3


def is_run(directory: Path) -> bool:
    """Whether a run lies there."""
    return (directory / RECIPE).is_file()


def is_study(directory: Path) -> bool:
    """Whether a study lies there."""
    return (directory / STUDY).is_file()


def refuse_other_than_run(directory: Path) -> None:
    """Raise a `RunError` unless a run lies there, with the runs that are meant perhaps."""
    if is_run(directory):
        return
    if not directory.exists():
        raise RunError(f"{directory} is no run: no such directory. `ganvas train` makes one.")
    if is_study(directory):
        inside = some_of(directory.glob(f"runs/*/*/{RECIPE}"))
        where = f"Name one of its runs: {inside}. " if inside else "It has no runs yet. "
        raise RunError(
            f"{directory} is a study, not a run. {where}Of the whole: ganvas report {directory}; "
            f"to go on with it: ganvas compare {directory}"
        )
    inside = some_of([*directory.glob(f"*/{RECIPE}"), *directory.glob(f"*/*/{RECIPE}")])
    if inside:
        raise RunError(f"{directory} is no run, but holds some. Name one of them: {inside}")
    raise RunError(f"{directory} is no run: it holds no {RECIPE}. `ganvas train` makes one.")


def some_of(recipes: Iterable[Path]) -> str:
    """The first few runs, by the recipes in them, and how many more there are."""
    runs = sorted(recipe.parent for recipe in recipes)
    runs = [run for run in runs if run.suffix != ".tmp"]  # what a killed process left unfinished
    shown = ", ".join(map(str, runs[:SHOWN]))
    more = len(runs) - SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown
