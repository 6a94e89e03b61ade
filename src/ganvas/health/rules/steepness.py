"""Rules about how steep the discriminator is: Lipschitz, clipped, diverging."""

from __future__ import annotations

from ganvas.formatting import format_number
from ganvas.health.advice import (
    NO_BATCH_NORM,
    PLAYERS,
    SPECTRAL_NORM,
    regularise,
    size_of,
    slower,
    to,
)
from ganvas.health.columns import MISSING
from ganvas.health.evidence import missing_probes
from ganvas.health.finding import Change, Measurement
from ganvas.health.rules.rule import Rule
from ganvas.health.rules.sight import Moment, Remedy, Sight, Signal, sight, strongest
from ganvas.recipes.catalog import CATALOG
from ganvas.recipes.recipe import Recipe

CLIP = "objective.clip_weights"
USUAL_CLIP = 0.1
"""Of the recipe `wgan` (docs/recipes.md); a named recipe's own comes before."""
NO_MOMENTUM = to("discriminator.beta1", "0", "momentum makes a critic unstable (Arjovsky 2017)")
GRADIENT_PENALTIES = ("gradient_penalty", "one_sided_gradient_penalty")


def not_lipschitz(moment: Moment) -> Sight | None:
    """The critic's slope against what its constraint should allow."""
    limits, objective = moment.thresholds, moment.recipe.objective
    if any(size_of(getattr(objective.penalties, name).weight) for name in GRADIENT_PENALTIES):
        meaning = "The critic is far steeper than the 1 that its gradient penalty asks for"
        limit = limits.penalised_slope
    elif objective.clip_weights:
        meaning = "The critic is so steep that clipping its weights bounds nothing"
        limit = limits.clipped_slope
    else:
        meaning = "The critic is steep, and nothing makes it 1-Lipschitz"
        limit = limits.unclipped_slope
    return sight(
        f"{meaning}, so its loss is no Wasserstein distance.",
        (regularise, NO_BATCH_NORM, NO_MOMENTUM, SPECTRAL_NORM, slower("discriminator")),
        moment.far("probe/input_gradient/between", limit, decades=True),
    )


def clip_too_small(moment: Moment) -> Sight | None:
    """Weights at the bound, and a critic so flat that no gradient comes through."""
    limits = moment.thresholds
    meaning = (
        "The weights are clipped so close to zero that the critic is flat and the generator gets "
        "next to no gradient."
    )
    remedies = (usual_clip, raise_clip)
    piled = moment.far("probe/clip/share", limits.clip_piled)
    slope = "probe/input_gradient/between"
    return strongest(
        sight(meaning, remedies, piled, moment.near(slope, limits.clip_flat, decades=True)),
        sight(
            meaning,
            remedies,
            piled,
            moment.near("generator/gradient_norm", limits.tiny_gradient, decades=True),
        ),
    )


def clip_too_large(moment: Moment) -> Sight | None:
    """No weight at the bound, and a steep critic."""
    limits = moment.thresholds
    return sight(
        "Hardly a weight reaches the bound of the clip, so nothing keeps the critic from growing "
        "steep.",
        (usual_clip, lower_clip, regularise, NO_BATCH_NORM),
        moment.near("probe/clip/share", limits.clip_reached),
        moment.far("probe/input_gradient/between", limits.clip_steep, decades=True),
    )


def usual_clip(recipe: Recipe) -> Change | None:
    """The bound of the recipe of that name, or the one that was measured to do well here."""
    named = CATALOG[recipe.name]() if recipe.name in CATALOG else None
    usual = named.objective.clip_weights if named is not None else 0.0
    return Change(CLIP, f"{usual or USUAL_CLIP:g}", "weights then reach it and stay of use")


def raise_clip(recipe: Recipe) -> Change:
    """Ten times the bound, where it is the usual one already."""
    return Change(CLIP, f"{recipe.objective.clip_weights * 10:g}", "the critic can grow steeper")


def lower_clip(recipe: Recipe) -> Change:
    """A tenth of the bound, where it is the usual one already."""
    return Change(CLIP, f"{recipe.objective.clip_weights / 10:g}", "the weights then reach it")


def diverging(moment: Moment) -> Sight | None:
    """The slope on fakes explodes, the loss does, or numbers are lost altogether."""
    remedies = (regularise, SPECTRAL_NORM, *(slower(player) for player in reversed(PLAYERS)))
    return strongest(
        _stopped(moment, remedies),
        sight(
            "Numbers inside the networks are no longer finite, so training is about to stop.",
            remedies,
            _lost_numbers(moment),
        ),
        sight(
            "The discriminator's loss is far above what guessing would get, so it learns nothing.",
            remedies,
            None
            if moment.recipe.objective.loss == "wasserstein"
            else moment.far(
                "discriminator/loss/adversarial", moment.thresholds.exploded_loss, decades=True
            ),
        ),
        sight(
            "The discriminator grows steep at fakes much faster than at real images, which is how "
            "training begins to diverge.",
            remedies,
            *_explosion_on_fakes(moment),
        ),
    )


def _explosion_on_fakes(moment: Moment) -> tuple[Signal | None, Signal | None]:
    """The slope on fakes beside what it was, lately or usually, and beside the one on reals."""
    limits = moment.thresholds
    column = "probe/input_gradient/fake"
    earlier = moment.before(column, limits.growth_looks)
    on_reals = moment.value("probe/input_gradient/real")
    if moment.steps < limits.learning_steps or len(earlier) < limits.growth_looks:
        return None, None
    was = min(earlier[-1], moment.usual(column) or earlier[-1])
    return (
        moment.far(column, limits.slope_growth * was, decades=True),
        None if on_reals is None else moment.far(column, limits.slope_asymmetry * on_reals),
    )


def _lost_numbers(moment: Moment) -> Signal | None:
    """How many probes found numbers that are not finite; None where all were taken."""
    lost = [why for why in missing_probes(moment.record).values() if "not finite" in why]
    limit = float(moment.thresholds.lost_numbers)
    return Signal(MISSING, float(len(lost)), limit) if lost else None


def _stopped(moment: Moment, remedies: tuple[Remedy, ...]) -> Sight | None:
    """Training stopped by itself: this is how far it came."""
    reason = moment.evidence.stopped
    if not reason or not moment.is_last:
        return None
    seen = int(moment.evidence.judged[-1]["images_seen"])
    return Sight(
        f"Training stopped because numbers were no longer finite ({reason.rstrip('.')}).",
        (),
        remedies,
        beside=(Measurement("images_seen", seen, format_number(moment.recipe.images, 3)),),
        since=seen,
        certain=True,
    )


def is_wasserstein(recipe: Recipe) -> str | None:
    """Other losses need no bound on the slope to mean something."""
    loss = recipe.objective.loss
    return None if loss == "wasserstein" else f"only for the wasserstein loss, this is {loss}"


def is_clipped(recipe: Recipe) -> str | None:
    """Whether there is a clip to judge."""
    return None if recipe.objective.clip_weights else f"no weights are clipped ({CLIP} is 0)"


CLIP_COLUMNS = ("probe/clip/share", "probe/input_gradient/between")

NOT_LIPSCHITZ = Rule(
    "not-lipschitz",
    "Gulrajani 2017, sections 2 and 3: the loss is a distance only under a Lipschitz bound",
    not_lipschitz,
    ("probe/input_gradient/between",),
    applies=is_wasserstein,
)
CLIP_TOO_SMALL = Rule(
    "clip-too-small",
    "Gulrajani 2017, section 3, figure 1: under a small clip gradients vanish with depth",
    clip_too_small,
    (*CLIP_COLUMNS, "generator/gradient_norm"),
    phase="start",
    applies=is_clipped,
)
CLIP_TOO_LARGE = Rule(
    "clip-too-large",
    "Arjovsky 2017, section 3: under a large clip weights take long to reach their limit",
    clip_too_large,
    CLIP_COLUMNS,
    phase="settled",
    applies=is_clipped,
)
DIVERGING = Rule(
    "diverging",
    "Huang 2024, section 2: the discriminator's gradient on fakes explodes when training diverges",
    diverging,
    (
        "probe/input_gradient/fake",
        "probe/input_gradient/real",
        "discriminator/loss/adversarial",
        MISSING,
    ),
    phase="any",
)
