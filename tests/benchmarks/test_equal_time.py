"""Arms of equal processor time: they train, are resumed, are scored, and have their rows."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ganvas
from ganvas.errors import Diverged
from ganvas.recipes import Ramp, Recipe
from ganvas.runs import Run
from tests.builders.tiny import tiny_recipe

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import equal_time
import hour
from equal_time import Experiment, Job, Scoring

SCORING = Scoring(metrics=("swd",), scores=("swd",), samples=50)


@pytest.fixture
def images(tmp_path: Path) -> str:
    values = np.random.default_rng(0).integers(0, 256, (120, 12, 12, 1), dtype=np.uint8)
    np.save(tmp_path / "images.npy", values)
    return str(tmp_path / "images.npy")


def recipe() -> Recipe:
    it = tiny_recipe()
    return dataclasses.replace(it, data=dataclasses.replace(it.data, held_out=0.5))


def test_the_budget_is_what_the_pace_allows_in_whole_batches() -> None:
    base = dataclasses.replace(recipe(), batch=8)
    assert equal_time.within(base, 100.9).images == 96
    assert equal_time.within(base, 3).images == 8


def test_the_pace_leaves_out_what_starting_takes(
    images: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Starting takes 5 seconds, at first 25, and an image 10 ms: 100 images a second."""
    clock = [0.0]

    def train(recipe: Recipe, *_: Any, **__: Any) -> None:
        clock[0] += (5 if clock[0] else 25) + 0.01 * recipe.images

    monkeypatch.setattr("equal_time.ganvas.train", train)
    monkeypatch.setattr("equal_time.time.process_time", lambda: clock[0])
    assert equal_time.pace(recipe(), images) == pytest.approx(100)


def test_arms_are_trained_scored_and_written_and_not_trained_again(
    images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = {"tiny": recipe(), "half, the batch": dataclasses.replace(recipe(), batch=4)}
    experiment = Experiment("trial", arms, SCORING, tmp_path / "kept", tmp_path)
    monkeypatch.setattr(equal_time, "pace", lambda *_: 64.0)
    experiment.measure("noise", images, seconds=1, seeds=2, workers=1)
    results = experiment.read()
    keys = [f"noise/1/{folder}/{seed}" for folder in ("tiny", "half-the-batch") for seed in (0, 1)]
    assert sorted(it for it in results if not it.startswith("pace/")) == sorted(keys)
    assert all(results[key]["images"] == 64 for key in keys)
    assert (tmp_path / "trial-noise.png").exists()
    experiment.write_tables()
    text = (tmp_path / "trial-tables.md").read_text()
    assert "| tiny | 0 of 2 | 64 |" in text
    monkeypatch.setattr(equal_time, "run_job", None)  # would fail
    experiment.measure("noise", images, seconds=1, seeds=2, workers=1)
    assert experiment.read() == results


def test_an_interrupted_run_is_resumed_before_it_is_scored(
    images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job("noise", "tiny", 0, 1)
    equal_time.run_job(job, equal_time.within(recipe(), 32), images, SCORING, tmp_path)
    Run.open(tmp_path / job.key).write_status("interrupted", 32)
    resumed = []

    def resume(out: Path, images: int, quiet: bool) -> Run:
        resumed.append((out, images))
        run = Run.open(out)
        run.write_status("finished", images)
        return run

    monkeypatch.setattr("kept_runs.ganvas.resume", resume)
    for _ in range(2):
        arm = equal_time.within(recipe(), 32)
        values = equal_time.run_job(job, arm, images, SCORING, tmp_path)
    assert resumed == [(tmp_path / job.key, 32)]
    assert values["images"] == 32


def test_a_longer_time_begins_with_the_shorter_run_and_ends_with_the_same_weights(
    images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds, count in ((1, 16), (2, 32)):
        job = Job("noise", "tiny", 0, seconds)
        arm = equal_time.within(recipe(), count)
        equal_time.run_job(job, arm, images, SCORING, tmp_path / "kept")
    alone = Job("noise", "tiny", 0, 4)
    arm = equal_time.within(recipe(), 64)
    equal_time.run_job(alone, arm, images, SCORING, tmp_path / "alone")
    with monkeypatch.context() as patched:
        patched.setattr("kept_runs.ganvas.train", None)  # would fail
        values = equal_time.run_job(alone, arm, images, SCORING, tmp_path / "kept")
    assert values["images"] == 64
    continued, whole = (
        ganvas.load(tmp_path / kept / alone.key).sample(4) for kept in ("kept", "alone")
    )
    np.testing.assert_array_equal(continued, whole)


def test_a_run_whose_schedules_end_with_the_budget_begins_anew(images: str, tmp_path: Path) -> None:
    ramp = Ramp(shape="linear", start=2e-4, end=0.0)
    base = recipe()
    falling = dataclasses.replace(
        base, generator=dataclasses.replace(base.generator, learning_rate=ramp)
    )
    short, long = Job("noise", "falling", 0, 1), Job("noise", "falling", 0, 2)
    equal_time.run_job(short, equal_time.within(falling, 16), images, SCORING, tmp_path)
    equal_time.copy_shorter(long, equal_time.within(falling, 32), tmp_path)
    assert not (tmp_path / long.key).exists()


def test_a_run_that_diverged_is_counted(
    images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(*_: Any, **__: Any) -> None:
        raise Diverged("training stopped at 16 images")

    monkeypatch.setattr("equal_time.ganvas.train", train)
    job = Job("noise", "tiny", 1, 1)
    failed = equal_time.run_job(job, recipe(), images, SCORING, tmp_path)
    scored = {"swd": 12.0, "floor/swd": 3.0, "images": 64}
    results = {job.key: failed, dataclasses.replace(job, seed=0).key: scored}
    rows = equal_time.table({"tiny": recipe()}, SCORING, results, "noise", 1)
    assert rows[2].startswith("| tiny | 1 of 2 | 64 | 12")
    alone = equal_time.table({"tiny": recipe()}, SCORING, {job.key: failed}, "noise", 1)
    assert alone[2].startswith("| tiny | 1 of 1 |")


def test_a_change_is_that_of_the_same_seeds() -> None:
    """Half of the distance with every seed is half, however much seeds differ."""
    arms = {"base": recipe(), "half": recipe()}
    results = {
        Job("noise", arm, seed, 1).key: {
            "swd": factor * (seed + 10.0),
            "floor/swd": 1.0,
            "images": 64,
        }
        for arm, factor in (("base", 1.0), ("half", 0.5))
        for seed in range(4)
    }
    rows = equal_time.table(arms, SCORING, results, "noise", 1)
    assert "| -50.0 % |" in rows[3]


def test_the_hour_has_the_recipes_that_it_names_at_one_size() -> None:
    arms = hour.arms()
    assert set(hour.RECIPES) <= set(arms)
    assert {it.data.size for it in arms.values()} == {(32, 32)}
    slower, usual = arms[hour.SLOWER], arms["resnet-dcgan"]
    assert slower.generator.network == usual.generator.network
    assert slower.generator.learning_rate == arms["dcgan"].generator.learning_rate
    assert slower.generator.learning_rate != usual.generator.learning_rate
    wide, dcgan = arms[hour.WIDE], arms["dcgan"]
    assert wide != dcgan
    networks = (wide.generator.network, wide.discriminator.network)
    assert dcgan == wide.with_networks(*(dataclasses.replace(it, width=32) for it in networks))
    few = arms[hour.FEW_RESIDUAL]
    assert few.generator == usual.generator
    assert few.augmentation == arms["few"].augmentation


def test_a_program_changes_the_data_of_the_arms_it_is_told(
    images: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equal_time, "pace", lambda *_: 64.0)
    keep = str(tmp_path / "kept")
    line = [f"noise={images}", "--arms", "tiny", "--seconds", "1", "--seeds", "1"]
    line += ["--workers", "1", "--held-out", "0.75", "--size", "16"]
    line += ["--keep", keep, "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["trial", *line])
    arms = {"tiny": recipe(), "other": recipe()}
    equal_time.run_experiment("trial", "", arms, SCORING, seconds=9, seeds=9)
    run = Run.open(tmp_path / "kept" / "noise" / "1" / "tiny" / "0")
    data = run.read_recipe().data
    assert (data.held_out, data.size) == (0.75, (16, 16))
    assert not (tmp_path / "kept" / "noise" / "1" / "other").exists()


def test_an_arm_that_grows_does_so_from_the_same_fraction_of_another_side() -> None:
    grown = hour.arms()["dcgan, grown"]
    assert grown.grow is not None
    assert grown.grow.heights == (8, 16, 32)
    larger = equal_time.with_data(grown, 64, None)
    assert larger.grow is not None
    assert larger.grow.heights == (16, 32, 64)
    assert larger.data.size == (64, 64)
