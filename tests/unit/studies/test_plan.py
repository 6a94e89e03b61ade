"""Plans: durations and disk space."""

from __future__ import annotations

import dataclasses
import json

import pytest
from pydantic import TypeAdapter

from ganvas.studies.plan import Plan

from .written_studies import RATE, a_plan, a_study


def test_durations_and_bytes_of_a_plan() -> None:
    study = a_study(samples=1000, evaluations=2)
    plan = a_plan(study, images=dict.fromkeys(RATE, 6000))
    # 6 s of training, three evaluations of 1 s, and 1,000 + 2 x 1,000 samples at 1 ms.
    assert plan.run_seconds(study, "dcgan") == pytest.approx(6 + 3 + 3)
    assert plan.run_seconds(study, "good-wide") == pytest.approx(24 + 6)
    one = dataclasses.replace(study, seeds=1)
    # Two workers, in order: 12 and 18 s; then 12 s for whoever is free at 12, and 30 s at 18.
    # And 2 s, once, for what the metrics see in 1,000 + 1,000 real images.
    assert plan.seconds(one) == pytest.approx(2 + 18 + 30)
    assert plan.seconds(one, ["dcgan"]) == pytest.approx(2 + 12)
    assert plan.seconds(one, []) == 0
    assert plan.bytes(study) == 5 * 4 * 10**6
    table = json.loads(json.dumps(dataclasses.asdict(plan)))
    assert TypeAdapter(Plan).validate_python(table) == plan
