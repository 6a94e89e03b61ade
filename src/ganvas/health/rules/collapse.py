"""Rules about diversity: total and partial mode collapse."""

from __future__ import annotations

from ganvas.health.advice import (
    PACKING,
    SPECTRAL_NORM,
    more_latents,
    multiply,
    regularise,
    slower,
)
from ganvas.health.rules.condition import Condition, LimitCheck, RuleInput, condition, most_severe
from ganvas.health.rules.rule import Rule
from ganvas.networks import POINT

DISTANCE = "probe/diversity/distance"
SAMPLES = "probe/diversity/vendi"
DUPLICATES = "probe/diversity/duplicates"
COLUMNS = (DISTANCE, SAMPLES, DUPLICATES)
MEDIAN_SAMPLES = f"{SAMPLES}, median of three"


def mode_collapse(current: RuleInput) -> Condition | None:
    """Nearly the same image for all latents, and diversity does not grow."""
    limits, growing = current.thresholds, growth(current)
    meaning = "The generator makes nearly the same few images for all latents."
    remedies = (more_latents, PACKING, regularise, SPECTRAL_NORM, slower("discriminator"))
    return most_severe(
        condition(meaning, remedies, current.below(DISTANCE, limits.collapsed_distance), *growing),
        condition(meaning, remedies, current.below(SAMPLES, limits.collapsed_samples), *growing),
        condition(
            meaning, remedies, current.above(DUPLICATES, limits.collapsed_duplicates), *growing
        ),
    )


def partial_collapse(current: RuleInput) -> Condition | None:
    """Much less diversity than in equally many real images, and diversity does not grow."""
    limits, recipe, growing = current.thresholds, current.recipe, growth(current)
    meaning = "The generator's images vary much less than equally many real images."
    remedies = (
        more_latents,
        PACKING,
        regularise,
        SPECTRAL_NORM,
        multiply("batch", 2, "each step sees more of the diversity"),
    )
    few_latents = recipe.latent_dim < limits.few_latents and recipe.data.size != POINT
    least_samples = limits.few_latents_samples if few_latents else limits.narrow_samples
    return most_severe(
        condition(
            meaning, remedies, current.below(DISTANCE, limits.narrow_distance, 1.0), *growing
        ),
        condition(meaning, remedies, current.below(SAMPLES, least_samples, 1.0), *growing),
        condition(meaning, remedies, current.above(DUPLICATES, limits.narrow_duplicates), *growing),
    )


def growth(current: RuleInput) -> tuple[LimitCheck, ...]:
    """A check that excuses a collapse while diversity grows: runs start with similar images."""
    return current.growth(
        SAMPLES, current.thresholds.growing_samples, excuse="diversity grows", name=MEDIAN_SAMPLES
    )


MODE_COLLAPSE = Rule(
    "mode-collapse",
    "Salimans 2016, section 3.2; Metz 2017: the generator emits one point at a time",
    mode_collapse,
    COLUMNS,
)
PARTIAL_COLLAPSE = Rule(
    "partial-collapse",
    "Lin 2018 (PacGAN), section 1; Friedman and Dieng 2023 for the effective number of samples",
    partial_collapse,
    COLUMNS,
    worst="watch",
)
