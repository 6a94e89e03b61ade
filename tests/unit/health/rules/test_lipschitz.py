"""The rule about divergence: gradients at fakes, non-finite numbers, runs that stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganvas.health.assessment import apply_rules
from tests.builders.histories import Courses
from tests.builders.symptoms import evidence, symptoms


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
