"""The rules about gradients: what is small or was always large does not explode."""

from __future__ import annotations

from dataclasses import replace

from ganvas.health.assessment import apply_rules, excused
from ganvas.objectives.settings import ObjectiveSettings
from tests.builders.histories import Courses
from tests.builders.symptoms import SICK, evidence, only, symptoms


def test_saturated_logits_matter_for_minimax_only() -> None:
    deep: Courses = {"probe/logits/fake": -12.0}
    assert symptoms(evidence("dcgan", deep)) == []
    minimax = evidence("dcgan", deep, objective=ObjectiveSettings(loss="minimax"))
    found = only(minimax)
    assert found.symptom == "vanishing-generator-gradient"
    assert found.advice[0].flag == "--objective.loss non-saturating"


def test_a_generator_without_any_gradient_fails_at_its_first_probes() -> None:
    dead = SICK["dead generator"].evidence
    first = replace(dead, records=({**dead.records[1], "images_seen": 64},))
    found = only(first)
    assert (found.symptom, found.verdict) == ("vanishing-generator-gradient", "failing")
    assert "No gradient at all" in found.meaning
    tiny = {**first.records[0], "probe/gradient/generator/norm": 1e-8}
    assert apply_rules(replace(first, records=(tiny,))) == ()  # for now: training has just begun


def test_a_gradient_that_grew_and_is_small_is_excused() -> None:
    history = evidence("dcgan", {"generator/gradient_norm": 0.01})
    last = {**history.records[-1], "generator/gradient_norm": 50.0}
    (sentence,) = excused(replace(history, records=(*history.records[:-1], last)))[
        "exploding-gradients"
    ]
    assert sentence.endswith("would be suspicious, but it is still small")


def test_gradients_that_were_always_large_do_not_explode() -> None:
    """A residual Wasserstein critic has norms above 100 from start to end."""
    large: Courses = {"discriminator/gradient_norm": 170.0, "generator/gradient_norm": 160.0}
    assert symptoms(evidence("wgan-gp", large)) == []
    risen: Courses = {"discriminator/gradient_norm": [5.0] * 20 + [170.0] * 4}
    assert symptoms(evidence("wgan-gp", risen)) == ["exploding-gradients"]
    small: Courses = {"discriminator/gradient_norm": [0.01] * 20 + [1.0] * 4}
    assert symptoms(evidence("wgan-gp", small)) == []


def test_gradients_that_grow_while_learning_begins_are_no_explosion() -> None:
    """At first they are small: growth counts from 300 steps on, here between the last two probes
    of the first ten records."""
    grown = evidence("dcgan", {"generator/gradient_norm": [4.0] * 7 + [400.0]}, batch=128)
    assert grown.generator_steps(grown.records[7]["images_seen"]) == 250
    assert symptoms(replace(grown, records=grown.records[:10])) == []
    assert symptoms(replace(grown, records=grown.records[:12])) == ["exploding-gradients"]
