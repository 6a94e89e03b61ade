"""How verdicts and plans are shown."""

from __future__ import annotations

import pytest

from ganvas.studies.comparison import compare_arms
from ganvas.studies.display import StudyDisplay, aligned, format_comparison
from ganvas.studies.plan import Plan, ThroughputEstimate
from ganvas.studies.reading import read_study
from ganvas.studies.statistics import ArmScores, Failure
from ganvas.studies.study import MIN_SEEDS


def test_columns_are_as_wide_as_their_content() -> None:
    assert aligned([("", "fd"), ("a-long-name", "1")]) == "             fd\na-long-name  1"


def test_a_distance_is_compared_by_a_percentage() -> None:
    """About half of the base's score: -50 %."""
    base = ArmScores("base", {seed: 100.0 + seed for seed in range(5)})
    arm = ArmScores("arm", {seed: (50.0 + seed / 2) * (1 + 0.01 * (seed - 2)) for seed in range(5)})
    (against,) = compare_arms(base, [arm], more_is_better=False, scale="log")
    words = format_comparison(against)
    assert words.startswith("better (-50 % [-5")
    assert words.endswith("])")


def test_a_fraction_is_compared_by_a_difference() -> None:
    base = ArmScores("base", {seed: 0.5 + 0.001 * seed for seed in range(5)})
    arm = ArmScores("arm", {seed: 0.4 + 0.002 * seed for seed in range(5)})
    (against,) = compare_arms(base, [arm], more_is_better=True, scale="plain")
    assert format_comparison(against).startswith("worse (-0.098 [-0.1, -0.096")


def test_where_a_run_failed_ranks_decide_and_the_size_is_of_the_others() -> None:
    """wgan and its arm with spectral norm on CIFAR-10: scores of five seeds, one collapsed."""
    collapsed = Failure("collapsed")
    base = ArmScores("wgan", {0: 1798.0, 1: 1807.0, 2: 2706.0, 3: 3172.0, 4: collapsed})
    arm = ArmScores("spectral", dict(enumerate((1353.0, 1344.0, 1417.0, 1497.0, 1397.0))))
    (against,) = compare_arms(base, [arm], more_is_better=False, scale="log")
    assert format_comparison(against) == (
        "better by ranks (-39 % [-58.4, -10.7] without failed runs)"
    )
    failed = ArmScores("failed", dict.fromkeys(range(5), collapsed))
    (against,) = compare_arms(arm, [failed], more_is_better=False, scale="log")
    assert format_comparison(against) == "worse by ranks"


@pytest.mark.parametrize(
    ("seeds", "arms", "warned"), [(2, 2, True), (MIN_SEEDS, 2, False), (2, 1, False)]
)
def test_a_plan_warns_about_too_few_seeds(
    capsys: pytest.CaptureFixture[str], seeds: int, arms: int, warned: bool
) -> None:
    """The warning comes before any training; a single arm needs none."""
    table = {"base": "mlp", "data": "fashion", "images": 1000, "seeds": seeds}
    study = read_study({**table, "arms": [{"name": "wgan", "recipe": "wgan"}][: arms - 1]})
    trial = ThroughputEstimate(images_per_second=100.0, memory_mb=1.0, run_bytes=1)
    names = [arm.name for arm in study.all_arms]
    plan = Plan(
        images=dict.fromkeys(names, 1000),
        throughput=dict.fromkeys(names, trial),
        scoring=(1.0, 0.001),
        workers=1,
        threads=1,
    )
    StudyDisplay().plan(study, plan)
    assert ("use at least --seeds 3" in capsys.readouterr().out) is warned


def test_a_plan_tells_training_from_scoring_and_what_it_is_based_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arms = [
        {"name": "slow", "generator": {"learning_rate": 1e-5}},
        {"name": "wgan", "recipe": "wgan"},
    ]
    study = read_study({"base": "dcgan", "data": "fashion", "images": 60_000, "arms": arms})
    trial = ThroughputEstimate(images_per_second=100.0, memory_mb=1.0, run_bytes=1)
    names = [arm.name for arm in study.all_arms]
    plan = Plan(
        images=dict.fromkeys(names, 60_000),
        throughput=dict.fromkeys(names, trial),
        scoring=(24.0, 0.12),
        workers=1,
        threads=1,
        scoring_choice="fewer scores than usual",
    )
    StudyDisplay().plan(study, plan)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["arm", "images", "images/s", "training", "scoring", "changes"]
    assert lines[2].split()[:7] == ["dcgan", "60k", "100", "10", "min", "20", "min"]
    (scoring,) = (line for line in lines if line.startswith("scoring is"))
    assert scoring == (
        "scoring is 68% of the time: 4 with 1k samples while a run trains, "
        "and one with 5k at the end, fd-lite0 prdc-lite0"
    )
    assert "fewer scores than usual" in lines
    (basis,) = (line for line in lines if line.startswith("based on"))
    assert "of training of dcgan, wgan, and on one small score" in basis
