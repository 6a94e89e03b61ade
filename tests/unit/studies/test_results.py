"""From written outcomes to what a study comes to: families, failures, cost, what is missing."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from ganvas.errors import RunError, StudyError
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.outcome import Cost, Outcome, ScorePoint
from ganvas.studies.plan import Plan, ThroughputEstimate
from ganvas.studies.reading import read_study
from ganvas.studies.results import read_results, write_results
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
architecture.width = 64
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
    """A finished run: arms differ by a factor, seeds by a little; it gets better all the time."""
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


@pytest.fixture
def directory(tmp_path: Path) -> StudyDirectory:
    study = a_study()
    data = {"fingerprint": "0" * 32, "location": "fashion"}
    return StudyDirectory.create(tmp_path / "study", study, a_plan(study), data, {"threads": 1})


def fill(directory: StudyDirectory, *failures: Outcome) -> None:
    failed = {(one.arm, one.seed): one for one in failures}
    for arm, seed in directory.run_keys():
        directory.write_outcome(failed.get((arm, seed)) or an_outcome(arm, seed))


def test_a_new_study_has_everything_missing(directory: StudyDirectory) -> None:
    results = read_results(directory.path)
    assert len(results.missing) == 4 * 5
    assert results.families == ()
    assert results.recommendation == ""
    assert results.deciding == "fd-lite0"
    assert json.loads(json.dumps(results.to_json()))["arms"][0]["verdict"] is None


def test_verdicts_within_each_family(directory: StudyDirectory) -> None:
    fill(directory)
    results = read_results(directory.path)
    assert results.missing == ()
    families = [(family.metric, family.base) for family in results.families]
    assert families == [
        ("fd-lite0", "dcgan"),
        ("fd-lite0", "good"),
        ("coverage-lite0", "dcgan"),
        ("coverage-lite0", "good"),
    ]
    good, wide = results.comparison("good", "fd-lite0"), results.comparison("good-wide", "fd-lite0")
    assert good is not None
    assert wide is not None
    assert good.verdict == wide.verdict == "better"
    assert good.ratio is not None
    assert good.ratio.value == pytest.approx(0.5, rel=0.01)
    assert wide.ratio is not None
    assert wide.ratio.value == pytest.approx(0.5, rel=0.01), "against good, not against the base"
    assert good.adjusted == pytest.approx(2 * good.p), "Holm's correction over a family of two"
    assert wide.adjusted == wide.p, "and of one"
    assert results.comparison("dcgan", "fd-lite0") is None
    assert results.families[0].floor == 5.0
    summary = results.summary("good-wide", "fd-lite0")
    assert summary is not None
    assert summary.mean == pytest.approx(25.5, rel=0.01)


def test_failures_count_with_their_reasons(directory: StudyDirectory) -> None:
    fill(directory, *(a_failure("frail", seed) for seed in (0, 1, 2, 3)))
    results = read_results(directory.path)
    assert list(results.arm("frail").failures) == [0, 1, 2, 3]
    frail = results.comparison("frail", "fd-lite0")
    assert frail is not None
    assert frail.test == "ranks, failures last", "not judged by its one survivor"
    assert frail.verdict != "better"
    table = json.loads(json.dumps(results.to_json()))
    found = {arm["name"]: arm for arm in table["arms"]}["frail"]
    assert found["runs"] == 5
    assert found["failures"]["2"] == "diverged: loss is not finite"
    assert found["verdict"] == frail.verdict


def test_a_collapsed_run_is_a_failure_although_it_has_scores(directory: StudyDirectory) -> None:
    fill(directory, an_outcome("good", 2, ending="collapsed", reason="all alike"))
    results = read_results(directory.path)
    summary = results.summary("good", "fd-lite0")
    assert summary is not None
    assert summary.reasons == ("collapsed: all alike",)
    assert results.arm("good").outcomes[2].scores["fd-lite0"] > 0


def test_a_score_that_is_no_number_is_a_failure(directory: StudyDirectory) -> None:
    broken = an_outcome("good", 1, scores={"fd-lite0": float("nan"), "coverage-lite0": 0.5})
    fill(directory, broken)
    summary = read_results(directory.path).summary("good", "fd-lite0")
    assert summary is not None
    assert summary.reasons == ("fd-lite0 could not be computed",)


def test_half_done_it_compares_what_there_is(directory: StudyDirectory) -> None:
    for arm in ("dcgan", "good"):
        for seed in range(4):
            directory.write_outcome(an_outcome(arm, seed))
    results = read_results(directory.path)
    assert len(results.missing) == 2 + 2 * 5
    assert results.arm("good").missing == (4,)
    good = results.comparison("good", "fd-lite0")
    assert good is not None
    assert good.seeds == 4
    assert results.comparison("frail", "fd-lite0") is None


def test_how_long_until_the_bases_usual_end(directory: StudyDirectory) -> None:
    fill(directory, a_failure("good", 4))
    results = read_results(directory.path)
    assert results.quality == pytest.approx(102, abs=0.5), "the median of the base's last scores"
    good, base = results.arm("good"), results.arm("dcgan")
    assert good.to_quality_images is not None
    assert good.to_quality_seconds is not None
    assert base.to_quality_images is not None
    assert good.to_quality_images.median == 500
    assert good.to_quality_seconds.median == 1.0, "500 images at 500 a second"
    assert (good.to_quality_images.reached, good.to_quality_images.runs) == (4, 5)
    assert base.to_quality_images.median == 1000


def test_cost_is_time_for_as_many_images_as_the_base(directory: StudyDirectory) -> None:
    fill(directory)
    results = read_results(directory.path)
    cost = results.arm("good").cost
    assert cost is not None
    assert cost.images_per_second == 500
    assert results.recommendation == (
        "good, if 2.0 times the training time can be accepted; else frail"
    )
    assert results.families[0].comparison.pareto == ("frail", "good")


def test_equal_time_costs_the_same(tmp_path: Path) -> None:
    study = a_study(images=None, time="1s")
    images = {"dcgan": 1000, "good": 500, "frail": 1000, "good-wide": 250}
    plan = a_plan(study, images=images)
    directory = StudyDirectory.create(tmp_path / "study", study, plan, {"fingerprint": ""}, {})
    fill(directory)
    results = read_results(directory.path)
    assert "times the training time" not in results.recommendation
    assert results.arm("good").images == 500


def test_what_is_written_is_the_contract(directory: StudyDirectory) -> None:
    fill(directory)
    results = write_results(directory.path)
    table = json.loads(directory.results_file.read_text())
    assert table["recommendation"] == results.recommendation
    for arm in table["arms"]:
        assert {"name", "runs", "failures", "metrics", "verdict"} <= arm.keys()
    assert table["arms"][1]["metrics"]["fd-lite0"]["scores"]["0"] == 50.0


def test_outcomes_read_back(directory: StudyDirectory) -> None:
    for outcome in (an_outcome("good", 0), a_failure("frail", 1)):
        directory.write_outcome(outcome)
        assert directory.outcome(outcome.arm, outcome.seed) == outcome


def test_more_seeds_are_added(directory: StudyDirectory) -> None:
    assert directory.with_seeds(3).study.seeds == 5, "never fewer"
    assert directory.with_seeds(7).study.seeds == 7
    assert StudyDirectory.open(directory.path).study.seeds == 7
    assert StudyDirectory.open(directory.path).plan == directory.plan


def test_the_plan_adds_up() -> None:
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


def test_directories_that_are_no_study(tmp_path: Path, directory: StudyDirectory) -> None:
    with pytest.raises(RunError, match="no such directory"):
        StudyDirectory.open(tmp_path / "none")
    (tmp_path / "other").mkdir()
    with pytest.raises(RunError, match=r"it holds no study\.json"):
        read_results(tmp_path / "other")
    (tmp_path / "other" / "study.json").write_text('{"format": 99}')
    with pytest.raises(RunError, match="format 99"):
        StudyDirectory.open(tmp_path / "other")
    (tmp_path / "other" / "study.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        StudyDirectory.open(tmp_path / "other")
    with pytest.raises(RunError, match="is in use and is not a study"):
        StudyDirectory.create(
            tmp_path / "other", directory.study, directory.plan, directory.data, {}
        )
    damaged = json.loads((directory.path / "study.json").read_text())
    damaged["study"]["seeds"] = 0
    (directory.path / "study.json").write_text(json.dumps(damaged))
    with pytest.raises(StudyError, match="seeds"):
        _ = StudyDirectory.open(directory.path).study
