"""Plans: durations and disk space."""

from __future__ import annotations

import dataclasses
import json

import pytest
from pydantic import TypeAdapter

from ganvas.studies.plan import Plan, savings

from .written_studies import RATE, a_plan, a_study


def test_durations_and_bytes_of_a_plan() -> None:
    study = a_study(samples=1000, evaluations=2)
    plan = a_plan(study, images=dict.fromkeys(RATE, 6000))
    # 6 s of training, three evaluations of 1 s, and 1,000 + 2 x 1,000 samples at 1 ms.
    assert plan.run_seconds(study, "dcgan") == pytest.approx(6 + 3 + 3)
    assert plan.run_seconds(study, "good-wide") == pytest.approx(24 + 6)
    one = dataclasses.replace(study, seeds=1)
    # Two workers, in order: 12 and 18 s; then 12 s for whoever is free at 12, and 30 s at 18.
    # And 4 s, once, to score 1,000 + 1,000 real images.
    assert plan.seconds(one) == pytest.approx(4 + 18 + 30)
    assert plan.seconds(one, ["dcgan"]) == pytest.approx(4 + 12)
    assert plan.seconds(one, []) == 0
    assert plan.bytes(study) == 5 * 4 * 10**6
    table = json.loads(json.dumps(dataclasses.asdict(plan)))
    assert TypeAdapter(Plan).validate_python(table) == plan


def test_training_and_scoring_of_a_plan_are_known_apart() -> None:
    study = a_study(samples=1000, evaluations=2)
    plan = a_plan(study, images=dict.fromkeys(RATE, 6000))
    assert plan.training_seconds("dcgan") == pytest.approx(6)
    assert plan.all_scoring_seconds(study, 2) == pytest.approx(6)
    # 6 s of scores in every run; 6, 12, 6 and 24 s of training, with 5 seeds; 4 s for real images.
    assert plan.scoring_fraction(study) == pytest.approx(124 / (124 + 240))
    without_curves = dataclasses.replace(study, evaluations=0)
    assert plan.scoring_fraction(without_curves) == pytest.approx(42 / (42 + 240))


def test_savings_name_what_is_changed_what_it_takes_then_and_its_price() -> None:
    study = a_study(samples=5000, evaluations=2)
    plan = a_plan(study, images=dict.fromkeys(RATE, 6000))
    found = savings(study, plan)
    assert [(saving.field, saving.value) for saving in found] == [
        ("evaluations", 0),
        ("samples", 1000),
        ("seeds", 3),
        ("metrics", ("swd",)),
    ]
    for saving in found[:3]:
        cheaper = dataclasses.replace(study, **{saving.field: saving.value})
        assert saving.seconds == plan.seconds(cheaper)
        assert saving.seconds < plan.seconds(study)
    assert found[3].seconds is None, "it was not measured"
    assert all(saving.price for saving in found)


def test_what_saves_nothing_is_not_suggested() -> None:
    study = a_study(samples=1000, evaluations=0, seeds=3, metrics=["swd"])
    assert savings(study, a_plan(study)) == []
    long = a_study(samples=5000, evaluations=1, seeds=3, metrics=["swd"])
    assert savings(long, a_plan(long, images=dict.fromkeys(RATE, 10**9))) == []
