"""Rules about the gradients of the losses on their way back through the networks."""

from __future__ import annotations

from ganvas.health.advice import (
    NORMALISED_GENERATOR,
    PLAYERS,
    PREACTIVATION,
    SHORTCUTS,
    SPECTRAL_NORM,
    non_saturating,
    regularise,
    slower,
)
from ganvas.health.evidence import Player
from ganvas.health.rules.rule import Rule
from ganvas.health.rules.sight import Moment, Sight, sight, strongest


def exploding_gradients(moment: Moment) -> Sight | None:
    """Either player's gradient: its norm, or how it grows on its way back."""
    return strongest(*(_explodes(moment, player) for player in PLAYERS))


def _explodes(moment: Moment, player: Player) -> Sight | None:
    limits = moment.thresholds
    norm = f"{player}/gradient_norm"
    usual = moment.usual(norm) if moment.steps >= limits.learning_steps else None
    last = moment.value(f"probe/gradient/{player}/last")
    remedies = (
        (slower(player), SHORTCUTS, PREACTIVATION, NORMALISED_GENERATOR, regularise)
        if player == "generator"
        else (slower(player), regularise, SPECTRAL_NORM, SHORTCUTS, PREACTIVATION)
    )
    return strongest(
        sight(
            f"The {player}'s gradients are many times what they were, so single steps undo what "
            "was learnt.",
            remedies,
            moment.far(
                norm, None if usual is None else limits.gradient_growth * usual, decades=True
            ),
            moment.far(norm, limits.grown_gradient),
        ),
        sight(
            f"The {player}'s gradients are so large that every step leads astray.",
            remedies,
            moment.far(norm, limits.huge_gradient, decades=True),
        ),
        sight(
            f"The {player}'s gradients grow from layer to layer on their way back, so its first "
            "layers are shaken by what the last ones need.",
            remedies,
            moment.far(
                f"probe/gradient/{player}/first",
                None if last is None else limits.gradient_span * last,
                decades=True,
            ),
        ),
    )


def vanishing_generator_gradient(moment: Moment) -> Sight | None:
    """Next to nothing arrives: at the generator, or at its first layers."""
    limits = moment.thresholds
    last = moment.value("probe/gradient/generator/last")
    minimax = moment.recipe.objective.loss == "minimax"
    remedies = (non_saturating, slower("discriminator"), regularise, SPECTRAL_NORM)
    return strongest(
        sight(
            "Next to no gradient reaches the generator, so it cannot improve.",
            remedies,
            moment.near("generator/gradient_norm", limits.tiny_gradient, decades=True),
        ),
        sight(
            "The gradient fades on its way back through the generator, so its first layers learn "
            "next to nothing.",
            (NORMALISED_GENERATOR, SHORTCUTS, PREACTIVATION, *remedies),
            moment.near(
                "probe/gradient/generator/first",
                None if last is None else last / limits.gradient_span,
                decades=True,
            ),
        ),
        sight(
            "The discriminator is so sure of the fakes that the minimax loss gives the generator "
            "next to no gradient.",
            remedies,
            moment.far("probe/logits/fake", -limits.saturated_logit) if minimax else None,
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
        "probe/gradient/generator/first",
        "probe/gradient/generator/last",
    ),
    phase="start",
)
