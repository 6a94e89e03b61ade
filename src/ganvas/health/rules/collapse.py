"""Rules about variety: total and partial mode collapse."""

from __future__ import annotations

from ganvas.architectures import POINT
from ganvas.health.advice import (
    PACKING,
    SPECTRAL_NORM,
    more_latents,
    regularise,
    slower,
    times,
)
from ganvas.health.rules.rule import Rule
from ganvas.health.rules.sight import Moment, Sight, sight, strongest

DISTANCE = "probe/diversity/distance"
SAMPLES = "probe/diversity/vendi"
DUPLICATES = "probe/diversity/duplicates"
COLUMNS = (DISTANCE, SAMPLES, DUPLICATES)


def mode_collapse(moment: Moment) -> Sight | None:
    """Nearly the same image for all latents."""
    limits = moment.thresholds
    meaning = "The generator makes nearly the same few images whatever its latents are."
    remedies = (more_latents, PACKING, regularise, SPECTRAL_NORM, slower("discriminator"))
    return strongest(
        sight(meaning, remedies, moment.near(DISTANCE, limits.collapsed_distance)),
        sight(meaning, remedies, moment.near(SAMPLES, limits.collapsed_samples)),
        sight(meaning, remedies, moment.far(DUPLICATES, limits.collapsed_duplicates)),
    )


def partial_collapse(moment: Moment) -> Sight | None:
    """Much less variety than in as many real images."""
    limits, recipe = moment.thresholds, moment.recipe
    meaning = "The generator's images vary much less than as many real ones."
    remedies = (
        more_latents,
        PACKING,
        regularise,
        SPECTRAL_NORM,
        times("batch", 2, "more of the variety shows in each step"),
    )
    few = recipe.latent_dim < limits.few_latents and recipe.data.size != POINT
    enough = limits.few_latents_samples if few else limits.narrow_samples
    return strongest(
        sight(meaning, remedies, moment.far(DISTANCE, limits.narrow_distance, 1.0)),
        sight(meaning, remedies, moment.far(SAMPLES, enough, 1.0)),
        sight(meaning, remedies, moment.far(DUPLICATES, limits.narrow_duplicates)),
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
