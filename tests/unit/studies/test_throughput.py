"""What a measurement of throughput times and weighs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganvas.errors import DataError, GanvasError
from ganvas.evaluation.extractors import Extractor
from ganvas.evaluation.families import FAMILIES, FeatureSets, MetricFamily
from ganvas.studies import running, throughput
from ganvas.studies.study import SAMPLES_WHILE_TRAINING, Study
from ganvas.training.step import train_step
from tests.builders.tiny import start, tiny_data, tiny_recipe

from .short_study import study_from

LEARNING = """
base = "dcgan"
data = "fashion"
images = 1000
shared.discriminator.network.norm = "none"
[[arms]]
name = "slow"
generator.learning_rate = 1e-5
discriminator.beta1 = 0.0
[[arms]]
name = "hinge"
objective.loss = "hinge"
objective.real_label = 0.9
[[arms]]
name = "penalised"
objective.penalties.r1.weight = 1.0
[[arms]]
name = "relativistic"
objective.loss = "relativistic"
[[arms]]
name = "wide"
generator.network.width = 64
[[arms]]
name = "wide-and-slow"
against = "wide"
ema_half_life = 500
"""


def test_arms_whose_steps_do_the_same_work_are_measured_once() -> None:
    """Learning rates, smoothed labels and most losses cost nothing; penalties and widths do."""
    assert throughput.measured_arms(study_from(LEARNING)) == {
        "dcgan": "dcgan",
        "slow": "dcgan",
        "hinge": "dcgan",
        "penalised": "penalised",
        "relativistic": "relativistic",
        "wide": "wide",
        "wide-and-slow": "wide",
    }


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, which only the stand-ins of a test move on."""
    now = [0.0]
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def extracted(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> list[int]:
    """How many images stand-in features were extracted of, each time: 16 ms an image."""
    counts: list[int] = []

    def extract(pixels: Tensor) -> Tensor:
        counts.append(len(pixels))
        clock[0] += 100.0 if len(counts) == 1 else 0.016 * len(pixels)
        return torch.zeros(len(pixels), 3)

    def estimate(sets: FeatureSets, seed: int) -> Any:
        clock[0] += 7.0

    extractors = {"pixels": Extractor("stand-in", extract)}
    monkeypatch.setitem(FAMILIES, "swd", MetricFamily("pixels", estimate, lambda sets: sets))
    monkeypatch.setattr(throughput, "extractors_for", lambda *_: extractors)
    return counts


def study_of(*metrics: str) -> Any:
    return SimpleNamespace(metrics=metrics, scores=metrics, sample_count=5_000)


def test_a_score_costs_its_samples_and_its_computing(extracted: list[int]) -> None:
    """The first batch of samples is not timed. No real images are scored: a study does that once,
    not for every run.
    """
    recipe = tiny_recipe()
    timed = throughput.time_scoring(study_of("swd"), recipe, start(recipe), tiny_data())
    assert timed.seconds == pytest.approx((7.0, 0.016))
    assert timed.failures == {}
    assert sum(extracted) * 0.016 == pytest.approx(2.0, abs=1.1)


@pytest.mark.usefixtures("extracted")
def test_a_metric_that_cannot_be_measured_is_named_unless_it_decides() -> None:
    recipe = tiny_recipe()
    timed = throughput.time_scoring(study_of("swd", "modes"), recipe, start(recipe), tiny_data())
    assert list(timed.failures) == ["modes"]
    with pytest.raises(GanvasError, match="modes decides the study, and cannot be measured: "):
        throughput.time_scoring(study_of("modes", "swd"), recipe, start(recipe), tiny_data())


def test_images_that_cannot_be_scored_are_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "plan_new_study", lambda *_: pytest.fail("it was measured"))
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8), np.uint8)
    np.save(tmp_path / "few.npy", images)
    base = replace(tiny_recipe(), data=replace(tiny_recipe().data, held_out=0.1))
    study = Study(base=base, data=str(tmp_path / "few.npy"), images=100, metrics=("swd",))
    with pytest.raises(DataError, match="6 of 60 images are held out, but a score needs at least"):
        running.compare(study, tmp_path / "study", quiet=True)
    enough = replace(base, data=replace(base.data, held_out=0.5))
    study = replace(study, base=enough, metrics=("modes", "swd"))
    with pytest.raises(GanvasError, match="modes decides the study, and cannot be measured: "):
        running.compare(study, tmp_path / "study", quiet=True)


def test_stand_ins_are_as_many_as_a_score_while_training_compares() -> None:
    data: Any = SimpleNamespace(training=range(50_000), held_out=range(300))
    sets = throughput.stand_in_sets(torch.arange(7), data, None)
    assert len(sets.training) == len(sets.fake) == SAMPLES_WHILE_TRAINING
    assert len(sets.held_out) == 300
    assert sets.held_out[:9].tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_a_run_takes_its_checkpoints_a_generator_and_grids() -> None:
    """The generator's file holds the EMA generator's weights; pixels of grids count in full."""
    recipe = tiny_recipe()
    state = start(recipe)
    train_step(state, recipe)
    checkpoint = sum(tensor.nbytes for tensor in state.tensors().values())
    generator = sum(tensor.nbytes for tensor in state.generator.state_dict().values())
    without_grids = throughput.run_bytes(recipe, state, None)
    height, width = recipe.data.size
    grid = 3 * throughput.GRID_IMAGES * height * width
    assert generator > 0
    assert (without_grids - 3 * checkpoint - generator) % grid == 0
    every = recipe.intervals.samples
    assert throughput.run_bytes(recipe, state, 5 * every) - without_grids == 5 * grid
