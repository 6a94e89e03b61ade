"""Rules about the gradients of the losses: exploding and vanishing."""

from __future__ import annotations

from ganvas.health.advice import (
    NORMALISED_GENERATOR,
    SPECTRAL_NORM,
    non_saturating,
    regularise,
    shortcuts,
    slower,
)
from ganvas.health.rules.condition import Condition, RuleInput, condition, most_severe
from ganvas.health.rules.rule import Rule
from ganvas.networks import ROLES, Role


def exploding_gradients(current: RuleInput) -> Condition | None:
    """Either network's gradient: its norm, or its growth on the way back to the first layer."""
    return most_severe(*(_explodes(current, player) for player in ROLES))


def _explodes(current: RuleInput, player: Role) -> Condition | None:
    limits = current.thresholds
    norm = f"{player}/gradient_norm"
    usual = current.usual(norm) if current.steps >= limits.learning_steps else None
    last = current.value(f"probe/gradient/{player}/last")
    remedies = (
        (slower(player), *shortcuts(player), NORMALISED_GENERATOR, regularise)
        if player == "generator"
        else (slower(player), regularise, SPECTRAL_NORM, *shortcuts(player))
    )
    return most_severe(
        condition(
            f"The {player}'s gradients are many times larger than before, so single steps undo "
            "what was learnt.",
            remedies,
            current.above(
                norm, None if usual is None else limits.gradient_growth * usual, log_scale=True
            ),
            current.above(norm, limits.grown_gradient, excuse="it is still small"),
        ),
        condition(
            f"The {player}'s gradients are so large that no step is reliable.",
            remedies,
            current.above(norm, limits.huge_gradient, log_scale=True),
        ),
        condition(
            f"The {player}'s gradients grow from layer to layer on the way back, so its first "
            "layers get updates that are far too large for them.",
            remedies,
            current.above(
                f"probe/gradient/{player}/first",
                None if last is None else limits.gradient_span * last,
                log_scale=True,
            ),
        ),
    )


def vanishing_generator_gradient(current: RuleInput) -> Condition | None:
    """Almost no gradient reaches the generator, or its first layers; none at all, also at once."""
    limits = current.thresholds
    last = current.value("probe/gradient/generator/last")
    minimax = current.recipe.objective.loss == "minimax"
    remedies = (non_saturating, slower("discriminator"), regularise, SPECTRAL_NORM)
    none_at_all = condition(
        "No gradient at all reaches the generator, so more training changes nothing.",
        (non_saturating, slower("generator"), *remedies),
        current.below("probe/gradient/generator/norm", limits.no_gradient, log_scale=True),
    )
    if current.steps < limits.start_steps:
        return none_at_all
    return most_severe(
        none_at_all,
        condition(
            "Almost no gradient reaches the generator, so it cannot improve.",
            remedies,
            current.below("generator/gradient_norm", limits.tiny_gradient, log_scale=True),
        ),
        condition(
            "The gradient decays on its way back through the generator, so its first layers learn "
            "almost nothing.",
            (NORMALISED_GENERATOR, *shortcuts("generator"), *remedies),
            current.below(
                "probe/gradient/generator/first",
                None if last is None else last / limits.gradient_span,
                log_scale=True,
            ),
        ),
        condition(
            "The discriminator is so sure of the fakes that the minimax loss gives the generator "
            "almost no gradient.",
            remedies,
            current.below("probe/logits/fake", -limits.saturated_logit) if minimax else None,
        ),
    )


EXPLODING_GRADIENTS = Rule(
    "exploding-gradients",
    "Pascanu 2013, section 2; Gulrajani 2017, figure 1b: gradients grow exponentially with depth",
    exploding_gradients,
    (
        "generator/gradient_norm",
        "discriminator/gradient_norm",
        "probe/gradient/generator/first",
        "probe/gradient/generator/last",
        "probe/gradient/discriminator/first",
        "probe/gradient/discriminator/last",
    ),
    phase="start",
)
VANISHING_GENERATOR_GRADIENT = Rule(
    "vanishing-generator-gradient",
    "Goodfellow 2014, section 3; Arjovsky and Bottou 2017, theorem 2.4",
    vanishing_generator_gradient,
    (
        "generator/gradient_norm",
        "probe/gradient/generator/norm",
        "probe/gradient/generator/first",
        "probe/gradient/generator/last",
    ),
    phase="any",
)
