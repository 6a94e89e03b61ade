"""From written outcomes to results: families, failures, cost, missing runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ganvas.studies.directory import StudyDirectory
from ganvas.studies.results import read_results, write_results

from .written_studies import a_failure, a_plan, a_study, an_outcome, fill


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
    assert frail.test == "ranks, failures last", "not compared by its one surviving run"
    assert frail.verdict != "better"
    table = json.loads(json.dumps(results.to_json()))
    table_of_frail = {arm["name"]: arm for arm in table["arms"]}["frail"]
    assert table_of_frail["runs"] == 5
    assert table_of_frail["failures"]["2"] == "diverged: loss is not finite"
    assert table_of_frail["verdict"] == frail.verdict


def test_a_collapsed_run_is_a_failure_although_it_has_scores(directory: StudyDirectory) -> None:
    fill(directory, an_outcome("good", 2, ending="collapsed", reason="all alike"))
    results = read_results(directory.path)
    summary = results.summary("good", "fd-lite0")
    assert summary is not None
    assert summary.reasons == ("collapsed: all alike",)
    assert results.arm("good").outcomes[2].scores["fd-lite0"] > 0


def test_a_nan_score_is_a_failure(directory: StudyDirectory) -> None:
    broken = an_outcome("good", 1, scores={"fd-lite0": float("nan"), "coverage-lite0": 0.5})
    fill(directory, broken)
    summary = read_results(directory.path).summary("good", "fd-lite0")
    assert summary is not None
    assert summary.reasons == ("fd-lite0 could not be computed",)


def test_an_unfinished_study_compares_the_runs_so_far(directory: StudyDirectory) -> None:
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


def test_time_to_the_bases_median_final_score(directory: StudyDirectory) -> None:
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


def test_cost_does_not_depend_on_an_arms_own_budget(tmp_path: Path) -> None:
    study = a_study()
    images = {"dcgan": 1000, "good": 4000, "frail": 1000, "good-wide": 1000}
    plan = a_plan(study, images=images)
    directory = StudyDirectory.create(tmp_path / "study", study, plan, {"fingerprint": ""}, {})
    fill(directory)
    recommendation = read_results(directory.path).recommendation
    assert recommendation.startswith("good, if 2.0 times the training time")


def test_cost_counts_runs_that_failed_and_a_floor_is_the_median(directory: StudyDirectory) -> None:
    slow = []
    for seed in range(3):
        failure = a_failure("good", seed)
        assert failure.cost is not None
        slow.append(replace(failure, cost=replace(failure.cost, images_per_second=100.0)))
    lucky = an_outcome("dcgan", 0, floors={"fd-lite0": 1.0, "coverage-lite0": 0.9})
    fill(directory, *slow, lucky)
    results = read_results(directory.path)
    cost = results.arm("good").cost
    assert cost is not None
    assert cost.images_per_second == 100
    assert results.families[0].floor == 5.0


def test_studies_by_time_have_equal_costs(tmp_path: Path) -> None:
    study = a_study(images=None, time="1s")
    images = {"dcgan": 1000, "good": 500, "frail": 1000, "good-wide": 250}
    plan = a_plan(study, images=images)
    directory = StudyDirectory.create(tmp_path / "study", study, plan, {"fingerprint": ""}, {})
    fill(directory)
    results = read_results(directory.path)
    assert "times the training time" not in results.recommendation
    assert results.arm("good").images == 500


def test_results_json_has_the_promised_fields(directory: StudyDirectory) -> None:
    fill(directory)
    results = write_results(directory.path)
    table = json.loads(directory.results_file.read_text())
    assert table["recommendation"] == results.recommendation
    for arm in table["arms"]:
        assert {"name", "runs", "failures", "metrics", "verdict"} <= arm.keys()
    assert table["arms"][1]["metrics"]["fd-lite0"]["scores"]["0"] == 50.0


def test_results_are_short_as_text_and_a_table_as_html(directory: StudyDirectory) -> None:
    fill(directory)
    results = read_results(directory.path)
    assert repr(results).startswith(f"StudyResults({directory.path}: ")
    assert results.recommendation in repr(results)
    assert len(repr(results)) < 500
    shown = results._repr_html_()
    assert shown.count("<tr>") == 1 + len(results.arms)
    assert "<td>better</td>" in shown or "<td>too few seeds to say</td>" in shown
