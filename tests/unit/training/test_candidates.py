"""What `--tune` tries for a recipe, what it costs, and which value it goes on with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganvas.errors import RecipeError
from ganvas.fields import get_field
from ganvas.health.finding import HealthStatus
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import PlayerSettings, Recipe
from ganvas.recipes.catalog import dcgan, r3gan, wgan, wgan_gp
from ganvas.runs.tuning import Candidate, CandidateOutcome, Tuning
from ganvas.schedules import Ramp
from ganvas.training.candidates import (
    OWN,
    choose_candidate,
    recipe_of,
    tuned_fields,
    with_tuning,
    with_values,
)

from ...builders.tiny import BATCH, tiny_recipe

BOTH_RATES = ("generator.learning_rate", "discriminator.learning_rate")
SMALLEST = 1_500 * BATCH
"""The smallest budget: 50 steps a candidate, three candidates, a tenth of the budget."""


def penalised(**weights: float) -> Recipe:
    settings = {name: PenaltySettings(weight=weight) for name, weight in weights.items()}
    return replace(dcgan(), objective=ObjectiveSettings(penalties=Penalties(**settings)))


@pytest.mark.parametrize(
    ("recipe", "fields"),
    [
        (r3gan(), ("objective.penalties.r1.weight", "objective.penalties.r2.weight")),
        (penalised(r1=1.0), ("objective.penalties.r1.weight",)),
        (wgan(), ("objective.clip_weights",)),
        (wgan_gp(), BOTH_RATES),
        (penalised(lecam=0.3), BOTH_RATES),
        (dcgan(), BOTH_RATES),
    ],
    ids=["R1 and R2", "R1 alone", "clipping", "gradient penalty", "LeCam", "nothing else"],
)
def test_the_field_that_matters_most(recipe: Recipe, fields: tuple[str, ...]) -> None:
    assert tuned_fields(recipe) == fields


def test_values_are_a_factor_of_four_apart() -> None:
    _, tuning = with_tuning(wgan())
    values = [candidate.values for candidate in tuning.candidates]
    assert values == [{"objective.clip_weights": text} for text in ("0.025", "0.1", "0.4")]


def test_schedules_are_multiplied_and_end_with_the_whole_run() -> None:
    recipe, tuning = with_tuning(r3gan())
    first = recipe_of(tuning.candidates[0], tuning, recipe)
    ramp = Ramp(shape="cosine", start=1.25, end=0.125, images=recipe.images)
    assert first.objective.penalties.r1.weight == first.objective.penalties.r2.weight == ramp
    assert first.images < recipe.images
    assert first.generator.learning_rate == recipe.generator.learning_rate


def test_the_own_value_is_exactly_the_recipe() -> None:
    rates = PlayerSettings(learning_rate=Ramp(shape="linear", start=1 / 3e3, end=0.0))
    recipe, tuning = with_tuning(tiny_recipe(generator=rates, images=SMALLEST))
    assert with_values(recipe, tuning.candidates[OWN]) == recipe


def test_all_candidates_and_the_rest_of_the_run_see_the_budget() -> None:
    budget = SMALLEST + 3 * BATCH
    recipe, tuning = with_tuning(tiny_recipe(images=budget))
    lost = 2 * tuning.images  # the run goes on from the third
    assert recipe.images + lost == budget
    assert 3 * tuning.images <= budget / 10 < 3 * (tuning.images + BATCH)


def test_several_steps_of_the_discriminator_make_one_step() -> None:
    _, tuning = with_tuning(tiny_recipe(images=5 * SMALLEST, discriminator_steps=5))
    assert tuning.images == 50 * 5 * BATCH


def test_a_budget_too_small_to_judge_is_refused_with_the_smallest() -> None:
    with_tuning(tiny_recipe(images=SMALLEST))
    with pytest.raises(RecipeError, match=rf"50 steps on. Give at least {SMALLEST:,} images"):
        with_tuning(tiny_recipe(images=SMALLEST - 1))


@pytest.mark.parametrize(("probes", "expected"), [(0, 20), (4_000, 20), (8, 8)])
def test_a_candidate_is_probed_often_and_ends_for_no_finding(probes: int, expected: int) -> None:
    recipe = tiny_recipe(images=SMALLEST, on_failure="rewind")
    recipe = replace(recipe, intervals=replace(recipe.intervals, probes=probes))
    recipe, tuning = with_tuning(recipe)
    own = recipe_of(tuning.candidates[OWN], tuning, recipe)
    assert own.intervals.probes == expected
    assert own.on_failure == "warn"


def chosen(*outcomes: tuple[HealthStatus, float | None]) -> tuple[int | None, str]:
    """What is chosen of x 1/4, x 1 and x 4, and why."""
    candidates = tuple(
        Candidate(factor, {"objective.clip_weights": "1"}, CandidateOutcome(verdict, score=score))
        for factor, (verdict, score) in zip((0.25, 1.0, 4.0), outcomes, strict=True)
    )
    tuning = choose_candidate(Tuning(200, candidates, "swd"))
    return tuning.chosen, tuning.why


def test_a_little_better_is_not_enough_to_leave_the_own_value() -> None:
    index, why = chosen(("healthy", 81.0), ("healthy", 100.0), ("healthy", 120.0))
    assert index == OWN
    assert why == "no other swd is below 80, 0.8 times that of the recipe's own"


def test_a_clearly_better_value_is_chosen() -> None:
    index, why = chosen(("healthy", 79.0), ("healthy", 100.0), ("too early to tell", 78.0))
    assert index == 2
    assert why == "its swd is below 80, 0.8 times that of the recipe's own"


def test_a_value_with_a_finding_is_not_clearly_better_whatever_its_score() -> None:
    assert chosen(("watch", 1.0), ("watch", 100.0), ("watch", 2.0))[0] == OWN
    assert chosen(("healthy", 70.0), ("watch", 100.0), ("watch", 2.0))[0] == 0


def test_where_the_own_value_fails_the_best_of_the_others_is_chosen() -> None:
    assert chosen(("watch", 99.0), ("failing", None), ("healthy", 100.0))[0] == 0
    index, why = chosen(("failing", None), ("diverged", None), ("watch", None))
    assert index == 2
    assert why == "the recipe's own value fails, and of the others it is the best"


def test_without_scores_the_own_value_stays() -> None:
    index, why = chosen(("healthy", None), ("watch", None), ("healthy", None))
    assert index == OWN
    assert "nothing can be scored" in why


def test_where_all_fail_none_is_chosen() -> None:
    assert chosen(*[("failing", None)] * 3) == (None, "")


def test_values_are_fields_of_the_recipe() -> None:
    recipe, tuning = with_tuning(r3gan())
    last = with_values(recipe, tuning.candidates[-1])
    for field, text in tuning.candidates[-1].values.items():
        assert text.startswith("cosine:20.0:2.0:")
        assert get_field(last, field) == Ramp(
            shape="cosine", start=20.0, end=2.0, images=recipe.images
        )
