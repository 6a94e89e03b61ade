"""A study with hand-written outcomes."""

from __future__ import annotations

import dataclasses
import tomllib
from typing import Any

from ganvas.studies.directory import StudyDirectory
from ganvas.studies.outcome import Cost, Outcome, ScorePoint
from ganvas.studies.plan import Plan, ThroughputEstimate
from ganvas.studies.reading import read_study
from ganvas.studies.study import Study

TEXT = """
base = "dcgan"
data = "fashion"
seeds = 5
images = 1000
metrics = ["fd-lite0", "coverage-lite0"]
[[arms]]
name = "good"
objective.loss = "hinge"
[[arms]]
name = "frail"
batch = 16
[[arms]]
name = "good-wide"
against = "good"
generator.network.width = 64
discriminator.network.width = 64
"""


LEVEL = {"dcgan": 100.0, "good": 50.0, "frail": 70.0, "good-wide": 25.0}


RATE = {"dcgan": 1000.0, "good": 500.0, "frail": 1000.0, "good-wide": 250.0}


def a_study(**changes: Any) -> Study:
    return read_study({**tomllib.loads(TEXT), **changes})


def a_plan(study: Study, **changes: Any) -> Plan:
    trials = {
        name: ThroughputEstimate(images_per_second=rate, memory_mb=300.0, run_bytes=10**6)
        for name, rate in RATE.items()
    }
    images = {arm.name: study.images or 1000 for arm in study.all_arms}
    plan = Plan(images=images, throughput=trials, scoring=(1.0, 0.001), workers=2, threads=1)
    return dataclasses.replace(plan, **changes)


def an_outcome(arm: str, seed: int, **changes: Any) -> Outcome:
    """A finished run: arms differ by a factor, seeds slightly; the score improves all the time."""
    wobble = seed * (1 + list(LEVEL).index(arm)) % 3
    fd = LEVEL[arm] * (1 + 0.01 * seed + 0.001 * wobble)
    cost = Cost(
        training_seconds=1000 / RATE[arm],
        images_per_second=RATE[arm],
        memory_mb=300.0,
        generator_weights=10,
        discriminator_weights=20,
        generator_bytes=40,
    )
    score_curve = (
        ScorePoint(images_seen=500, seconds=500 / RATE[arm], value=1.5 * fd),
        ScorePoint(images_seen=1000, seconds=1000 / RATE[arm], value=fd),
    )
    outcome = Outcome(
        arm=arm,
        seed=seed,
        ending="finished",
        images_seen=1000,
        scores={"fd-lite0": fd, "coverage-lite0": 0.5 + 0.01 * seed},
        floors={"fd-lite0": 5.0, "coverage-lite0": 0.9},
        score_curve=score_curve,
        cost=cost,
    )
    return dataclasses.replace(outcome, **changes)


def a_failure(arm: str, seed: int, ending: str = "diverged") -> Outcome:
    return an_outcome(
        arm,
        seed,
        ending=ending,
        reason="loss is not finite",
        images_seen=700,
        scores={},
        score_curve=(),
    )


def fill(directory: StudyDirectory, *failures: Outcome) -> None:
    failed = {(one.arm, one.seed): one for one in failures}
    for arm, seed in directory.run_keys():
        directory.write_outcome(failed.get((arm, seed)) or an_outcome(arm, seed))
