"""How often runs are scored where a study leaves it open: at most a third of its time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganvas.data.stacking import STACKED
from ganvas.evaluation.evaluate import STACKED_SAMPLES
from ganvas.studies.plan import Plan
from ganvas.studies.scoring import CHOICES, choose_scoring, fewest_samples
from ganvas.studies.study import Study
from tests.builders.tiny import tiny_data

from .written_studies import RATE, a_plan, a_study

DATA = tiny_data()
OPEN = a_study()


def plan_of(images: int) -> Plan:
    """Runs train for 2 s for each 1,000 images, on average; a score takes 1 s + 1 ms a sample."""
    return a_plan(OPEN, images=dict.fromkeys(RATE, images))


def chosen(images: int, study: Study = OPEN) -> tuple[int | None, int | None]:
    study, _ = choose_scoring(study, plan_of(images), DATA)
    return study.evaluations, study.samples


def test_the_shorter_training_is_the_fewer_scores_there_are() -> None:
    ladder = [chosen(images) for images in range(1_000, 20_000, 250)]
    assert list(dict.fromkeys(ladder)) == list(reversed(CHOICES))


@pytest.mark.parametrize("images", [3_000, 6_000, 8_000, 12_000, 50_000])
def test_scores_take_at_most_a_third_of_the_time_and_as_much_of_it_as_they_can(
    images: int,
) -> None:
    plan = plan_of(images)
    evaluations, samples = chosen(images)
    assert plan.scoring_fraction(replace(OPEN, evaluations=evaluations, samples=samples)) <= 1 / 3
    for more in CHOICES[: CHOICES.index((evaluations or 0, samples or 0))]:
        dearer = replace(OPEN, evaluations=more[0], samples=more[1])
        assert plan.scoring_fraction(dearer) > 1 / 3


def test_what_a_study_says_itself_stays() -> None:
    assert chosen(1_000, a_study(samples=5000, evaluations=4)) == (4, 5000)
    assert chosen(1_000, a_study(samples=3000)) == (0, 3000)
    assert chosen(1_000, a_study(evaluations=3)) == (3, 1000)


def test_a_quality_to_reach_needs_a_score_while_training() -> None:
    assert chosen(1_000, a_study(quality=50.0)) == (1, 1000)


@pytest.mark.parametrize(
    ("images", "said", "reason"),
    [
        (50_000, {}, ""),
        (1_000, {"samples": 5000, "evaluations": 4}, ""),
        (
            6_000,
            {},
            "fewer scores than usual, so that they take at most a third of the time. For more: "
            "--evaluations 4 --samples 5000",
        ),
        (
            100,
            {"samples": 3000},
            "already the fewest scores, though they take more than a third of the time. For more: "
            "--evaluations 4",
        ),
    ],
)
def test_the_plan_says_why_there_are_fewer_scores_and_how_to_get_more(
    images: int, said: dict[str, int], reason: str
) -> None:
    _, plan = choose_scoring(a_study(**said), plan_of(images), DATA)
    assert plan.scoring_choice == reason
    assert replace(plan, scoring_choice="") == plan_of(images)


def test_metrics_get_the_samples_that_they_need() -> None:
    assert fewest_samples(a_study(metrics=["c2st"]), DATA) == 100
    stacked = replace(DATA, location=f"{STACKED}mnist")
    assert fewest_samples(a_study(metrics=["modes"]), stacked) == STACKED_SAMPLES
    assert choose_scoring(OPEN, plan_of(1_000), stacked)[0].samples == STACKED_SAMPLES
    many = replace(DATA, label_names=tuple(map(str, range(60))))
    assert fewest_samples(a_study(metrics=["swd", "intra-fd-lite0"]), many) == 3000
    assert fewest_samples(a_study(metrics=["swd"]), many) == 2
    huge = replace(DATA, label_names=tuple(map(str, range(1000))))
    assert fewest_samples(a_study(metrics=["intra-fd-lite0"]), huge) == 5000
