"""The rules about divergence and a Lipschitz critic: gradients, lost numbers, runs that stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganvas.health.assessment import apply_rules
from ganvas.objectives.settings import ObjectiveSettings
from tests.builders.histories import Courses
from tests.builders.symptoms import SICK, evidence, symptoms


def test_gradients_that_grow_everywhere_are_no_divergence() -> None:
    """It explodes on fakes first (Huang 2024); a discriminator that learns grows steep at both."""
    both = [0.5] * 14 + [3.0, 9.0, 30.0, 90.0, 300.0, 900.0]
    steep: Courses = {"probe/input_gradient/fake": both, "probe/input_gradient/real": both}
    assert "diverging" not in symptoms(evidence("stacked-modern", steep))


def test_gradients_at_fakes_are_compared_with_those_of_four_probes_before() -> None:
    """Twice as steep at each probe: 16 times in four, where 10 are a finding."""
    doubling = [float(2 ** (record // 2)) for record in range(24)]
    steep = evidence("dcgan", {"probe/input_gradient/fake": doubling})
    early = replace(steep, records=steep.records[:12])
    assert symptoms(early) == ["diverging"]
    slower = [1.7 ** (record // 2) for record in range(24)]  # 8 times
    assert symptoms(evidence("dcgan", {"probe/input_gradient/fake": slower[:12]})) == []


@pytest.mark.parametrize(
    ("recipe", "objective", "limit"),
    [
        ("wgan-gp", None, 3.0),  # the penalty's target is 1
        ("wgan", None, 1_000.0),  # clipping bounds it at a value that nobody chose
        ("wgan-gp", ObjectiveSettings(loss="wasserstein"), 10.0),
    ],
)
def test_how_steep_a_critic_may_be_depends_on_what_bounds_it(
    recipe: str, objective: ObjectiveSettings | None, limit: float
) -> None:
    settings = {} if objective is None else {"objective": objective}
    for factor, expected in ((0.5, False), (1.1, True)):
        steep = {"probe/input_gradient/between": factor * limit}
        found = symptoms(evidence(recipe, steep, **settings))
        assert ("not-lipschitz" in found) == expected


@pytest.mark.parametrize(
    ("case", "bound", "advised"),
    [
        ("clip 1e-4", 1e-4, "0.1"),  # the recipe's own
        ("clip 1e-4", 0.1, "1"),
        ("clip 10", 10.0, "0.1"),
        ("clip 10", 0.1, "0.01"),
    ],
)
def test_the_usual_bound_is_advised_or_one_in_the_direction_that_helps(
    case: str, bound: float, advised: str
) -> None:
    sick = SICK[case].evidence
    objective = replace(sick.recipe.objective, clip_weights=bound)
    found = apply_rules(replace(sick, recipe=replace(sick.recipe, objective=objective)))
    (clipped,) = [finding for finding in found if finding.symptom == SICK[case].symptom]
    assert clipped.advice[0].flag == f"--objective.clip-weights {advised}"


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
