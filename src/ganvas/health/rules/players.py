"""Rules about the two players: who moves too much or not at all, who is too strong or too weak."""

from __future__ import annotations

import dataclasses
import math

from ganvas.health.advice import (
    FAR_OFF,
    FEWER_STEPS,
    NARROWER,
    PLAYERS,
    SPECTRAL_NORM,
    WEAKER_PENALTIES,
    WIDER,
    at_least,
    faster,
    non_saturating,
    rate_factor,
    regularise,
    slower,
    to,
)
from ganvas.health.evidence import Player
from ganvas.health.finding import Measurement
from ganvas.health.rules.rule import Rule
from ganvas.health.rules.sight import Moment, Sight, Signal, sight, strongest
from ganvas.recipes.recipe import Recipe

CROSS_ENTROPIES = ("minimax", "non-saturating", "relativistic")
SIGNED = ("minimax", "non-saturating", "hinge")
"""Losses whose discriminator says real above 0 and fake below. Least squares decides at 0.5."""
RELATIVE = ("relativistic", "wasserstein")
"""Losses whose logits have no zero of their own: only differences mean something."""


def updates_too_large(moment: Moment) -> Sight | None:
    """Either player's relative change per step."""
    return strongest(*(_too_large(moment, player) for player in PLAYERS))


def _too_large(moment: Moment, player: Player) -> Sight | None:
    column, limits = f"probe/update/{player}", moment.thresholds
    remedies = (
        slower(player),
        at_least(f"{player}.beta2", 0.99, "single gradients count for less"),
    )
    meaning = (
        f"Each step of the {player} changes so much of its weights that it unlearns what it knew."
    )
    seen = sight(meaning, remedies, moment.far(column, limits.largest_update))
    # Weights grow under steps that are too large, which hides them: 1 / sqrt(steps) is left.
    if rate_factor(moment.recipe, player) < FAR_OFF or (seen and seen.strength >= 1):
        return seen
    suspect = sight(meaning, remedies, moment.far(column, limits.suspect_update))
    thrown = sight(
        f"Steps were so large that they threw the {player} to where no gradient moves it any more.",
        remedies,
        standstill(moment, player),
    )
    return strongest(suspect and dataclasses.replace(suspect, mild=True), thrown)


def standstill(moment: Moment, player: Player) -> Signal | None:
    """Next to no update, although the schedule asks for one."""
    # A schedule that ends at zero is no fault.
    share = moment.evidence.rate_left(player, moment.images_seen)
    limit = moment.thresholds.smallest_update * share
    return moment.near(f"probe/update/{player}", limit, decades=True)


def generator_stands_still(moment: Moment) -> Sight | None:
    """Next to no update."""
    return sight(
        "The generator hardly changes any more, so nor do its images.",
        (faster("generator"), non_saturating),
        standstill(moment, "generator"),
    )


def discriminator_too_weak(moment: Moment) -> Sight | None:
    """It stands still, or takes fakes for real that are nowhere near."""
    limits = moment.thresholds
    relative = moment.recipe.objective.loss in RELATIVE
    far_off = limits.blind_far_off_relative if relative else limits.blind_far_off
    return strongest(
        sight(
            "The discriminator hardly changes any more, so the generator learns to please a judge "
            "that does not learn.",
            (faster("discriminator"), *WEAKER_PENALTIES),
            standstill(moment, "discriminator"),
            # One that stands still because it has won is not weak.
            moment.far("probe/ranking/train", limits.separated, 1.0),
        ),
        sight(
            "The discriminator cannot tell fakes from real images although they are far apart, so "
            "the generator learns nothing from it.",
            (
                *WIDER,
                faster("discriminator"),
                *WEAKER_PENALTIES,
                at_least("discriminator_steps", 2, "the discriminator learns more often"),
            ),
            moment.far("probe/ranking/train", limits.blind, 1.0),
            moment.far("probe/likeness/mean_gap", far_off),
        ),
    )


def discriminator_overpowers(moment: Moment) -> Sight | None:
    """It separates all, and its loss is spent or the fakes get nowhere."""
    limits = moment.thresholds
    separates = moment.near("probe/ranking/train", limits.separated, 1.0)
    remedies = (
        non_saturating,
        regularise,
        SPECTRAL_NORM,
        slower("discriminator"),
        FEWER_STEPS,
        *NARROWER,
    )
    least = least_loss(moment.recipe)
    return strongest(
        sight(
            "The discriminator tells every fake from every real image and has almost no loss "
            "left, so the generator gets no direction from it.",
            remedies,
            separates,
            moment.near("discriminator/loss/adversarial", least + limits.spent_loss, least),
        ),
        sight(
            "The discriminator tells every fake from every real image, and the generator's images "
            "stay far from the real ones.",
            remedies,
            separates,
            moment.far("probe/likeness/mean_gap", limits.far_off),
        ),
    )


def least_loss(recipe: Recipe) -> float:
    """The least that the discriminator's loss can be.

    0, or with targets smoothed to t the entropy -t log t - (1 - t) log(1 - t) of the real term.
    """
    target = recipe.objective.label_smoothing
    if recipe.objective.loss not in CROSS_ENTROPIES or target == 1:
        return 0.0
    return -target * math.log(target) - (1 - target) * math.log(1 - target)


def not_a_critic(recipe: Recipe) -> str | None:
    """A Wasserstein critic that separates is what its generator learns from."""
    if recipe.objective.loss == "wasserstein":
        return "not for the wasserstein loss, whose critic should be as good as it can"
    return None


def discriminator_memorises(moment: Moment) -> Sight | None:
    """It ranks images that it was trained on above images that it was not."""
    limits = moment.thresholds
    count = moment.evidence.training_images
    which = "the training images" if count is None else f"the {count:,} training images"
    meaning = f"The discriminator knows {which} by heart and takes other real ones for fakes."
    remedies = (
        at_least("augmentation", 0.3, "images seen in ever new ways are hard to learn by heart"),
        to("data.flip", "true", "twice the images, where a mirrored one is as plausible"),
        regularise,
        SPECTRAL_NORM,
        *NARROWER,
        slower("discriminator"),
    )
    seen = strongest(
        sight(meaning, remedies, moment.far("probe/ranking/memory", limits.remembered, 0.5)),
        sight(
            meaning,
            remedies,
            moment.far("probe/ranking/memory", limits.hinted, 0.5),
            moment.far("probe/r_v", limits.remembered_gap),
        ),
    )
    return seen and dataclasses.replace(seen, beside=both_sides(moment))


def both_sides(moment: Moment) -> tuple[Measurement, ...]:
    """How well it judges training and held-out images, where the loss says how."""
    if moment.recipe.objective.loss in SIGNED:
        names = ("probe/accuracy/real", "probe/accuracy/held_out")
    else:
        names = ("probe/ranking/train", "probe/ranking/held_out")
    values = {name: moment.value(name) for name in names}
    return tuple(
        Measurement(name, value, "about the same for both")
        for name, value in values.items()
        if value is not None
    )


def has_held_out(recipe: Recipe) -> str | None:
    """Without images that were never trained on, memory shows nowhere."""
    return None if recipe.data.held_out else "there are no held-out images (data.held_out is 0)"


UPDATES_TOO_LARGE = Rule(
    "updates-too-large",
    "You 2017 (LARS), section 4: steps large against the weights make training unstable",
    updates_too_large,
    ("probe/update/generator", "probe/update/discriminator"),
    phase="start",
)
GENERATOR_STANDS_STILL = Rule(
    "generator-stands-still",
    "Arjovsky and Bottou 2017, section 2.2: a generator that gets no gradient stops learning",
    generator_stands_still,
    ("probe/update/generator",),
    phase="start",
)
DISCRIMINATOR_TOO_WEAK = Rule(
    "discriminator-too-weak",
    "Arora 2017, section 3: a discriminator of too little capacity does not see what is wrong",
    discriminator_too_weak,
    ("probe/update/discriminator", "probe/ranking/train", "probe/likeness/mean_gap"),
)
DISCRIMINATOR_OVERPOWERS = Rule(
    "discriminator-overpowers",
    "Arjovsky and Bottou 2017, theorem 2.4: a perfect discriminator leaves no useful gradient",
    discriminator_overpowers,
    ("probe/ranking/train", "discriminator/loss/adversarial", "probe/likeness/mean_gap"),
    applies=not_a_critic,
)
DISCRIMINATOR_MEMORISES = Rule(
    "discriminator-memorises",
    "Karras 2020 (ADA), section 2: with few images the discriminator learns them by heart",
    discriminator_memorises,
    ("probe/ranking/memory", "probe/r_v"),
    applies=has_held_out,
)
