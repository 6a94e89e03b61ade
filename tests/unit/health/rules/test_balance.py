"""The rules about balance: updates of the right size, a strong discriminator, memorised images."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from ganvas.errors import DataError
from ganvas.health.assessment import apply_rules, not_checked
from ganvas.health.evidence import Evidence
from ganvas.health.rules.balance import least_loss
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes import CATALOG
from ganvas.runs.data import check_can_adapt
from ganvas.schedules import Adaptive, Ramp
from tests.builders.histories import HEALTHY, Course, Courses, written
from tests.builders.symptoms import SICK, evidence, rate, symptoms
from tests.builders.tiny import tiny_data


def test_a_confident_discriminator_does_not_overpower() -> None:
    """Accuracies of 0.99 and a ranking of 0.998 are how a healthy DCGAN may end."""
    sure = {
        "probe/accuracy/real": 0.99,
        "probe/accuracy/fake": 0.99,
        "probe/ranking/train": 0.998,
        "discriminator/loss/adversarial": 0.08,
    }
    assert symptoms(evidence("dcgan", sure)) == []


@pytest.mark.parametrize(
    ("loss", "target", "least"),
    [
        ("non-saturating", 1.0, 0.0),
        ("non-saturating", 0.9, 0.3250829733914482),  # -0.9 ln 0.9 - 0.1 ln 0.1
        ("relativistic", 0.9, 0.3250829733914482),
        ("least-squares", 0.9, 0.0),
        ("hinge", 0.9, 0.0),
    ],
)
def test_least_loss_is_what_a_perfect_discriminator_gets(
    loss: Any, target: float, least: float
) -> None:
    objective = ObjectiveSettings(loss=loss, real_label=target)
    recipe = replace(CATALOG["dcgan"](), objective=objective)
    assert least_loss(recipe) == pytest.approx(least, abs=1e-12)
    # With its targets smoothed, the discriminator's loss is spent near that, not near zero.
    spent = {"probe/ranking/train": 1.0, "discriminator/loss/adversarial": least + 0.005}
    assert "discriminator-overpowers" in symptoms(evidence("dcgan", spent, objective=objective))


@pytest.mark.parametrize("recipe", ["stacked-modern", "wgan", "wgan-gp"])
@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_level_of_logits_is_ignored_where_the_loss_does_not_determine_it(
    recipe: str, shift: float
) -> None:
    """Adding a constant to every logit moves accuracies to 0 or 1, and no finding."""
    moved: dict[str, Course] = {"probe/r_t": math.copysign(1.0, shift)}
    for column, course in HEALTHY[recipe].items():
        if "/logits/" in column and isinstance(course, tuple):
            moved[column] = (course[0] + shift, course[1] + shift)
        if column.startswith("probe/accuracy/"):
            moved[column] = float((shift > 0) != column.endswith("fake"))
    assert symptoms(evidence(recipe, moved)) == []


def test_memorisation_needs_held_out_images() -> None:
    recipe = CATALOG["dcgan"]()
    without = replace(recipe, data=replace(recipe.data, held_out=0.0))
    remembered = SICK["a hundred images"].evidence
    assert "discriminator-memorises" in symptoms(remembered)
    blind = replace(remembered, recipe=without)
    assert "discriminator-memorises" not in symptoms(blind)
    assert "held_out is 0" in not_checked(blind)["discriminator-memorises"]


def test_augmentation_is_the_first_advice_against_memorisation() -> None:
    sick = replace(SICK["a hundred images"].evidence, training_images=90, held_out_images=10)
    (found,) = [f for f in apply_rules(sick) if f.symptom == "discriminator-memorises"]
    assert found.advice[0].flag == "--augmentation 0.3"
    assert found.advice[0].keeps_weights
    augmented = replace(sick.recipe, augmentation=Ramp(shape="cosine", start=0.0, end=0.3))
    (found,) = apply_rules(replace(sick, recipe=augmented.with_fixed_schedules()))
    assert found.advice[0].flag == "--flip"


@pytest.mark.parametrize(("held_out", "advised"), [(None, "0.3"), (19, "0.3"), (20, "adaptive")])
def test_augmentation_that_follows_is_advised_where_a_run_takes_it(
    held_out: int | None, advised: str
) -> None:
    """Labels and groups can hold out fewer than the fraction, so the images are counted."""
    sick = replace(SICK["a hundred images"].evidence, held_out_images=held_out)
    (found,) = [f for f in apply_rules(sick) if f.symptom == "discriminator-memorises"]
    if held_out is not None:
        recipe = replace(sick.recipe, augmentation=Adaptive())
        data = tiny_data(100, held_out=held_out)
        with nullcontext() if advised == "adaptive" else pytest.raises(DataError):
            check_can_adapt(recipe, data)
    assert found.advice[0].flag == f"--augmentation {advised}"
    assert found.advice[0].keeps_weights


def test_memorisation_shows_accuracies_for_losses_with_a_zero() -> None:
    def shown(name: str) -> set[str]:
        found = apply_rules(SICK[name].evidence)[0]
        return {measurement.name for measurement in found.numbers}

    assert "probe/accuracy/held_out" in shown("a hundred images")
    assert shown("memory under a loss without a zero") == {
        "probe/ranking/memory",
        "probe/r_v",
        "probe/ranking/train",
        "probe/ranking/held_out",
    }


def test_a_schedule_that_ends_at_zero_is_no_standstill() -> None:
    """At the end of linear:2e-4:0 nothing moves, as was asked for."""
    recipe = CATALOG["resnet-paper"]().with_fixed_schedules()
    courses: Courses = {
        **HEALTHY["resnet"],
        "probe/update/generator": (3e-3, 0.0),
        "probe/update/discriminator": (3e-3, 0.0),
        "probe/movement/last": (0.3, 0.0),
        "probe/movement/before_last": (0.4, 0.0),
        "probe/movement/average_lag": None,
    }
    records = written(recipe, courses)
    scale = recipe.images / records[-1]["images_seen"]
    slow = tuple({**r, "images_seen": int(r["images_seen"] * scale)} for r in records)
    assert symptoms(Evidence(slow, recipe)) == []
    held = replace(recipe, generator=replace(recipe.generator, learning_rate=2e-4))
    assert "generator-stands-still" in symptoms(Evidence(slow, held))


def test_suspect_updates_are_never_failing() -> None:
    """At thirty times the usual rate, steps of 8 % made no run of the health benchmark worse."""
    steps = {"probe/update/discriminator": 0.08}
    assert symptoms(evidence("wgan-gp", steps)) == []
    (found,) = apply_rules(evidence("wgan-gp", steps, **rate("wgan-gp", "discriminator", 30)))
    assert (found.symptom, found.verdict) == ("updates-too-large", "watch")


def test_a_generator_without_gradient_after_large_steps_has_too_large_updates() -> None:
    still = {"probe/update/generator": 1e-8}
    assert symptoms(evidence("wgan-gp", still)) == ["generator-stands-still"]
    thrown = symptoms(evidence("wgan-gp", still, **rate("wgan-gp", "generator", 30)))
    assert thrown == ["updates-too-large", "generator-stands-still"]


@pytest.mark.parametrize(
    ("recipe", "gap", "weak"),
    [
        ("dcgan", 0.6, True),
        ("wgan", 0.6, False),
        ("stacked-modern", 0.6, False),
        ("wgan", 0.8, True),
    ],
)
def test_an_undecided_critic_is_weak_only_where_fakes_are_further_off(
    recipe: str, gap: float, weak: bool
) -> None:
    """A healthy Wasserstein critic ranks no better for 1,000 steps, at gaps of 0.4 to 0.7."""
    undecided = {"probe/ranking/train": 0.5, "probe/likeness/mean_gap": gap}
    assert ("discriminator-too-weak" in symptoms(evidence(recipe, undecided))) == weak


def test_a_discriminator_that_has_won_is_not_weak() -> None:
    won = {"probe/update/discriminator": 1e-7, "probe/ranking/train": 1.0}
    assert "discriminator-too-weak" not in symptoms(evidence("dcgan", won))
