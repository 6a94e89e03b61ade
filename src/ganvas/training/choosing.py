"""`ganvas train auto`: reads the images, measures this machine, and takes a recipe from the table.

The choice is that of `ganvas check` (`recipes/recommendation.py`) with the images that a time gives
on this machine, and with a few scores while training, so that the best checkpoint is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ganvas.arguments import check_count
from ganvas.command_line import ganvas_command
from ganvas.data.generated import GeneratedDataset
from ganvas.data.inspecting import inspect
from ganvas.data.inspection import Inspection
from ganvas.data.reading import cores
from ganvas.data.settings import RECIPE_FOR_IMAGES, DataSettings
from ganvas.data.sources import open_source
from ganvas.devices import choose_device
from ganvas.errors import DataError, RecipeError
from ganvas.evaluation.extractor_choice import uninstalled_metrics
from ganvas.evaluation.failures import instead_lines
from ganvas.formatting import (
    format_count,
    format_estimate,
    format_image_size,
    format_percent,
    format_short,
)
from ganvas.metrics.names import parse_metrics
from ganvas.progress import stages_bar
from ganvas.recipes import CATALOG, Recipe, load_recipe
from ganvas.recipes.catalog import AUTO
from ganvas.recipes.recipe import EvaluationSettings
from ganvas.recipes.recommendation import Recommendation, given_flags, recommend
from ganvas.runs.time_limit import TimeLimit
from ganvas.terminal import print_lines, tolerant_output
from ganvas.torch_state import usual_torch
from ganvas.torchrun import world_size
from ganvas.training.clock import about_budget, budget_for, parse_time
from ganvas.training.pace import Pace, measure_pace

EVALUATIONS = 4
"""Scores while training, the last one at the end."""
SCORING_FRACTION = 0.1
"""Of a given time, what all scores may take; fewer are made where they would take more."""
METRICS = ("fd-lite0", "swd")
"""The first one that is installed finds the best checkpoint."""

LABELS_LISTED = 3


@dataclass(frozen=True)
class Choice:
    """How to train on given images, and why.

    recipe: complete, with the size and the other settings of the images.
    lines: for people: the images and the machine; what was chosen and why; the second choice.
    plans_scores: whether `recipe.evaluation.every` may be lengthened where scores take too long.
    for_trained_weights: whether the recipe is one for weights of an earlier run already.
    notes: why the scores of the run are not by `fd-lite0`; told after the lines.
    """

    recipe: Recipe
    lines: tuple[str, str, str]
    plans_scores: bool = True
    for_trained_weights: bool = False
    notes: tuple[str, ...] = ()


@tolerant_output()
@usual_torch()
def choose(
    data: str | Path,
    *,
    time: str | float | None = None,
    images: int | None = None,
    settings: DataSettings | None = None,
    chooses_size: bool = True,
    device: str = "auto",
    quiet: bool = False,
    verify: bool = False,
    fits: Callable[[Recipe], bool] | None = None,
) -> Choice:
    """Choose recipe, size, augmentation and budget for these images on this machine.

    Args:
        data: as for `train`.
        time: how long training may take: 90s, 10m, 1h30m, or seconds.
        images: or how many images training sees; without either, as many as in the recipes.
        settings: how images are to be read.
        chooses_size: take a size that suits the images in place of that of the settings.
        device: auto, cpu, cuda, cuda:1, mps.
        quiet: show no progress.
        verify: read every image file again, even where size and time stamp are unchanged.
        fits: whether a recipe goes with what else is wanted, such as `lambda recipe: not
            recipe.takes_labels`; where none does, all are chosen from.

    Raises:
        RecipeError: both a time and images, or a time that is invalid or too short.
        ArgumentError: no images.
        DataError: images that cannot be trained on, or that no row of the table suits.
    """
    if time is not None and images is not None:
        raise RecipeError(["time and images: one budget or the other, not both"], AUTO)
    if images is not None:
        check_count("images", images)
    if world_size() > 1:
        raise RecipeError(["one process chooses, then several may train: name the recipe"], AUTO)
    seconds = None if time is None else parse_time(time)
    settings = settings or DataSettings()
    size = () if chooses_size else ("--size", format_image_size(settings.size))
    inspection = inspect_images(str(data), settings, size, quiet, verify)
    return choose_for(inspection, seconds, images, device=device, quiet=quiet, fits=fits)


def choose_for(
    inspection: Inspection,
    seconds: float | None = None,
    images: int | None = None,
    *,
    device: str = "auto",
    quiet: bool = False,
    fits: Callable[[Recipe], bool] | None = None,
) -> Choice:
    """`choose` for images that were inspected (`inspect_images`), with its other arguments.

    Args:
        seconds, images: a budget, one or none.

    Raises:
        DataError: no row of the table suits the images.
    """
    recommendation = recommend(inspection, images, fits, keeps_labels=True)
    check_suits(inspection, recommendation)
    recipe = recommendation.build()
    rate = measure_pace(recipe, recommendation.channels, device, quiet)
    if seconds is not None:
        # How many images the run sees decides between rows that suit them equally otherwise.
        informed = recommend(inspection, round(rate * seconds), fits, keeps_labels=True)
        if informed.row != recommendation.row:
            recipe = informed.build()
            rate = measure_pace(recipe, informed.channels, device, quiet)
        recommendation = informed
        images = round(rate * seconds)
    seen = recipe.images if images is None else images
    recipe = replace(recipe, images=max(seen, recipe.batch))
    evaluation, notes = few_scores(inspection, recommendation, recipe.images)
    recipe = replace(recipe, evaluation=evaluation)
    budget = f"about {format_short(seen)} images in {format_estimate(seconds or seen / rate)}"
    lines = choice_lines(inspection, recommendation, budget, rate, device)
    return Choice(recipe, lines, notes=notes)


def inspect_images(
    data: str, settings: DataSettings, size: Sequence[str], quiet: bool, verify: bool
) -> Inspection:
    """What `ganvas check` finds, for images that will train.

    Args:
        size: the flag for the settings' size, empty where one is to be chosen.

    Raises:
        DataError: they will not, or are no images.
    """
    with stages_bar("opening", quiet=quiet) as on_progress:
        source = open_source(data, on_progress)
    if isinstance(source, GeneratedDataset):
        command = ganvas_command("train", source.recipe, data)
        raise DataError(
            f"{data} is generated, and auto chooses for images alone. It has a recipe of its own: "
            f"{command}"
        )
    others = replace(settings, size=DataSettings.size)
    flags = (*size, *given_flags(others))
    batch = CATALOG[RECIPE_FOR_IMAGES]().batch
    with stages_bar("reading", quiet=quiet) as on_progress:
        inspection = inspect(
            source, settings, batch, on_progress=on_progress, flags=flags, verify=verify
        )
    if not inspection.trainable:
        raise DataError(f"{data} will not train as it is: {inspection.problem}")
    return inspection


def check_suits(inspection: Inspection, recommendation: Recommendation) -> None:
    """Raise a `DataError` if the table of choices has no row for such images."""
    if recommendation.row is None:
        raise DataError(
            f"{inspection.name}: no row of the table of choices suits images with "
            f"{recommendation.channels} channels. Name a recipe in place of auto: "
            f"{recommendation.command}"
        )


def few_scores(
    inspection: Inspection, recommendation: Recommendation, images: int
) -> tuple[EvaluationSettings, tuple[str, ...]]:
    """Evenly spaced scores by the first metric that is installed; none for too few images.

    Returns:
        The settings, and a line if that is not the first of all.
    """
    scored = inspection.scores_possible or "--held-out" in recommendation.flags
    missing = uninstalled_metrics(parse_metrics(METRICS))
    metric = next(name for name in METRICS if name not in missing)
    every = math.ceil(images / EVALUATIONS) if scored else 0
    notes = instead_lines(metric, missing) if scored else ()
    return EvaluationSettings(every=every, metrics=(metric,)), notes


def affordable_scores(recipe: Recipe, seconds: float, pace: Pace) -> tuple[Recipe, str | None]:
    """The recipe with as many scores as may be made in a time, and a line if these are fewer."""
    if recipe.evaluation.every == 0:
        return recipe, None
    count = min(EVALUATIONS, int(SCORING_FRACTION * seconds / max(pace.score_seconds, 1e-9)))
    training = seconds - count * pace.score_seconds
    every = math.ceil(training * pace.images_per_second / count) if count else 0
    recipe = replace(recipe, evaluation=replace(recipe.evaluation, every=every))
    if count == EVALUATIONS:
        return recipe, None
    scores = format_count(count, "score") if count else "no scores"
    unknown = "" if count else "; so no best checkpoint will be known"
    return recipe, (
        f"{scores} while training, not {EVALUATIONS}: one takes about "
        f"{format_estimate(pace.score_seconds)}, and all may take "
        f"{format_percent(SCORING_FRACTION)} of the time{unknown}"
    )


def with_time(
    recipe: Recipe, seconds: float, pace: Pace, plans_scores: bool
) -> tuple[Recipe, TimeLimit, list[str]]:
    """The recipe with the budget that a time gives at a pace, its limit, and lines about them.

    Raises:
        RecipeError: the time is too short for more than a few steps.
    """
    lines = []
    if plans_scores:
        recipe, line = affordable_scores(recipe, seconds, pace)
        lines += [line] if line else []
    recipe, limit = budget_for(recipe, seconds, pace)
    return recipe, limit, [*lines, about_budget(limit, pace)]


def meant_recipe(recipe: Recipe | Choice | str, continues: bool, quiet: bool) -> Recipe:
    """The recipe that is chosen or named, which suits trained weights if training continues."""
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, str):
        named = load_recipe(recipe)
    else:
        print_lines(*(() if quiet else (*recipe.lines, *recipe.notes)))
        named = recipe.recipe
        continues &= not recipe.for_trained_weights
    return named.for_trained_weights() if continues else named


def choice_lines(
    inspection: Inspection, recommendation: Recommendation, budget: str, rate: float, device: str
) -> tuple[str, str, str]:
    """The three lines of a choice."""
    target = choose_device(device)
    machine = format_count(cores(), "core") if target.type == "cpu" else str(target)
    colour = "grey" if recommendation.channels == 1 else "colour"
    images = f"{inspection.distinct:,} {colour} images"
    about = f"{inspection.name}: {', '.join([images, *labels_in_words(inspection)])}"
    row, size = recommendation.row, format_image_size(recommendation.settings.size)
    assert row is not None
    reasons = (*recommendation.reasons, *recommendation.notes)
    why = "; ".join(reasons).removeprefix(row.recipe)
    second = recommendation.second_choice
    return (
        f"{about}  ·  this machine: {machine}, {rate:,.0f} images/s",
        f"chose {row.name} at {size}, {budget},{why}",
        "no second choice" if second is None else f"second choice: {second}",
    )


def labels_in_words(inspection: Inspection) -> Sequence[str]:
    """`3 labels (cat 401, dog 322, bird 89)`, as a list of one; of no labels an empty list."""
    if not inspection.labels:
        return []
    counts = [f"{name} {count:,}" for name, count in inspection.labels.items()]
    listed = counts[:LABELS_LISTED] + (["..."] if len(counts) > LABELS_LISTED else [])
    return [f"{format_count(len(counts), 'label')} ({', '.join(listed)})"]
