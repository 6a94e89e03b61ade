"""The rules on written histories: they speak of what is wrong, and of nothing else."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import math
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from ganvas.errors import DataError
from ganvas.health import thresholds
from ganvas.health.assessment import (
    apply_rules,
    excused,
    health_status,
    not_checked,
    severities,
)
from ganvas.health.evidence import Evidence
from ganvas.health.finding import Finding
from ganvas.health.rules import RULES
from ganvas.health.rules.balance import least_loss
from ganvas.health.thresholds import Thresholds
from ganvas.networks import DCGANDiscriminator, R3GANGenerator
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.recipes import CATALOG
from ganvas.runs.data import check_held_out
from ganvas.schedules import Adaptive, Ramp
from tests.builders.histories import HEALTHY, Course, Courses, written
from tests.builders.symptoms import SICK, Case, against, rate, scored
from tests.builders.tiny import tiny_data

EVERY_CASE = pytest.mark.parametrize("case", SICK.values(), ids=list(SICK))


def evidence(recipe: str, changes: Courses | None = None, **settings: Any) -> Evidence:
    """A healthy history but for the changes."""
    return Case("", recipe, changes or {}, settings).evidence


def symptoms(evidence: Evidence) -> list[str]:
    return [finding.symptom for finding in apply_rules(evidence)]


def only(evidence: Evidence) -> Finding:
    (finding,) = apply_rules(evidence)
    return finding


@pytest.mark.parametrize("recipe", HEALTHY)
def test_healthy_training_has_no_finding(recipe: str) -> None:
    healthy = evidence(recipe)
    assert apply_rules(healthy) == ()
    assert health_status(healthy, ()) == "healthy"
    assert max(severities(healthy).values()) < 0.8


@pytest.mark.parametrize("recipe", HEALTHY)
def test_healthy_training_has_no_finding_at_any_record(recipe: str) -> None:
    healthy = evidence(recipe)
    for count in range(len(healthy.records) + 1):
        assert apply_rules(replace(healthy, records=healthy.records[:count])) == ()


@EVERY_CASE
def test_the_expected_symptom_comes_first(case: Case) -> None:
    assert symptoms(case.evidence)[0] == case.symptom


@pytest.mark.parametrize(
    "case",
    [case for case in SICK.values() if not (case.stopped or case.scores)],
    ids=lambda case: case.symptom,
)
def test_finding_ends_when_training_is_healthy_again(case: Case) -> None:
    sick = case.evidence
    healthy = written(sick.recipe, HEALTHY[case.recipe])
    last = healthy[-1]["images_seen"]
    # Of eight probes, up to four make a mean normal again, and then three end a finding.
    later = [{**record, "images_seen": record["images_seen"] + last} for record in healthy[-16:]]
    healed = replace(sick, records=(*sick.records, *later))
    assert case.symptom not in symptoms(healed)


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


def test_saturated_logits_matter_for_minimax_only() -> None:
    deep: Courses = {"probe/logits/fake": -12.0}
    assert symptoms(evidence("dcgan", deep)) == []
    minimax = evidence("dcgan", deep, objective=ObjectiveSettings(loss="minimax"))
    found = only(minimax)
    assert found.symptom == "vanishing-generator-gradient"
    assert found.advice[0].flag == "--objective.loss non-saturating"


@pytest.mark.parametrize(
    ("symptom", "recipe", "changes", "reason"),
    [
        (
            "discriminator-overpowers",
            "wgan-gp",
            {"probe/ranking/train": 1.0},
            "as good as possible",
        ),
        ("not-lipschitz", "dcgan", {"probe/input_gradient/between": 1e6}, "wasserstein"),
        ("clip-too-small", "wgan-gp", {"probe/clip/share": 1.0}, "clip_weights is 0"),
        ("clip-too-large", "wgan-gp", {"probe/clip/share": 0.0}, "clip_weights is 0"),
        ("checkerboard", "mlp", {"probe/checkerboard/ratio": 40.0}, "no strided layers"),
        ("checkerboard", "pacgan-points", {"probe/checkerboard/ratio": 40.0}, "no pixels"),
        ("saturated-output", "pacgan-points", {"probe/output/saturated": 1.0}, "no pixels"),
        ("idle-penalty", "dcgan", {"discriminator/loss/r1": 1e-9}, "no penalty"),
        ("average-lags", "pacgan-points", {"probe/movement/average_lag": 2.0}, "not averaged"),
    ],
)
def test_rule_gives_a_reason_where_it_does_not_apply(
    symptom: str, recipe: str, changes: Courses, reason: str
) -> None:
    elsewhere = evidence(recipe, changes)
    assert symptom not in symptoms(elsewhere)
    assert reason in not_checked(elsewhere)[symptom]
    assert symptom not in severities(elsewhere)


def test_saturated_output_needs_tanh() -> None:
    unbounded = evidence(
        "dcgan",
        {"probe/output/saturated": 1.0},
        generator=replace(CATALOG["dcgan"]().generator, network=R3GANGenerator()),
    )
    assert "saturated-output" not in symptoms(unbounded)
    assert "r3gan has no tanh" in not_checked(unbounded)["saturated-output"]


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
            check_held_out(recipe, data)
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


def test_few_latents_need_more_diversity() -> None:
    varied: Courses = {"probe/diversity/vendi": 0.72}
    assert symptoms(evidence("dcgan", varied)) == []
    found = only(evidence("dcgan", varied, latent_dim=2))
    assert found.symptom == "partial-collapse"
    assert found.advice[0].field == "latent_dim"


def test_total_collapse_hides_partial_collapse() -> None:
    total = SICK["one image for all"].evidence
    assert severities(total)["partial-collapse"] > 1
    assert symptoms(total) == ["mode-collapse"]


def test_saturated_pixels_are_compared_with_real_ones() -> None:
    """Half of Fashion-MNIST is pure black: 60 % is little there and much in photographs."""
    assert symptoms(evidence("dcgan", {"probe/output/saturated": 0.6})) == []
    photographs = {"probe/output/saturated": 0.6, "probe/output/saturated_real": 0.01}
    assert symptoms(evidence("dcgan", photographs)) == ["saturated-output"]


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


def test_a_generator_without_any_gradient_fails_at_its_first_probes() -> None:
    dead = SICK["dead generator"].evidence
    first = replace(dead, records=({**dead.records[1], "images_seen": 64},))
    found = only(first)
    assert (found.symptom, found.verdict) == ("vanishing-generator-gradient", "failing")
    assert "No gradient at all" in found.meaning
    tiny = {**first.records[0], "probe/gradient/generator/norm": 1e-8}
    assert apply_rules(replace(first, records=(tiny,))) == ()  # for now: training has just begun


def test_a_discriminator_that_has_won_is_not_weak() -> None:
    won = {"probe/update/discriminator": 1e-7, "probe/ranking/train": 1.0}
    assert "discriminator-too-weak" not in symptoms(evidence("dcgan", won))


def test_growing_diversity_is_no_collapse() -> None:
    """What the mlp recipe showed: a twentieth of the variety at first, and half after a while."""
    rising = {"probe/diversity/vendi": (0.05, 0.25), "probe/diversity/duplicates": 1.0}
    standing = {**rising, "probe/diversity/vendi": 0.25}
    assert symptoms(evidence("mlp", rising)) == []
    assert "mode-collapse" in symptoms(evidence("mlp", standing))


@pytest.mark.parametrize(
    ("recipe", "changes", "symptom", "expected"),
    [
        (
            "dcgan",
            {"probe/update/discriminator": 1e-7, "probe/ranking/train": 1.0},
            "discriminator-too-weak",
            "probe/update/discriminator of 1e-07 (normal: above 3e-05) would be suspicious, but it "
            "tells fakes from real images already",
        ),
        (
            "dcgan",
            {"probe/ranking/train": 0.998},
            "discriminator-overpowers",
            "probe/ranking/train of 0.998 (normal: below 0.99) would be suspicious, but the "
            "discriminator still has a loss to learn from",
        ),
        (
            "mlp",
            {"probe/diversity/vendi": (0.05, 0.25)},
            "mode-collapse",
            "probe/diversity/vendi of 0.25 (normal: above 0.3) would be suspicious, but diversity "
            "grows",
        ),
        (
            "dcgan-conditional",
            {"probe/labels/told": 0.03, "probe/labels/told_real": 0.15},
            "ignores-labels",
            "pixels hardly tell the labels of real images either",
        ),
        (
            "dcgan-conditional",
            {"probe/labels/diversity_least": 0.1, "probe/labels/diversity": (0.1, 0.7)},
            "class-collapse",
            "the diversity of labels grows",
        ),
        (
            "dcgan-conditional",
            {
                "probe/labels/diversity": 0.5,
                "probe/labels/diversity_least": 0.1,
                "probe/diversity/distance": 0.2,
            },
            "class-collapse",
            "all images are alike, so it is no matter of labels",
        ),
        (
            "wgan",
            {"probe/clip/share": 0.0, "probe/input_gradient/between": 1.0},
            "clip-too-large",
            "the critic is not steep",
        ),
        (
            "dcgan",
            {"probe/movement/last": 0.1, "probe/movement/before_last": 0.01},
            "oscillation",
            "images change too little for that to matter",
        ),
        (
            "dcgan",
            {"probe/movement/last": 0.03, "probe/movement/average_lag": 0.2},
            "average-lags",
            "averaged images are close to those of the trained one",
        ),
    ],
)
def test_what_excuses_a_suspicious_number_is_named(
    recipe: str, changes: Courses, symptom: str, expected: str
) -> None:
    history = evidence(recipe, changes)
    assert symptom not in symptoms(history)
    assert any(sentence.endswith(expected) for sentence in excused(history)[symptom])


def test_a_gradient_that_grew_and_is_small_is_excused() -> None:
    history = evidence("dcgan", {"generator/gradient_norm": 0.01})
    last = {**history.records[-1], "generator/gradient_norm": 50.0}
    (sentence,) = excused(replace(history, records=(*history.records[:-1], last)))[
        "exploding-gradients"
    ]
    assert sentence.endswith("would be suspicious, but it is still small")


@EVERY_CASE
def test_a_symptom_that_is_found_is_not_excused(case: Case) -> None:
    assert case.symptom not in excused(case.evidence)


def test_causes_come_before_consequences() -> None:
    collapsed = {
        **SICK["one image for all"].changes,
        "probe/update/discriminator": 0.3,
        "discriminator/loss/adversarial": 0.001,
        "probe/ranking/train": 1.0,
    }
    assert symptoms(evidence("dcgan", collapsed)) == [
        "updates-too-large",
        "discriminator-overpowers",
        "mode-collapse",
    ]


def test_order_of_findings_is_that_of_the_table() -> None:
    everything: dict[str, Course] = {}
    for case in SICK.values():
        if case.symptom not in ("clip-too-large", "generator-stands-still"):
            everything.update({k: v for k, v in case.changes.items() if v is not None})
    found = [f.symptom for f in apply_rules(evidence("wgan", everything)) if not f.ending]
    assert len(found) >= 5
    assert found == [symptom for symptom in RULES if symptom in found]


def test_gradients_that_grow_everywhere_are_no_divergence() -> None:
    """It explodes on fakes first (Huang 2024); a discriminator that learns grows steep at both."""
    both = [0.5] * 14 + [3.0, 9.0, 30.0, 90.0, 300.0, 900.0]
    steep: Courses = {"probe/input_gradient/fake": both, "probe/input_gradient/real": both}
    assert "diverging" not in symptoms(evidence("stacked-modern", steep))


def test_non_finite_probes_are_a_finding() -> None:
    healthy = evidence("dcgan")
    lost = {f"probe/{name}": "the logits: 3 of 64 numbers are not finite" for name in "abcdefghi"}
    *before, last = healthy.records
    spoilt = replace(healthy, records=(*before, {**last, "probe/missing": lost}))
    assert symptoms(spoilt)[0] == "diverging"
    failed = dict.fromkeys(lost, "RuntimeError: out of memory")
    assert symptoms(replace(healthy, records=(*before, {**last, "probe/missing": failed}))) == []


@pytest.mark.parametrize("count", [0, 1, 2, 24])
def test_a_run_that_stopped_by_itself_has_diverged(count: int) -> None:
    healthy = evidence("dcgan")
    reason = "discriminator: loss term adversarial became infinite"
    stopped = replace(healthy, records=healthy.records[:count], stopped=reason)
    found = apply_rules(stopped)[0]
    assert found.symptom == "diverging"
    assert found.verdict == "failing"
    assert reason in found.meaning
    assert found.since == 2_000 * count


def test_gradients_that_were_always_large_do_not_explode() -> None:
    """A residual Wasserstein critic has norms above 100 from start to end."""
    large: Courses = {"discriminator/gradient_norm": 170.0, "generator/gradient_norm": 160.0}
    assert symptoms(evidence("wgan-gp", large)) == []
    risen: Courses = {"discriminator/gradient_norm": [5.0] * 20 + [170.0] * 4}
    assert symptoms(evidence("wgan-gp", risen)) == ["exploding-gradients"]
    small: Courses = {"discriminator/gradient_norm": [0.01] * 20 + [1.0] * 4}
    assert symptoms(evidence("wgan-gp", small)) == []


# Labels.


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        # As measured of gains of their own for each label, with dcgan at 16x16.
        (
            [0.024, 0.027, 0.044, 0.062, 0.104, 0.152, 0.236, 0.313, 0.397, 0.444],
            [0.018, 0.0, 0.054, 0.071, 0.107, 0.071, 0.12, 0.14, 0.15, 0.304],
        ),
        ([0.4] * 10, [0.0, 0.0, 0.0, 0.02, 0.12, 0.14, 0.15, 0.3, 0.4, 0.4]),
    ],
)
def test_labels_that_are_still_being_learned_are_not_ignored(
    effect: list[float], told: list[float]
) -> None:
    def probed(values: list[float]) -> list[float]:
        return [value for value in (0.0, 0.0, *values) for _ in range(2)]

    courses = {"probe/labels/effect": probed(effect), "probe/labels/told": probed(told)}
    learning = evidence("dcgan-conditional", courses)
    for count in range(len(learning.records) + 1):
        assert symptoms(replace(learning, records=learning.records[:count])) == []
    lost: Courses = {**courses, "probe/labels/told": 0.0, "probe/labels/effect": 0.4}
    assert symptoms(evidence("dcgan-conditional", lost)) == ["ignores-labels"]


def test_labels_are_not_missed_where_real_images_do_not_show_them() -> None:
    unseen: Courses = {"probe/labels/told": 0.0, "probe/labels/told_real": 0.1}
    assert symptoms(evidence("dcgan-conditional", unseen)) == []


def test_labels_are_not_missed_before_their_strength_has_risen() -> None:
    ignored = {"probe/labels/effect": 0.0, "probe/labels/told": 0.0}
    ramp = Ramp(shape="linear", start=0.0, end=1.0, after=0, images=400_000)
    rising = evidence("dcgan-conditional", ignored, label_strength=ramp)
    assert symptoms(rising) == []
    why = "too early: it is checked 32,000 images after labels count by half (label_strength)"
    assert not_checked(rising)["ignores-labels"] == why, "1,000 updates of 32"
    soon = replace(ramp, images=10_000)
    assert symptoms(evidence("dcgan-conditional", ignored, label_strength=soon)) == [
        "ignores-labels"
    ]


@pytest.mark.parametrize("recipe", ["dcgan", "wgan-gp", "pacgan-points"])
def test_nothing_is_said_of_labels_without_any(recipe: str) -> None:
    columns: Courses = {
        "probe/labels/effect": 0.0,
        "probe/labels/told": 0.0,
        "probe/labels/told_real": 0.9,
        "probe/labels/diversity": 0.0,
        "probe/labels/diversity_least": 0.0,
    }
    unlabelled = evidence(recipe, columns)
    assert symptoms(unlabelled) == []
    reasons = not_checked(unlabelled)
    for symptom in ("ignores-labels", "class-collapse"):
        assert reasons[symptom] == "the generator takes no labels"


def test_one_image_for_all_labels_is_a_collapse_of_them_all() -> None:
    """Whatever tiny differences are, they say nothing about labels."""
    collapsed = {**SICK["one image for all"].changes, **SICK["one image for each label"].changes}
    collapsed |= {"probe/diversity/distance": 0.02, "probe/labels/told": 0.0}
    assert symptoms(evidence("dcgan-conditional", collapsed)) == ["mode-collapse"]


def test_a_collapse_of_labels_is_not_named_twice() -> None:
    all_labels = only(SICK["one image for each label"].evidence)
    assert (all_labels.symptom, all_labels.verdict) == ("class-collapse", "failing")
    one_label = only(SICK["one image for one label"].evidence)
    assert (one_label.symptom, one_label.verdict) == ("class-collapse", "watch")


def test_a_failure_is_not_left_out_beside_a_watch_finding() -> None:
    both = {**SICK["one image for one label"].changes, "probe/diversity/vendi": 0.05}
    verdicts = [(f.symptom, f.verdict) for f in apply_rules(evidence("dcgan-conditional", both))]
    assert verdicts == [("class-collapse", "watch"), ("mode-collapse", "failing")]


def test_labels_that_the_discriminator_does_not_see_are_given_to_it_first() -> None:
    blind = against("dcgan-conditional", DCGANDiscriminator(norm="batch"))
    found = only(evidence("dcgan-conditional", {"probe/labels/told": 0.02}, **blind))
    assert found.advice[0].flag == "--discriminator.network.conditioning projection"


def test_thresholds_can_be_replaced() -> None:
    noisy = evidence("dcgan", {"probe/checkerboard/ratio": 2.0})
    assert symptoms(noisy) == []
    strict = replace(noisy, thresholds=Thresholds(checkerboard=1.5))
    assert symptoms(strict) == ["checkerboard"]


def test_every_threshold_has_a_docstring() -> None:
    (body,) = (
        node.body
        for node in ast.parse(inspect.getsource(thresholds)).body
        if isinstance(node, ast.ClassDef)
    )
    fields = {f.name for f in dataclasses.fields(Thresholds)}
    explained = {
        node.target.id
        for node, following in itertools.pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(following, ast.Expr)
    }
    assert explained == fields


# Scores: when did it stop to improve?


def judged_by(*values: float, metric: str = "fd-lite0", recipe: str = "dcgan") -> Evidence:
    named = CATALOG[recipe]()
    settings = replace(named.evaluation, every=4_000, metrics=(metric,))
    case = Case("", recipe, {}, {"evaluation": settings}, scored(*values, metric=metric))
    return case.evidence


def test_stagnation_names_the_best_checkpoint() -> None:
    """A DCGAN of StudioGAN's logs: best at 42k steps, then worse and worse."""
    found = only(judged_by(90, 60, 49, 103, 131, 137))
    assert found.symptom == "stagnation"
    assert found.since == 12_000
    assert "12,000" in found.meaning
    assert "worse" in found.meaning


@pytest.mark.parametrize(
    ("values", "stagnates"),
    [
        ((90, 80, 70, 60, 50, 40), False),
        ((90, 60, 50, 130), False),  # one bad evaluation is no trend
        ((90, 60, 50, 130, 51), False),
        ((90, 60, 50, 130, 120), True),
        ((90, 60, 50, 55, 52, 51, 50), False),  # four without a gain
        ((90, 60, 50, 55, 52, 51, 50, 52), True),  # five
        ((90, 60, 50, 49.5, 49, 48.9, 48.8, 48.7), True),  # gains within the interval of 2
        ((90, 60, 50, 47, 44, 41, 38, 35), False),
    ],
)
def test_score_stagnates_when_it_has_not_improved_for_long(
    values: tuple[float, ...], stagnates: bool
) -> None:
    assert symptoms(judged_by(*values)) == (["stagnation"] if stagnates else [])


def test_stagnation_respects_the_direction_of_a_score() -> None:
    rising = (10.0, 20.0, 40.0, 60.0, 80.0, 100.0)
    assert symptoms(judged_by(*rising, metric="modes")) == []
    found = only(judged_by(*rising[::-1], metric="modes"))
    assert found.symptom == "stagnation"
    assert found.since == 4_000


def test_other_scores_are_ignored() -> None:
    worse = judged_by(90, 60, 49, 103, 131, 137)
    afterwards = tuple({**score, "while_training": False} for score in worse.scores)
    assert apply_rules(replace(worse, scores=afterwards)) == ()
    other = tuple({**score, "metric": "swd"} for score in worse.scores)
    assert apply_rules(replace(worse, scores=other)) == ()


# What it costs.


def test_rules_import_no_torch() -> None:
    """`ganvas diagnose` answers at once."""
    code = "import sys, ganvas.health.assessment; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_normalised_discriminator_gets_no_penalty_as_advice() -> None:
    for case in SICK.values():
        sick = case.evidence
        network = sick.recipe.discriminator.network
        if isinstance(network, DCGANDiscriminator):
            normalised = sick.recipe.with_networks(discriminator=replace(network, norm="batch"))
            objective = ObjectiveSettings(loss=sick.recipe.objective.loss)
            sick = replace(sick, recipe=replace(normalised, objective=objective))
            for finding in apply_rules(sick):
                assert not any("penalties" in change.field for change in finding.advice)
