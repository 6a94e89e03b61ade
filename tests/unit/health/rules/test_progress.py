"""The rules about progress: when did a score stop to improve, and does a penalty matter?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganvas.health.assessment import apply_rules
from ganvas.health.evidence import Evidence
from ganvas.recipes import CATALOG
from tests.builders.histories import Courses
from tests.builders.symptoms import Case, evidence, only, scored, symptoms


def scored_by(*values: float, metric: str = "fd-lite0", recipe: str = "dcgan") -> Evidence:
    named = CATALOG[recipe]()
    settings = replace(named.evaluation, every=4_000, metrics=(metric,))
    case = Case("", recipe, {}, {"evaluation": settings}, scored(*values, metric=metric))
    return case.evidence


def test_stagnation_names_the_best_checkpoint() -> None:
    """A DCGAN of StudioGAN's logs: best at 42k steps, then worse and worse."""
    found = only(scored_by(90, 60, 49, 103, 131, 137))
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
    assert symptoms(scored_by(*values)) == (["stagnation"] if stagnates else [])


def test_stagnation_respects_the_direction_of_a_score() -> None:
    rising = (10.0, 20.0, 40.0, 60.0, 80.0, 100.0)
    assert symptoms(scored_by(*rising, metric="modes")) == []
    found = only(scored_by(*rising[::-1], metric="modes"))
    assert found.symptom == "stagnation"
    assert found.since == 4_000


@pytest.mark.parametrize(
    ("values", "stagnates"),
    [((40, 100, 95, 94), False), ((40, 100, 70, 68), False), ((40, 100, 60, 65), True)],
)
def test_of_a_score_that_should_be_high_two_thirds_of_the_best_are_worse(
    values: tuple[float, ...], stagnates: bool
) -> None:
    found = symptoms(scored_by(*values, metric="modes"))
    assert found == (["stagnation"] if stagnates else [])


def test_a_penalty_is_compared_with_a_loss_that_passes_through_zero() -> None:
    """A Wasserstein loss is small at times, whatever the penalty is."""
    loss = {"discriminator/loss/adversarial": [-8.0, 1e-6, 8.0] * 8}
    for term, expected in ((0.001, ["idle-penalty"]), (0.1, [])):
        courses: Courses = {**loss, "discriminator/loss/gradient_penalty": term}
        assert symptoms(evidence("wgan-gp", courses)) == expected


def test_other_scores_are_ignored() -> None:
    worse = scored_by(90, 60, 49, 103, 131, 137)
    afterwards = tuple({**score, "while_training": False} for score in worse.scores)
    assert apply_rules(replace(worse, scores=afterwards)) == ()
    other = tuple({**score, "metric": "swd"} for score in worse.scores)
    assert apply_rules(replace(worse, scores=other)) == ()
