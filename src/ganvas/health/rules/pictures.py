"""Rules about what is wrong in the images themselves: checkerboards, saturated pixels."""

from __future__ import annotations

from ganvas.health.advice import (
    NORMALISED_GENERATOR,
    SPECTRAL_NORM,
    at_least,
    regularise,
    slower,
    to,
)
from ganvas.health.rules.rule import Rule
from ganvas.health.rules.sight import Moment, Sight, sight
from ganvas.networks import POINT
from ganvas.recipes.recipe import Recipe

FULLY_CONNECTED = ("mlp", "maxout")

CHECKED_LOOKS = 3
"""Looks over which the energy of a checkerboard is averaged: it comes and goes in healthy runs."""


def checkerboard(moment: Moment) -> Sight | None:
    """Energy at the frequencies of strided layers."""
    return sight(
        "The images bear the grid that transposed convolutions leave where their kernels overlap "
        "unevenly.",
        (
            to("architecture.upsampling", "resize", "repeated pixels overlap evenly (Odena 2016)"),
            at_least("ema_half_life", 10_000, "averaged weights smooth what changes all the time"),
            slower("discriminator", by=2.0),
        ),
        moment.far("probe/checkerboard/ratio", moment.thresholds.checkerboard, over=CHECKED_LOOKS),
    )


def saturated_output(moment: Moment) -> Sight | None:
    """Pixels at the ends of tanh, beyond those that real images have there."""
    in_reals = moment.value("probe/output/saturated_real")
    if in_reals is None:
        return None
    limit = in_reals + moment.thresholds.saturated_output * (1 - in_reals)
    return sight(
        "Most of the generator's pixels are stuck at pure black or white, where tanh passes next "
        "to no gradient.",
        (slower("generator"), NORMALISED_GENERATOR, regularise, SPECTRAL_NORM),
        moment.far("probe/output/saturated", limit, in_reals),
    )


def draws_with_strides(recipe: Recipe) -> str | None:
    """Points have no pixels, and fully-connected layers no strides."""
    if recipe.data.size == POINT:
        return "points have no pixels"
    if recipe.architecture.name in FULLY_CONNECTED:
        return f"{recipe.architecture.name} has no strided layers"
    return None


def has_pixels(recipe: Recipe) -> str | None:
    """Points and generators without tanh have no bounds to be stuck at."""
    if recipe.data.size == POINT:
        return "points have no pixels"
    architecture = recipe.architecture
    return None if architecture.bounded else f"{architecture.name} has no tanh to be stuck in"


CHECKERBOARD = Rule(
    "checkerboard",
    "Odena 2016, Deconvolution and checkerboard artifacts",
    checkerboard,
    ("probe/checkerboard/ratio",),
    phase="settled",
    applies=draws_with_strides,
    worst="watch",
)
SATURATED_OUTPUT = Rule(
    "saturated-output",
    "Glorot and Bengio 2010, section 3: saturated units pass no gradient",
    saturated_output,
    ("probe/output/saturated", "probe/output/saturated_real"),
    applies=has_pixels,
)
