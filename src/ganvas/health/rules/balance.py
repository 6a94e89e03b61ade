"""Rules about the balance of both networks: update sizes, and which of them is too strong."""

from __future__ import annotations

import dataclasses
import math

from ganvas.data.held_out import FEWEST_HELD_OUT
from ganvas.health.advice import (
    FAR_OFF,
    FEWER_STEPS,
    NARROWER,
    SPECTRAL_NORM,
    WEAKER_PENALTIES,
    WIDER,
    Remedy,
    faster,
    learning_rate_factor,
    non_saturating,
    raise_to,
    regularise,
    set_to,
    slower,
)
from ganvas.health.finding import Change, Measurement
from ganvas.health.rules.condition import Condition, LimitCheck, RuleInput, condition, most_severe
from ganvas.health.rules.rule import Rule
from ganvas.networks import ROLES, Role
from ganvas.recipes.recipe import Recipe

CROSS_ENTROPIES = ("minimax", "non-saturating", "relativistic")
SIGNED = ("minimax", "non-saturating", "hinge")
"""Losses with a decision boundary at logit 0. That of least squares is at 0.5."""
RELATIVE = ("relativistic", "wasserstein")
"""Losses that do not determine the level of logits: only differences mean something."""


def updates_too_large(current: RuleInput) -> Condition | None:
    """Either network's relative change per step."""
    return most_severe(*(_too_large(current, player) for player in ROLES))


def _too_large(current: RuleInput, player: Role) -> Condition | None:
    column, limits = f"probe/update/{player}", current.thresholds
    remedies = (
        slower(player),
        raise_to(f"{player}.beta2", 0.99, "single gradients have less influence"),
    )
    meaning = (
        f"Each step of the {player} changes its weights so much that it forgets what it learnt."
    )
    found = condition(meaning, remedies, current.above(column, limits.max_update))
    # Steps that are too large make weights grow, so the relative step falls as 1 / sqrt(steps).
    if learning_rate_factor(current.recipe, player) < FAR_OFF or (found and found.severity >= 1):
        return found
    suspect = condition(meaning, remedies, current.above(column, limits.suspect_update))
    stuck = condition(
        f"Steps were so large that the {player} reached weights without any gradient.",
        remedies,
        standstill(current, player),
    )
    return most_severe(suspect and dataclasses.replace(suspect, at_most_watch=True), stuck)


def standstill(current: RuleInput, player: Role) -> LimitCheck | None:
    """Almost no update, although the learning rate is not zero."""
    # A schedule that ends at zero is not a symptom.
    fraction = current.evidence.learning_rate_fraction(player, current.images_seen)
    limit = current.thresholds.min_update * fraction
    return current.below(f"probe/update/{player}", limit, log_scale=True)


def generator_stands_still(current: RuleInput) -> Condition | None:
    """Almost no update."""
    return condition(
        "The generator hardly changes any more, so nor do its images.",
        (faster("generator"), non_saturating),
        standstill(current, "generator"),
    )


def discriminator_too_weak(current: RuleInput) -> Condition | None:
    """It stands still, or cannot tell fakes from reals that are far apart."""
    limits = current.thresholds
    relative = current.recipe.objective.loss in RELATIVE
    far_off = limits.undecided_mean_gap_relative if relative else limits.undecided_mean_gap
    return most_severe(
        condition(
            "The discriminator hardly changes any more, so the generator learns to fool a network "
            "that does not learn.",
            (faster("discriminator"), *WEAKER_PENALTIES),
            standstill(current, "discriminator"),
            current.below(
                "probe/ranking/train",
                limits.separated,
                1.0,
                excuse="it tells fakes from real images already",
            ),
        ),
        condition(
            "The discriminator cannot tell fakes from real images although they are far apart, so "
            "the generator learns nothing from it.",
            (
                *WIDER,
                faster("discriminator"),
                *WEAKER_PENALTIES,
                raise_to("discriminator_steps", 2, "the discriminator learns more often"),
            ),
            current.below("probe/ranking/train", limits.undecided, 1.0),
            current.above(
                "probe/likeness/mean_gap", far_off, excuse="fakes are close to real images"
            ),
        ),
    )


def discriminator_overpowers(current: RuleInput) -> Condition | None:
    """It separates all images, and its loss is near its minimum or fakes stay far from reals."""
    limits = current.thresholds
    separates = current.above("probe/ranking/train", limits.separated, 1.0)
    remedies = (
        non_saturating,
        regularise,
        SPECTRAL_NORM,
        slower("discriminator"),
        FEWER_STEPS,
        *NARROWER,
    )
    least = least_loss(current.recipe)
    return most_severe(
        condition(
            "The discriminator tells every fake from every real image and has almost no loss "
            "left, so its gradient tells the generator nothing.",
            remedies,
            separates,
            current.below(
                "discriminator/loss/adversarial",
                least + limits.spent_loss,
                least,
                excuse="the discriminator still has a loss to learn from",
            ),
        ),
        condition(
            "The discriminator tells every fake from every real image, and the generator's images "
            "stay far from the real ones.",
            remedies,
            separates,
            current.above(
                "probe/likeness/mean_gap",
                limits.large_mean_gap,
                excuse="fakes are close to real images",
            ),
        ),
    )


def least_loss(recipe: Recipe) -> float:
    """The minimum of the discriminator's loss.

    0, or with real targets of t (label smoothing) the entropy of the real term,
    -t log t - (1 - t) log(1 - t).
    """
    target = recipe.objective.real_label
    if recipe.objective.loss not in CROSS_ENTROPIES or target == 1:
        return 0.0
    return -target * math.log(target) - (1 - target) * math.log(1 - target)


def if_wasserstein(recipe: Recipe) -> str | None:
    """Why a strong critic is no symptom: a Wasserstein generator learns from one."""
    if recipe.objective.loss == "wasserstein":
        return "not for the wasserstein loss, whose critic should be as good as possible"
    return None


def discriminator_memorises(current: RuleInput) -> Condition | None:
    """It ranks training images above held-out ones."""
    limits = current.thresholds
    count = current.evidence.training_images
    which = "the training images" if count is None else f"the {count:,} training images"
    meaning = f"The discriminator has memorised {which} and takes other real images for fakes."
    remedies = (
        augment(current.evidence.held_out_images),
        set_to("data.flip", "true", "it doubles the images, where mirrored ones are plausible"),
        regularise,
        SPECTRAL_NORM,
        *NARROWER,
        slower("discriminator"),
    )
    found = most_severe(
        condition(meaning, remedies, current.above("probe/ranking/memory", limits.memorised, 0.5)),
        condition(
            meaning,
            remedies,
            current.above("probe/ranking/memory", limits.memorised_hint, 0.5),
            current.above("probe/r_v", limits.memorised_gap),
        ),
    )
    return found and dataclasses.replace(found, additional=train_and_held_out(current))


def augment(held_out_images: int | None) -> Remedy:
    """Augment with a probability that follows overfitting; a fixed one where a run would refuse
    that (`runs.data.check_can_adapt`), or where it is not known."""
    fixed = raise_to("augmentation", 0.3, "augmented images are hard to memorise")

    def remedy(recipe: Recipe) -> Change | None:
        change = fixed(recipe)
        if change is None or held_out_images is None or held_out_images < FEWEST_HELD_OUT:
            return change
        why = "images are augmented the more, the more are memorised (Karras 2020)"
        return Change(change.field, "adaptive", why)

    return remedy


def train_and_held_out(current: RuleInput) -> tuple[Measurement, ...]:
    """Its accuracy on training and held-out images, or the AUC where logits have no zero."""
    if current.recipe.objective.loss in SIGNED:
        names = ("probe/accuracy/real", "probe/accuracy/held_out")
    else:
        names = ("probe/ranking/train", "probe/ranking/held_out")
    values = {name: current.value(name) for name in names}
    return tuple(
        Measurement(name, value, "about the same for both")
        for name, value in values.items()
        if value is not None
    )


def unless_held_out(recipe: Recipe) -> str | None:
    """Why memorisation cannot be measured: there are no held-out images."""
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
    reason_not_applicable=if_wasserstein,
)
DISCRIMINATOR_MEMORISES = Rule(
    "discriminator-memorises",
    "Karras 2020 (ADA), section 2: with few images the discriminator learns them by heart",
    discriminator_memorises,
    ("probe/ranking/memory", "probe/r_v"),
    reason_not_applicable=unless_held_out,
)
