"""Runs that a benchmark keeps: trained or resumed to their end, and scored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import ganvas
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.directories import is_run


def folder_of(arm: str) -> str:
    """The name of an arm's folder."""
    return arm.replace(",", "").replace(" ", "-")


def train_or_resume(
    recipe: Recipe, data: str | Path, out: Path, seed: int, start_from: Path | None = None
) -> Run:
    """Train a run to the end of the recipe's budget, unless it is there already.

    Of a run that exists, only the budget can grow.
    """
    if not is_run(out):
        return ganvas.train(recipe, data, out, seed=seed, start_from=start_from, quiet=True)
    run = Run.open(out)
    images = max(recipe.images, run.read_recipe().images)
    status = run.read_status()
    if status.status == "finished" and status.images_seen >= images:
        return run
    return ganvas.resume(out, images=images, quiet=True)


def values_and_floors(
    out: Path, metrics: Sequence[str], scores: Sequence[str], n: int, data: Path | None = None
) -> dict[str, float]:
    """Some of a run's scores by name, and what real images score, as `floor/NAME`.

    Args:
        metrics: what is measured of n samples.
        scores: of these, what is kept.
        data: the images to compare with; by default those that the run held out.
    """
    measured = ganvas.evaluate(out, metrics, n=n, data=data, quiet=True)
    kept = [score for score in measured if score.metric in scores]
    values = {score.metric: score.value for score in kept}
    return values | {f"floor/{score.metric}": score.floor for score in kept}
