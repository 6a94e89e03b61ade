"""All rules on written histories: they speak of what is wrong, and of nothing else."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from ganvas.health.assessment import apply_rules, excused, health_status, not_checked, severities
from ganvas.health.rules import RULES
from ganvas.networks import DCGANDiscriminator
from ganvas.objectives.settings import ObjectiveSettings
from tests.builders.histories import HEALTHY, Course, Courses, written
from tests.builders.symptoms import SICK, Case, evidence, symptoms

EVERY_CASE = pytest.mark.parametrize("case", SICK.values(), ids=list(SICK))


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
    ("symptom", "changes"),
    [
        ("discriminator-memorises", {"probe/ranking/memory": 0.9}),  # chance is 0.5, the limit 0.7
        (
            "discriminator-overpowers",
            {"probe/ranking/train": 0.995, "discriminator/loss/adversarial": 0.01},
        ),
        ("partial-collapse", {"probe/diversity/distance": 0.2}),
        ("partial-collapse", {"probe/diversity/vendi": 0.0}),
        (
            "saturated-output",
            {"probe/output/saturated": 1.0, "probe/output/saturated_real": 0.2},
        ),
    ],
)
def test_severity_is_two_at_twice_the_limits_distance_from_what_is_normal(
    symptom: str, changes: Courses
) -> None:
    """From there on a finding is failing, where the rule allows that."""
    assert severities(evidence("dcgan", changes))[symptom] == pytest.approx(2.0)


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
