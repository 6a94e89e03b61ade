"""What `--tune` tries: what matters most for a recipe, three values of it, and the choice.

Pure functions of a recipe and of outcomes; `tuning.py` trains the candidates.
"""

from __future__ import annotations

import math
from dataclasses import replace

from ganvas.errors import RecipeError
from ganvas.fields import format_field, get_field, replace_field
from ganvas.formatting import format_number
from ganvas.health.thresholds import Thresholds
from ganvas.recipes import Recipe
from ganvas.runs.tuning import Candidate, CandidateOutcome, Tuning
from ganvas.schedules import extremes, multiply, parse_schedule

FACTORS = (0.25, 1.0, 4.0)
"""Of the recipe's own value, the smallest first. StyleGAN3's documentation, too, advises to try R1
weights up to a factor of four off."""
OWN = FACTORS.index(1.0)
"""The index of the candidate with the recipe's own value."""
PART = 10
"""All candidates together see one n-th of the budget."""
PROBES = 10
"""At least so many probes of a candidate, the last at its end, so that a weak symptom can last."""
CLEARLY_BETTER = 0.8
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

    The run continues from the chosen candidate, so only the images of the others are lost to it:
    with these, it costs as many as without tuning.

    Raises:
        RecipeError: the recipe grows, so that values would be tried at its first size alone; or the
            budget is too small for health to judge its part of a candidate.
    """
    if recipe.grow is not None:
        raise RecipeError(
            [
                "tune or grow: not both. Values would be tried at the first size, and say little "
                "about the last"
            ]
        )
    step = recipe.images_per_step
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
    recipe = replace(recipe, images=rest).with_fixed_schedules()
    fields = {field: get_field(recipe, field) for field in tuned_fields(recipe)}
    candidates = tuple(
        Candidate(
            factor, {name: format_field(multiply(value, factor)) for name, value in fields.items()}
        )
        for factor in FACTORS
    )
    return recipe, Tuning(images, candidates)


def fewest_steps() -> int:
    """Steps of the generator with so many checked probes that any symptom can be failing."""
    limits = Thresholds()
    first_checked = PROBES - limits.lasting + 1
    return math.ceil(limits.start_steps * PROBES / first_checked)


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
    return replace(
        with_values(recipe, candidate),
        images=tuning.images,
        intervals=replace(recipe.intervals, probes=probes),
        on_failure="warn",
    )


def choose_candidate(tuning: Tuning) -> Tuning:
    """The tuning with a chosen candidate; unchanged where all are dropped.

    The recipe's own value stays, unless it is dropped, or another has a clearly better score and no
    finding. Where it is dropped, the best score decides, or without scores the nearest value.

    Args:
        tuning: with all outcomes.
    """
    outcomes = [
        candidate.outcome or CandidateOutcome("not judged") for candidate in tuning.candidates
    ]
    kept = [index for index, outcome in enumerate(outcomes) if not outcome.is_dropped]
    if not kept:
        return tuning

    def rank(index: int) -> tuple[float, int]:
        score = outcomes[index].score
        return (math.inf if score is None else score, abs(index - OWN))

    own = outcomes[OWN]
    if own.is_dropped:
        why = "the recipe's own value fails, and of the others it is the best"
        return replace(tuning, chosen=min(kept, key=rank), why=why)
    if own.score is None:
        why = "the recipe's own value does not fail, and nothing can be scored here"
        return replace(tuning, chosen=OWN, why=why)
    rivals = [index for index in kept if outcomes[index].verdict != "watch"]
    best = min([OWN, *rivals], key=rank)
    limit = CLEARLY_BETTER * own.score
    below = f"below {format_number(limit)}, {CLEARLY_BETTER:g} times that of the recipe's own"
    if rank(best)[0] < limit:
        return replace(tuning, chosen=best, why=f"its {tuning.metric} is {below}")
    return replace(tuning, chosen=OWN, why=f"no other {tuning.metric} is {below}")
