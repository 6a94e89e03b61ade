"""Rules about the images themselves: checkerboards and saturated pixels."""

from __future__ import annotations

from ganvas.health.advice import (
    NORMALISED_GENERATOR,
    SPECTRAL_NORM,
    raise_to,
    regularise,
    set_to,
    slower,
)
from ganvas.health.rules.condition import AVERAGED_RECORDS, Condition, RuleInput, condition
from ganvas.health.rules.rule import Rule
from ganvas.networks import POINT
from ganvas.recipes.recipe import Recipe

FULLY_CONNECTED = ("mlp", "maxout")


def checkerboard(current: RuleInput) -> Condition | None:
    """Energy at the frequencies of strided layers."""
    return condition(
        "The images show the grid pattern of transposed convolutions whose kernels overlap "
        "unevenly.",
        (
            set_to(
                "generator.network.upsampling",
                "resize",
                "repeated pixels overlap evenly (Odena 2016)",
            ),
            raise_to("ema_half_life", 10_000, "averaged weights smooth what fluctuates"),
            slower("discriminator", by=2.0),
        ),
        current.above(
            "probe/checkerboard/ratio", current.thresholds.checkerboard, over=AVERAGED_RECORDS
        ),
    )


def saturated_output(current: RuleInput) -> Condition | None:
    """More pixels at the ends of tanh than real images have there."""
    in_reals = current.value("probe/output/saturated_real")
    if in_reals is None:
        return None
    limit = in_reals + current.thresholds.saturated_output * (1 - in_reals)
    return condition(
        "Most of the generator's pixels are stuck at pure black or white, where tanh passes almost "
        "no gradient.",
        (slower("generator"), NORMALISED_GENERATOR, regularise, SPECTRAL_NORM),
        current.above("probe/output/saturated", limit, in_reals),
    )


def unless_strided(recipe: Recipe) -> str | None:
    """Why there is no checkerboard: points have no pixels, linear layers no strides."""
    if recipe.data.size == POINT:
        return "points have no pixels"
    if recipe.generator.network.name in FULLY_CONNECTED:
        return f"{recipe.generator.network.name} has no strided layers"
    return None


def unless_tanh(recipe: Recipe) -> str | None:
    """Why no pixel can be saturated: points and generators without tanh are unbounded."""
    if recipe.data.size == POINT:
        return "points have no pixels"
    network = recipe.generator.network
    return None if network.bounded_output else f"{network.name} has no tanh that could saturate"


CHECKERBOARD = Rule(
    "checkerboard",
    "Odena 2016, Deconvolution and checkerboard artifacts",
    checkerboard,
    ("probe/checkerboard/ratio",),
    phase="settled",
    reason_not_applicable=unless_strided,
    worst="watch",
)
SATURATED_OUTPUT = Rule(
    "saturated-output",
    "Glorot and Bengio 2010, section 3: saturated units pass no gradient",
    saturated_output,
    ("probe/output/saturated", "probe/output/saturated_real"),
    reason_not_applicable=unless_tanh,
)
