"""Evidence from broken histories: what counts, and what is said about the rest."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganvas.health.assessment import apply_rules
from ganvas.health.evidence import MAX_VALUE, Evidence, caveats, finite_number
from ganvas.recipes import CATALOG
from ganvas.schedules import Ramp
from tests.builders.histories import HEALTHY, written
from tests.builders.symptoms import SICK, scored

RECIPE = CATALOG["dcgan"]()


def at(*seen: Any, **columns: Any) -> Evidence:
    return Evidence(tuple({"images_seen": images, **columns} for images in seen), RECIPE)


def judged(evidence: Evidence) -> list[int]:
    return [record["images_seen"] for record in evidence.valid_records]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (0.5, 0.5),
        (True, None),
        ("1", None),
        (None, None),
        ([1.0], None),
        (math.nan, None),
        (math.inf, None),
        (10**400, MAX_VALUE),
        (-1e300, -MAX_VALUE),
    ],
)
def test_finite_number_accepts_only_finite_numbers(value: object, expected: float | None) -> None:
    assert finite_number(value) == expected


@pytest.mark.parametrize(
    ("seen", "kept"),
    [
        ((), []),
        ((0, 64, 128), [0, 64, 128]),
        ((64, 128, 64, 192), [64, 192]),  # another run, or one that was started again
        ((9_000, 5_000, 1_000), [1_000]),
        ((64, 128, 128, 192), [64, 128, 192]),
        ((64, None, "128", -3, math.nan, True, 10**400, 192), [64, 192]),
    ],
)
def test_valid_records_start_after_the_last_decrease(
    seen: tuple[Any, ...], kept: list[int]
) -> None:
    assert judged(at(*seen)) == kept


def test_the_later_of_two_records_at_the_same_images_counts() -> None:
    twice = Evidence(({"images_seen": 64, "x": 1}, {"images_seen": 64, "x": 2}), RECIPE)
    assert twice.column("x") == [(64, 2.0)]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=20))
def test_valid_records_increase_and_end_with_the_history(seen: list[int]) -> None:
    found = judged(at(*seen))
    assert found == sorted(set(found))
    assert found[-1] == seen[-1]
    assert judged(at(*sorted(seen))) == sorted(set(seen))


def test_columns_skip_values_that_are_no_numbers() -> None:
    records = ({"images_seen": 1, "x": 2}, {"images_seen": 2}, {"images_seen": 3, "x": "two"})
    evidence = Evidence(records, RECIPE)
    assert evidence.column("x") == [(1, 2.0)]
    assert evidence.latest("x") == 2.0
    assert evidence.latest("y") is None


def test_probed_records_are_those_with_probes() -> None:
    records = ({"images_seen": 1, "x": 1}, {"images_seen": 2, "probe/r_t": 0.5})
    assert Evidence(records, RECIPE).probed == records[1:]
    assert Evidence(records, RECIPE).evaluated_indices == (1,)
    assert Evidence(records[:1], RECIPE).evaluated_indices == (0,)


def test_steps_count_the_generators_updates() -> None:
    five = replace(RECIPE, discriminator_steps=5)
    assert Evidence((), RECIPE).generator_steps(3_200) == 100
    assert Evidence((), five).generator_steps(3_200) == 20


@pytest.mark.parametrize(
    ("schedule", "left"),
    [
        (2e-4, 1.0),
        (Ramp(shape="linear", start=2e-4, end=0.0), 0.25),  # open: over the budget of 200k
        (Ramp(shape="linear", start=2e-4, end=0.0, images=300_000), 0.5),
        (Ramp(shape="linear", start=0.0, end=2e-4, images=300_000), 0.5),
    ],
)
def test_learning_rate_fraction_follows_the_schedule(schedule: Any, left: float) -> None:
    recipe = replace(RECIPE, generator=replace(RECIPE.generator, learning_rate=schedule))
    assert Evidence((), recipe).learning_rate_fraction("generator", 150_000) == pytest.approx(left)


def test_training_scores_are_those_of_the_selection_metric() -> None:
    good = scored(90, 80, 70)
    broken: tuple[Any, ...] = (
        {**good[0], "metric": "swd"},
        {**good[0], "while_training": False},
        {**good[0], "value": None},
        {**good[0], "images_seen": "x"},
        "no record",
        None,
    )
    evidence = Evidence((), RECIPE, scores=(*broken, *good[::-1], *broken))
    assert [(score.images, score.value) for score in evidence.training_scores] == [
        (4_000, 90),
        (8_000, 80),
        (12_000, 70),
    ]
    assert {score.half_width for score in evidence.training_scores} == {2.0}
    without = tuple({**score, "interval": "wide"} for score in good)
    assert {score.half_width for score in Evidence((), RECIPE, scores=without).training_scores} == {
        0.0
    }


# What is said about it.


def test_a_complete_history_has_no_caveats() -> None:
    recipe = RECIPE.with_fixed_schedules()
    assert caveats(Evidence(written(recipe, HEALTHY["dcgan"]), recipe)) == ()


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (at(), "no history yet"),
        (at(64, 128), "No probes were taken yet"),
        (at(64, **{"probe/r_t": 0.5}), "only one probed record"),
        (at(64, 128, 32, 64, **{"probe/r_t": 0.5}), "decrease 1 times"),
        (at(64, None, "x", 128, **{"probe/r_t": 0.5}), "2 of 4 records could not be read"),
        (
            at(64, 128, **{"probe/r_t": 0.5, "probe/missing": {"lipschitz/bound": "no bound"}}),
            "lipschitz/bound: no bound",
        ),
        (
            replace(
                at(64, 128),
                recipe=replace(RECIPE, intervals=replace(RECIPE.intervals, probes=0)),
            ),
            "intervals.probes is 0",
        ),
    ],
)
def test_caveats_name_what_makes_a_status_uncertain(evidence: Evidence, said: str) -> None:
    found = caveats(evidence)
    assert any(said in line for line in found)
    assert all(line.endswith(".") for line in found)


def test_rules_use_only_the_last_run_in_a_history() -> None:
    sick = SICK["one image for all"].evidence
    healthy = written(sick.recipe, HEALTHY["dcgan"])
    mixed = replace(sick, records=(*sick.records, *healthy))
    assert apply_rules(mixed) == ()
    assert apply_rules(replace(sick, records=(*healthy, *sick.records))) == apply_rules(sick)
    assert any("several runs" in line for line in caveats(mixed))


def test_unreadable_records_do_not_change_findings() -> None:
    sick = SICK["one image for all"].evidence
    garbage: tuple[Any, ...] = ("{", None, [], 3, {"images_seen": None}, {"probe/r_t": 1})
    records = tuple(row for record in sick.records for row in (record, *garbage))
    assert apply_rules(replace(sick, records=records)) == apply_rules(sick)
