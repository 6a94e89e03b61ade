"""Rules about how steep the discriminator is: Lipschitz, clipped, diverging."""

from __future__ import annotations

from ganvas.formatting import format_number
from ganvas.health.advice import (
    NO_BATCH_NORM,
    SPECTRAL_NORM,
    Remedy,
    magnitude,
    regularise,
    set_to,
    slower,
)
from ganvas.health.columns import MISSING
from ganvas.health.evidence import missing_probes
from ganvas.health.finding import Change, Measurement
from ganvas.health.rules.condition import Condition, LimitCheck, RuleInput, condition, most_severe
from ganvas.health.rules.rule import Rule
from ganvas.networks import ROLES
from ganvas.recipes.catalog import CATALOG
from ganvas.recipes.recipe import Recipe

CLIP = "objective.clip_weights"
USUAL_CLIP = 0.1
"""Of the recipe `wgan` (docs/recipes.md); a named recipe's own bound takes precedence."""
NO_MOMENTUM = set_to("discriminator.beta1", "0", "momentum makes a critic unstable (Arjovsky 2017)")
GRADIENT_PENALTIES = ("gradient_penalty", "one_sided_gradient_penalty")


def not_lipschitz(current: RuleInput) -> Condition | None:
    """The norm of the critic's input gradient, compared with what its constraint should allow."""
    limits, objective = current.thresholds, current.recipe.objective
    if any(magnitude(getattr(objective.penalties, name).weight) for name in GRADIENT_PENALTIES):
        meaning = "The critic's gradient norm is far above 1, the target of its gradient penalty"
        limit = limits.penalised_gradient
    elif objective.clip_weights:
        meaning = "The critic's gradient norm is so large that weight clipping does not bound it"
        limit = limits.clipped_gradient
    else:
        meaning = "The critic's gradient norm is large, and nothing makes it 1-Lipschitz"
        limit = limits.unbounded_gradient
    return condition(
        f"{meaning}, so its loss does not estimate a Wasserstein distance.",
        (regularise, NO_BATCH_NORM, NO_MOMENTUM, SPECTRAL_NORM, slower("discriminator")),
        current.above("probe/input_gradient/between", limit, log_scale=True),
    )


def clip_too_small(current: RuleInput) -> Condition | None:
    """Weights at the bound, and a critic so flat that no gradient gets through."""
    limits = current.thresholds
    meaning = (
        "The weights are clipped so close to zero that the critic is flat and the generator gets "
        "almost no gradient."
    )
    remedies = (usual_clip, raise_clip)
    at_bound = current.above("probe/clip/share", limits.clip_at_bound)
    slope = "probe/input_gradient/between"
    return most_severe(
        condition(
            meaning,
            remedies,
            at_bound,
            current.below(slope, limits.clip_flat_gradient, log_scale=True),
        ),
        condition(
            meaning,
            remedies,
            at_bound,
            current.below("generator/gradient_norm", limits.tiny_gradient, log_scale=True),
        ),
    )


def clip_too_large(current: RuleInput) -> Condition | None:
    """No weight at the bound, and a large input gradient."""
    limits = current.thresholds
    return condition(
        "Hardly any weight reaches the clipping bound, so nothing limits the critic's gradient "
        "norm.",
        (usual_clip, lower_clip, regularise, NO_BATCH_NORM),
        current.below("probe/clip/share", limits.clip_unreached),
        current.above(
            "probe/input_gradient/between",
            limits.clip_steep_gradient,
            log_scale=True,
            excuse="the critic is not steep",
        ),
    )


def usual_clip(recipe: Recipe) -> Change | None:
    """The bound of the named recipe, or the one that we measured to work well."""
    named = CATALOG[recipe.name]() if recipe.name in CATALOG else None
    usual = named.objective.clip_weights if named is not None else 0.0
    return Change(CLIP, f"{usual or USUAL_CLIP:g}", "weights then reach it but keep their range")


def raise_clip(recipe: Recipe) -> Change:
    """Ten times the bound, for recipes that have the usual one already."""
    return Change(CLIP, f"{recipe.objective.clip_weights * 10:g}", "the critic's gradient can grow")


def lower_clip(recipe: Recipe) -> Change:
    """A tenth of the bound, for recipes that have the usual one already."""
    return Change(CLIP, f"{recipe.objective.clip_weights / 10:g}", "the weights then reach it")


def diverging(current: RuleInput) -> Condition | None:
    """The input gradient on fakes or the loss explodes, or numbers are no longer finite."""
    remedies = (regularise, SPECTRAL_NORM, *(slower(player) for player in reversed(ROLES)))
    return most_severe(
        _stopped(current, remedies),
        condition(
            "Numbers inside the networks are no longer finite, so training is about to stop.",
            remedies,
            _lost_numbers(current),
        ),
        condition(
            "The discriminator's loss is far above that of guessing, so it learns nothing.",
            remedies,
            None
            if current.recipe.objective.loss == "wasserstein"
            else current.above(
                "discriminator/loss/adversarial", current.thresholds.exploded_loss, log_scale=True
            ),
        ),
        condition(
            "The discriminator's gradient norm grows much faster at fakes than at real images, the "
            "first sign of divergence.",
            remedies,
            *_explosion_on_fakes(current),
        ),
    )


def _explosion_on_fakes(current: RuleInput) -> tuple[LimitCheck | None, LimitCheck | None]:
    """The gradient norm at fakes, compared with its earlier values and with that at reals."""
    limits = current.thresholds
    column = "probe/input_gradient/fake"
    earlier = current.before(column, limits.growth_records)
    on_reals = current.value("probe/input_gradient/real")
    if current.steps < limits.learning_steps or len(earlier) < limits.growth_records:
        return None, None
    previous = min(earlier[-1], current.usual(column) or earlier[-1])
    return (
        current.above(column, limits.input_gradient_growth * previous, log_scale=True),
        None
        if on_reals is None
        else current.above(column, limits.input_gradient_asymmetry * on_reals),
    )


def _lost_numbers(current: RuleInput) -> LimitCheck | None:
    """How many probes found non-finite numbers; None where none did."""
    failures = [why for why in missing_probes(current.record).values() if "not finite" in why]
    limit = float(current.thresholds.nonfinite_probes)
    return LimitCheck(MISSING, float(len(failures)), limit) if failures else None


def _stopped(current: RuleInput, remedies: tuple[Remedy, ...]) -> Condition | None:
    """Training stopped by itself; shows how far it got."""
    reason = current.evidence.stopped
    if not reason or not current.is_last:
        return None
    seen = int(current.evidence.valid_records[-1]["images_seen"])
    return Condition(
        f"Training stopped because numbers were no longer finite ({reason.rstrip('.')}).",
        (),
        remedies,
        additional=(Measurement("images_seen", seen, format_number(current.recipe.images, 3)),),
        since=seen,
        is_certain=True,
    )


def unless_wasserstein(recipe: Recipe) -> str | None:
    """Why no Lipschitz bound is needed: only the Wasserstein loss depends on one."""
    loss = recipe.objective.loss
    return None if loss == "wasserstein" else f"only for the wasserstein loss, this is {loss}"


def unless_clipped(recipe: Recipe) -> str | None:
    """Why there is no clipping bound to check."""
    return None if recipe.objective.clip_weights else f"no weights are clipped ({CLIP} is 0)"


CLIP_COLUMNS = ("probe/clip/share", "probe/input_gradient/between")

NOT_LIPSCHITZ = Rule(
    "not-lipschitz",
    "Gulrajani 2017, sections 2 and 3: the loss is a distance only under a Lipschitz bound",
    not_lipschitz,
    ("probe/input_gradient/between",),
    reason_not_applicable=unless_wasserstein,
)
CLIP_TOO_SMALL = Rule(
    "clip-too-small",
    "Gulrajani 2017, section 3, figure 1: under a small clip gradients vanish with depth",
    clip_too_small,
    (*CLIP_COLUMNS, "generator/gradient_norm"),
    phase="start",
    reason_not_applicable=unless_clipped,
)
CLIP_TOO_LARGE = Rule(
    "clip-too-large",
    "Arjovsky 2017, section 3: under a large clip weights take long to reach their limit",
    clip_too_large,
    CLIP_COLUMNS,
    phase="settled",
    reason_not_applicable=unless_clipped,
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
