"""How a plan is made: which arms are measured, and for which arms that counts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from ganvas.evaluation.failures import Failures
from ganvas.studies import planning
from ganvas.studies.display import StudyDisplay
from ganvas.studies.executors import WorkerPool
from ganvas.studies.plan import ThroughputEstimate
from ganvas.studies.throughput import ThroughputJob, ThroughputResult, TimedScoring
from tests.builders.tiny import tiny_data

from .written_studies import a_study


@contextmanager
def threads(workers: int, threads: int) -> Iterator[Executor]:
    with ThreadPoolExecutor(workers) as executor:
        yield executor


def test_an_arm_that_trains_as_fast_as_another_is_not_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`good` changes the loss alone. The fourth measurement keeps the second worker busy."""
    rates = {"dcgan": 1000.0, "frail": 400.0, "good-wide": 200.0}
    measured: list[str] = []

    def estimate(job: ThroughputJob) -> ThroughputResult:
        measured.append(job.arm)
        trial = ThroughputEstimate(
            images_per_second=rates[job.arm], memory_mb=1.0, run_bytes=int(rates[job.arm])
        )
        return trial, TimedScoring((1.0, 0.001), Failures()) if job.scored else None

    monkeypatch.setattr(planning, "estimate_throughput", estimate)
    pool: Any = WorkerPool(2, 1, ("cpu",), threads)
    study = a_study(images=None, time=60.0)
    plan = planning.make_plan(study, tiny_data(), pool, StudyDisplay(quiet=True))
    assert sorted(measured) == ["dcgan", "dcgan", "frail", "good-wide"]
    assert {name: one.images_per_second for name, one in plan.throughput.items()} == {
        **rates,
        "good": 1000.0,
    }
    assert plan.images["good"] == plan.images["dcgan"] > plan.images["frail"]
