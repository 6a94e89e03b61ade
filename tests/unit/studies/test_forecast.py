"""How far runs are by their files, and how long a study still takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ganvas.studies.directory import StudyDirectory
from ganvas.studies.display import StudyDisplay
from ganvas.studies.forecast import Stage, StudyForecast, read_stage
from ganvas.studies.outcome import Outcome
from ganvas.studies.plan import Plan, ThroughputEstimate
from ganvas.studies.reading import read_study
from ganvas.studies.worker import Job
from tests.builders import run_files

MLP = ("mlp", 0)


@pytest.fixture
def directory(tmp_path: Path) -> StudyDirectory:
    """One arm and two seeds of 1,000 images, scored at 500, at 1,000 and at the end.

    By the plan a run trains for 10 s; its scores take 2 s each while it trains, and 6 s at the end.
    """
    study = read_study(
        {"base": "mlp", "data": "fashion", "images": 1000, "seeds": 2, "evaluations": 2}
    )
    trial = ThroughputEstimate(images_per_second=100.0, memory_mb=1.0, run_bytes=1)
    plan = Plan(
        images={"mlp": 1000}, throughput={"mlp": trial}, scoring=(1.0, 0.001), workers=1, threads=1
    )
    return StudyDirectory.create(tmp_path / "study", study, plan, {}, {})


def jobs(directory: StudyDirectory) -> list[Job]:
    return [Job(directory.path, arm, seed, "fashion", 1) for arm, seed in directory.run_keys()]


def trained(directory: StudyDirectory, seen: int, rate: float = 100.0) -> None:
    add(directory, "history", {"images_seen": seen, "images_per_second": rate})


def scored(directory: StudyDirectory, seen: int) -> None:
    add(directory, "scores", run_files.score(images_seen=seen))


def add(directory: StudyDirectory, name: str, record: dict[str, Any]) -> None:
    path = directory.run_path(*MLP) / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")


def finished(seed: int) -> Outcome:
    return Outcome(arm="mlp", seed=seed, ending="finished", scores={"fd-lite0": 1.0}, floors={})


def test_stage_follows_history_and_scores(directory: StudyDirectory) -> None:
    assert read_stage(directory, MLP) == Stage(0, 0, False)
    trained(directory, 448)
    assert read_stage(directory, MLP) == Stage(448, 0, False)
    trained(directory, 512)
    assert read_stage(directory, MLP) == Stage(512, 0, True)
    scored(directory, 512)
    assert read_stage(directory, MLP) == Stage(512, 1, False)
    trained(directory, 1024)
    assert read_stage(directory, MLP) == Stage(1000, 1, True), (
        "the last batch goes beyond the budget"
    )
    scored(directory, 1024)
    assert read_stage(directory, MLP) == Stage(1000, 2, True), "final scores come next"


def test_time_left_falls_while_scoring_and_is_unknown_when_scoring_takes_too_long(
    directory: StudyDirectory,
) -> None:
    one, two = jobs(directory)
    forecast = StudyForecast(directory, [one, two])
    forecast.observe([one], 0.0)
    assert forecast.seconds(0.0) == pytest.approx(2 * (10 + 2 * 2 + 6))
    assert forecast.seconds(3.0) == pytest.approx(40 - 3), "it trains, although nothing is written"
    trained(directory, 1024)
    scored(directory, 1024)
    forecast.observe([one], 20.0)
    assert [forecast.seconds(20.0 + s) for s in (0, 2, 5)] == pytest.approx([26, 24, 21])
    assert forecast.seconds(27.0) is None, "scoring takes longer than the six seconds expected"


def test_measured_rates_replace_the_plan(directory: StudyDirectory) -> None:
    """Training is four times as fast as planned, scores take three times as long."""
    one, two = jobs(directory)
    forecast = StudyForecast(directory, [one, two])
    forecast.observe([one], 0.0)
    trained(directory, 1024, rate=400.0)
    scored(directory, 1024)
    forecast.observe([one], 10.0)
    forecast.run_ended(MLP, 10.0 + 3 * 6)
    assert forecast.seconds(28.0) == pytest.approx(1000 / 400 + 3 * (2 * 2 + 6))
    forecast.run_ended(("mlp", 1), 30.0, scored=False)
    assert forecast.seconds(30.0) == 0.0


def test_idle_workers_take_the_next_runs(directory: StudyDirectory) -> None:
    one, two = jobs(directory)
    forecast = StudyForecast(directory, [one, two])
    forecast.observe([one, two], 0.0)
    assert forecast.seconds(0.0) == pytest.approx(20), "in parallel"
    forecast.observe([one], 0.0)
    assert forecast.seconds(0.0) == pytest.approx(20)


def test_progress_line_names_stages_and_never_counts_down(
    directory: StudyDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    display = StudyDisplay()
    one, two = jobs(directory)
    display.begin(directory, [one, two])
    trained(directory, 448)
    assert display.describe([one, two]).startswith("0 of 2 runs  448/2k images  0:")
    assert display.describe([one, two]).endswith(" left  training mlp 0, mlp 1")
    trained(directory, 256)  # it went on from its last checkpoint
    assert "448/2k images" in display.describe([one, two])
    trained(directory, 1024)
    assert "1k/2k images" in display.describe([one, two])
    assert display.describe([one, two]).endswith("training mlp 1  scoring mlp 0")
    display.ended(finished(seed=0))
    assert display.describe([two]).startswith("1 of 2 runs  1k/2k images  0:")
    display.ended(finished(seed=1))
    assert display.describe([]) == "2 of 2 runs  2k/2k images"
    printed = capsys.readouterr().out
    assert f"writing to {directory.path}" in printed
    assert "[1/2] mlp seed 0: finished" in printed
