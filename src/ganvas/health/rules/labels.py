"""Rules about labels: those that make no difference, and those that have one image each."""

from __future__ import annotations

from dataclasses import replace

from ganvas.health.advice import (
    labels_for_discriminator,
    labels_later,
    more_latents,
    multiply,
    raise_to,
    regularise,
    set_to,
    shared_gains,
)
from ganvas.health.rules.condition import (
    AVERAGED_RECORDS,
    Condition,
    RuleInput,
    condition,
    most_severe,
)
from ganvas.health.rules.rule import Rule
from ganvas.recipes.recipe import Recipe
from ganvas.schedules import extremes, value_at, with_budget

EFFECT = "probe/labels/effect"
TOLD = "probe/labels/told"
TOLD_REAL = "probe/labels/told_real"
DIVERSITY = "probe/labels/diversity"
LEAST_DIVERSITY = "probe/labels/diversity_least"
DISTANCE = "probe/diversity/distance"
LEARNING = "labels are still being learned"


def ignores_labels(current: RuleInput) -> Condition | None:
    """Images hardly depend on the label, or not in the way that real images do."""
    limits, real = current.thresholds, current.value(TOLD_REAL)
    remedies = (
        raise_to("label_strength", 1.0, "labels then count in full"),
        labels_for_discriminator,
        shared_gains,
        multiply("images", 2, "labels are learned later than what all images have in common"),
    )
    return most_severe(
        condition(
            "The generator makes nearly the same image of a latent for every label.",
            remedies,
            current.below(EFFECT, limits.ignored_labels),
        ),
        condition(
            "The generator's images hardly show which label they were asked for.",
            remedies,
            current.below(
                TOLD, None if real is None else limits.told_labels * real, over=AVERAGED_RECORDS
            ),
            current.above(
                TOLD_REAL,
                limits.tellable_labels,
                excuse="pixels hardly tell the labels of real images either",
            ),
            *current.growth(TOLD, 1.0, limits.growing_told, excuse=LEARNING),
            *current.growth(EFFECT, limits.growing_effect, excuse=LEARNING),
        ),
    )


def class_collapse(current: RuleInput) -> Condition | None:
    """Labels differ from each other, and the images of one label do not."""
    limits = current.thresholds
    remedies = (
        labels_later,
        set_to("augmentation", "adaptive", "few images a label are not memorised (Karras 2020)"),
        more_latents,
        regularise,
    )
    distinct = current.above(
        DISTANCE,
        limits.collapsed_distance,
        excuse="all images are alike, so it is no matter of labels",
    )
    growing = current.growth(
        DIVERSITY, 1.0, limits.growing_label, excuse="the diversity of labels grows"
    )
    of_all = condition(
        "The generator makes nearly one image for each label, whatever the latents are.",
        remedies,
        current.below(DIVERSITY, limits.collapsed_label),
        current.above(EFFECT, limits.dominant_labels),
        distinct,
        *growing,
    )
    if of_all is not None and of_all.severity >= 1:
        return of_all
    of_one = condition(
        "The generator makes nearly one image for at least one label, whatever the latents are.",
        remedies,
        current.below(LEAST_DIVERSITY, limits.narrow_label),
        distinct,
        *growing,
    )
    return most_severe(of_all, of_one and replace(of_one, at_most_watch=True))


def until_labels_count(current: RuleInput) -> str | None:
    """Why labels cannot have been learned yet: where their strength rises, they count later."""
    recipe, limits = current.recipe, current.thresholds
    strength = with_budget(recipe.label_strength, recipe.images)
    images = limits.settled_steps * recipe.images_per_step
    earlier = value_at(strength, max(0, current.images_seen - images))
    if earlier >= extremes(strength)[1] / 2:
        return None
    return f"too early: it is checked {images:,} images after labels count by half (label_strength)"


def unless_labelled(recipe: Recipe) -> str | None:
    """Why labels cannot be checked."""
    return None if recipe.generator.network.uses_labels else "the generator takes no labels"


CLASS_COLLAPSE = Rule(
    "class-collapse",
    "Shahbazi 2022: with few images a label, conditioning collapses what trains well without",
    class_collapse,
    (EFFECT, DIVERSITY, LEAST_DIVERSITY, DISTANCE),
    reason_not_applicable=unless_labelled,
)
IGNORES_LABELS = Rule(
    "ignores-labels",
    "Kang 2022 (StudioGAN): ContraGAN has a Frechet distance of 6.0, and within labels 119.6",
    ignores_labels,
    (EFFECT, TOLD, TOLD_REAL),
    phase="settled",
    reason_not_applicable=unless_labelled,
    reason_to_wait=until_labels_count,
)
