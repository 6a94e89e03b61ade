"""What `--tune` tries: what matters most for a recipe, three values of it, and the choice.

Pure functions of a recipe and of outcomes; `tuning.py` trains the candidates.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from ganvas.errors import RecipeError
from ganvas.fields import format_field, get_field, replace_field
from ganvas.formatting import format_number
from ganvas.health.thresholds import Thresholds
from ganvas.recipes import Recipe
from ganvas.runs.tuning import Candidate, Tuning
from ganvas.schedules import extremes, multiply, parse_schedule

FACTORS = (0.25, 1.0, 4.0)
"""Of the recipe's own value, the smallest first. StyleGAN3's documentation, too, advises to try R1
weights up to a factor of four off."""
OWN = FACTORS.index(1.0)
"""The index of the candidate with the recipe's own value."""
PART = 10
"""All candidates together see one n-th of the budget."""
PROBES = 4
"""At least so many probes of a candidate, the last at its end."""
CLEARLY = 0.8
"""Another value is taken for clearly better than the recipe's own where its distance is below so
many times that of the own: early scores of healthy runs say little (docs/tune.md)."""

SQUARED_GRADIENTS = ("r1", "r2")
LEARNING_RATES = ("generator.learning_rate", "discriminator.learning_rate")


def tuned_fields(recipe: Recipe) -> tuple[str, ...]:
    """The fields that matter most for a recipe, which are tuned together.

    - The weights of R1 and R2: the best one depends on the data and their size, over a factor of
      3,000 in Huang 2024 (R3GAN), appendix; Karras 2020 (ADA) sets it by pixels and batch.
    - Else the bound of clipped weights: gradients vanish or explode with it (Gulrajani 2017,
      figure 1b).
    - Else both learning rates. A gradient penalty's weight is not tuned: 10 served all experiments
      of Gulrajani 2017.
    """
    penalties = recipe.objective.penalties
    weights = tuple(
        f"objective.penalties.{name}.weight"
        for name in SQUARED_GRADIENTS
        if extremes(getattr(penalties, name).weight)[1] > 0
    )
    if weights:
        return weights
    return ("objective.clip_weights",) if recipe.objective.clip_weights > 0 else LEARNING_RATES


def with_tuning(recipe: Recipe) -> tuple[Recipe, Tuning]:
    """The recipe with the rest of its budget and fixed schedules, and what is to be tried first.

    The run goes on from the chosen candidate, so only the images of the others are lost to it: with
    these, it costs as many as without tuning.

    Raises:
        RecipeError: the budget is too small for health to judge its part of a candidate.
    """
    step = recipe.batch * recipe.discriminator_steps
    steps = recipe.images // (PART * len(FACTORS) * step)
    if steps < fewest_steps():
        enough = fewest_steps() * PART * len(FACTORS) * step
        raise RecipeError(
            [
                f"images: tune trains {len(FACTORS)} values on {steps:,} steps each, 1 / {PART} of "
                f"the budget together, and health judges from {fewest_steps()} steps on. Give at "
                f"least {enough:,} images, or leave tune out; got {recipe.images:,}"
            ]
        )
    images = steps * step
    rest = recipe.images - (len(FACTORS) - 1) * images
    recipe = dataclasses.replace(recipe, images=rest).with_fixed_schedules()
    fields = {field: get_field(recipe, field) for field in tuned_fields(recipe)}
    candidates = tuple(
        Candidate(
            factor, {name: format_field(multiply(value, factor)) for name, value in fields.items()}
        )
        for factor in FACTORS
    )
    return recipe, Tuning(images, candidates)


def fewest_steps() -> int:
    """Steps of the generator after which as many probes as a finding needs are judged."""
    limits = Thresholds()
    unjudged = PROBES - limits.patience + 1  # the last of these is the first that is judged
    return math.ceil(limits.start_steps * PROBES / unjudged)


def with_values(recipe: Recipe, candidate: Candidate) -> Recipe:
    """The recipe with a candidate's values."""
    for field, value in candidate.values.items():
        recipe = replace_field(recipe, field, parse_schedule(value))
    return recipe


def recipe_of(candidate: Candidate, tuning: Tuning, recipe: Recipe) -> Recipe:
    """What a candidate is trained with: the beginning of the run, probed often enough.

    Schedules are those of the whole run. Health is judged at the end, so it stops nothing before.
    """
    every = max(1, tuning.images // PROBES)
    probes = min(recipe.intervals.probes or every, every)
    return dataclasses.replace(
        with_values(recipe, candidate),
        images=tuning.images,
        intervals=dataclasses.replace(recipe.intervals, probes=probes),
        on_failure="warn",
    )


def choose(tuning: Tuning) -> Tuning:
    """The tuning with a chosen candidate: the recipe's own value unless it is dropped or another is
    clearly better; unchanged where all are dropped.

    Args:
        tuning: with all outcomes.
    """
    outcomes = [candidate.outcome for candidate in tuning.candidates]
    kept = [i for i, outcome in enumerate(outcomes) if outcome and not outcome.is_dropped]
    if not kept:
        return tuning
    scores = [outcome.score if outcome else None for outcome in outcomes]
    chosen, why = _best(kept, scores, tuning.metric or "score")
    return dataclasses.replace(tuning, chosen=chosen, why=why)


def _best(kept: Sequence[int], scores: Sequence[float | None], metric: str) -> tuple[int, str]:
    """Which of the candidates that are kept, and why; `scores` are those of all."""
    scored = {index: score for index in kept if (score := scores[index]) is not None}
    best = min(scored, key=scored.__getitem__, default=None)
    if OWN not in kept:
        lead = "the recipe's own value fails"
        if best is None:
            nearest = min(kept, key=lambda index: abs(index - OWN))
            return nearest, f"{lead} and this one does not"
        return best, f"{lead}, and this {metric} is the best of the others"
    own = scored.get(OWN)
    if own is None or best is None:
        return OWN, "the recipe's own value does not fail, and no score can be measured here"
    needed = format_number(CLEARLY * own)
    if scored[best] < CLEARLY * own:
        return best, f"its {metric} is below {needed}, {CLEARLY:g} times that of the recipe's own"
    return OWN, (
        f"no other value has a {metric} below {needed}, {CLEARLY:g} times that of the recipe's own"
    )
