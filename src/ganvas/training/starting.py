"""What a new run needs before its networks: the recipe that is meant, and images that suit it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ganvas.data.prepared import PreparedData
from ganvas.errors import RecipeError
from ganvas.processes import ProcessGroup
from ganvas.recipes import Recipe, checked
from ganvas.recipes.catalog import AUTO
from ganvas.runs import Run
from ganvas.runs.data import prepare_for, with_measured_range
from ganvas.runs.labels import labels_of_files, with_labels
from ganvas.runs.time_limit import TimeLimit
from ganvas.runs.tuning import Tuning
from ganvas.training.candidates import with_tuning
from ganvas.training.choosing import Choice, choose, meant_recipe, with_time
from ganvas.training.clock import parse_time
from ganvas.training.earlier_run import EarlierRun
from ganvas.training.engine import Compile
from ganvas.training.pace import measure_pace_on
from ganvas.training.run_files import check_free
from ganvas.training.scoring import check_can_score
from ganvas.training.tuning import early_metric


@dataclass(frozen=True)
class TrainingPlan:
    """What is to be trained, as far as is known before its images are read.

    recipe: checked; its schedules are still open where a time is given.
    seconds: the budget, in training time; None: the images of the recipe.
    tuning: what is tried first; None: nothing.
    plans_scores: as in `Choice`.
    """

    recipe: Recipe
    seconds: float | None
    tuning: Tuning | None
    plans_scores: bool


@dataclass(frozen=True)
class PreparedTraining:
    """What is trained, and on what.

    recipe: complete, as the run keeps it.
    tuning, limit: what is tried first, or the time that the run is given; at most one of them.
    warnings: what people are told when training starts, after `about_labels`.
    """

    recipe: Recipe
    data: PreparedData
    tuning: Tuning | None
    limit: TimeLimit | None
    about_labels: str
    warnings: list[str]


def plan_training(
    recipe: Recipe | Choice | str,
    data: str | Path,
    out: Path | str | None,
    *,
    start_from: Path | str | Run | None,
    time: str | float | None,
    tune: bool,
    device: str,
    quiet: bool,
    verify: bool,
) -> TrainingPlan:
    """What the arguments of `train` mean. Only `auto` looks at the images, to choose for them.

    Raises:
        RecipeError, DataError, RunError, DeviceError: what is asked for cannot be.
    """
    if tune and time is not None:
        raise RecipeError(["tune: needs a budget in images, so give no time"])
    if recipe == AUTO:
        check_free(out, AUTO)
        if start_from is not None:
            EarlierRun.read(start_from)  # so that there is one, before images are read
        recipe = choose(data, time=time, device=device, quiet=quiet, verify=verify)
    plans_scores = isinstance(recipe, Choice) and recipe.plans_scores
    meant = checked(meant_recipe(recipe, start_from is not None, quiet))
    if tune:
        tuned, tuning = with_tuning(meant)
        return TrainingPlan(tuned, None, tuning, plans_scores)
    if time is not None:
        return TrainingPlan(meant, parse_time(time), None, plans_scores)
    return TrainingPlan(meant.with_fixed_schedules(), None, None, plans_scores)


def prepare_training(
    plan: TrainingPlan,
    data: str | Path,
    earlier: EarlierRun | None,
    target: torch.device,
    processes: ProcessGroup,
    *,
    compile: Compile,
    quiet: bool,
    verify: bool,
) -> PreparedTraining:
    """Read the images, and settle what depends on them: labels, scores, a time's budget.

    Args:
        earlier: whose weights are taken; its labels must be the same.

    Raises:
        DataError: images that cannot be trained on, or scored with, as the plan says.
        RecipeError: the time is too short.
    """
    recipe, tuning, limit = plan.recipe, plan.tuning, None
    label_names = labels_of_files(recipe, data, quiet)
    if earlier is not None:
        earlier.check_labels(str(data), label_names)
    prepared = prepare_for(recipe, data, quiet, verify)
    recipe = with_measured_range(recipe, prepared)
    recipe, about_labels = with_labels(recipe, prepared)
    if earlier is not None and recipe.takes_labels:
        earlier.check_labels(prepared.name, prepared.label_names)
    warnings = [*check_can_score(recipe, prepared), *check_can_fail(recipe)]
    if tuning is not None:
        metric, instead = early_metric(recipe, prepared)
        tuning = replace(tuning, metric=metric)
        warnings += instead
    if plan.seconds is not None:
        pace = measure_pace_on(prepared, recipe, target, processes, compile, quiet)
        recipe, limit, lines = with_time(recipe, plan.seconds, pace, plan.plans_scores)
        warnings += lines
    return PreparedTraining(recipe, prepared, tuning, limit, about_labels, warnings)


def check_can_fail(recipe: Recipe) -> list[str]:
    """What people are told where health is to end training, but nothing is measured for it."""
    if recipe.on_failure == "warn" or recipe.intervals.probes > 0:
        return []
    return [
        f"--on-failure {recipe.on_failure} does nothing with --intervals.probes 0: health judges "
        "by these measurements"
    ]
