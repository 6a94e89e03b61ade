"""Rules about variety: total and partial mode collapse."""

from __future__ import annotations

from statistics import median

from ganvas.health.advice import (
    PACKING,
    SPECTRAL_NORM,
    more_latents,
    regularise,
    slower,
    times,
)
from ganvas.health.rules.rule import Rule
from ganvas.health.rules.sight import Moment, Sight, Signal, sight, strongest
from ganvas.networks import POINT

DISTANCE = "probe/diversity/distance"
SAMPLES = "probe/diversity/vendi"
DUPLICATES = "probe/diversity/duplicates"
COLUMNS = (DISTANCE, SAMPLES, DUPLICATES)
MEDIAN_SAMPLES = f"{SAMPLES}, median of three looks"


def mode_collapse(moment: Moment) -> Sight | None:
    """Nearly the same image for all latents, and no more variety than before."""
    limits, grows = moment.thresholds, growth(moment)
    meaning = "The generator makes nearly the same few images whatever its latents are."
    remedies = (more_latents, PACKING, regularise, SPECTRAL_NORM, slower("discriminator"))
    return strongest(
        sight(meaning, remedies, moment.near(DISTANCE, limits.collapsed_distance), *grows),
        sight(meaning, remedies, moment.near(SAMPLES, limits.collapsed_samples), *grows),
        sight(meaning, remedies, moment.far(DUPLICATES, limits.collapsed_duplicates), *grows),
    )


def partial_collapse(moment: Moment) -> Sight | None:
    """Much less variety than in as many real images, and no more than before."""
    limits, recipe, grows = moment.thresholds, moment.recipe, growth(moment)
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
        sight(meaning, remedies, moment.far(DISTANCE, limits.narrow_distance, 1.0), *grows),
        sight(meaning, remedies, moment.far(SAMPLES, enough, 1.0), *grows),
        sight(meaning, remedies, moment.far(DUPLICATES, limits.narrow_duplicates), *grows),
    )


def growth(moment: Moment) -> tuple[Signal, ...]:
    """Holds a collapse back while variety grows: every run begins with nearly one image.

    The median of the newest three looks against that of the three before, or of as many as there
    are; a signal below its limit where it grows, none where it does not or cannot be told.
    """
    now = moment.value(SAMPLES)
    if now is None:
        return ()
    values = [now, *moment.before(SAMPLES, 5)]
    half = len(values) // 2
    if half == 0:
        return ()
    newest, older = values[:half], values[half:]
    most = moment.thresholds.growing_samples * median(older)
    return (
        (Signal(MEDIAN_SAMPLES, median(newest), most, nearer=True),)
        if median(newest) > most
        else ()
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
