"""Captured steps are the steps: the same weights, for every loss, penalty and network.

`tests/builders/tape.py` stands in for CUDA graphs; `tests/end_to_end/test_gpu.py` has real ones.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ganvas.objectives import augmentation
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.objective import Objective
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.precision import FP32, Precision
from ganvas.recipes import PlayerSettings, Recipe
from ganvas.schedules import Adaptive, Ramp
from ganvas.training.engine import WARMUP_STEPS, CudaGraphs, Eager, Engine
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.choices import in_turns
from tests.builders.strong_penalties import (
    CLEAR_FRACTION,
    penalty_fraction,
    steepen,
    with_strong_penalties,
)
from tests.builders.tape import ReadsNumbers, pretend_cuda_graphs
from tests.builders.tiny import BATCH, FAMILIES, small, start, tiny_data, tiny_recipe

STEPS = WARMUP_STEPS + 3
FUNCTIONS = (
    "generate",
    "discriminator",
    "discriminator's norm",
    "discriminator's step",
    "generator",
    "backward",
    "generator's norm",
    "generator's step",
)
"""What a plain step wraps, in this order."""


@pytest.fixture(autouse=True)
def cuda_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_cuda_graphs(monkeypatch)


def trained(
    recipe: Recipe,
    settings: ObjectiveSettings,
    engine: Engine,
    precision: Precision = FP32,
    steps: int = STEPS,
) -> TrainState:
    """A steep state after some steps."""
    state = steepen(start(recipe))
    state.precision, state.objective = precision, Objective.build(settings)
    state.use_engine(engine)
    for _ in range(steps):
        train_step(state, recipe)
    return state


def assert_alike(
    recipe: Recipe, *penalties: str, every: int = 1, precision: Precision = FP32
) -> None:
    """Both ways end with the same tensors, and all functions are captured."""
    state = steepen(start(recipe))
    settings = with_strong_penalties(state, recipe.objective, *penalties, every=every)
    if penalties:
        assert penalty_fraction(state, settings) > CLEAR_FRACTION
    plain = trained(recipe, settings, Eager(), precision)
    graphs = CudaGraphs("for a test")
    ours = trained(recipe, settings, graphs, precision)
    assert graphs.fallback is None
    assert len(graphs.functions) >= len(FUNCTIONS)
    assert all(function.captured is not None for function in graphs.functions)
    assert_same_tensors(ours, plain)
    assert ours.metrics.sums == pytest.approx(plain.metrics.sums, rel=1e-4, abs=1e-5)


def assert_same_tensors(ours: TrainState, plain: TrainState) -> None:
    """Weights, optimizers, averages, random numbers."""
    found = ours.tensors()
    for name, expected in plain.tensors().items():
        torch.testing.assert_close(found[name], expected, msg=name)


@pytest.mark.parametrize(("loss", "penalty"), in_turns(LOSSES, PENALTIES))
def test_every_loss_with_a_penalty_at_every_second_step(loss: Any, penalty: str) -> None:
    recipe = tiny_recipe(
        objective=ObjectiveSettings(loss=loss, clip_weights=0.5),
        discriminator_steps=2,
        generator_batch=8,
        fresh_reals_for_generator=True,
    )
    assert_alike(recipe, penalty, every=2)


def test_all_penalties_together() -> None:
    assert_alike(tiny_recipe(objective=ObjectiveSettings(loss="relativistic")), *PENALTIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_computes_the_same_when_captured(family: str) -> None:
    assert_alike(tiny_recipe(small(family)), "r1")


def test_augmentation_stands_between_the_functions() -> None:
    recipe = tiny_recipe(
        objective=ObjectiveSettings(loss="relativistic"),
        augmentation=Ramp(shape="linear", start=0.2, end=0.9, images=20),
    )
    assert_alike(recipe)


def test_measurements_of_adaptive_augmentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Captured in evaluation mode, while training's functions stay in training mode."""
    monkeypatch.setattr(augmentation, "MEASURE_EVERY", BATCH)
    recipe = tiny_recipe(
        small("dcgan", discriminator={"norm": "batch"}),
        augmentation=Adaptive(target=0.51, images=100),
    )
    data = tiny_data(50, held_out=20)
    graphs = CudaGraphs("for a test")
    engines: list[Engine] = [Eager(), graphs]
    states = [start(recipe, data=data) for _ in engines]
    for state, engine in zip(states, engines, strict=True):
        state.augmentation.chance = 0.0  # the probability moves, however few are held out
        state.use_engine(engine)
        for _ in range(STEPS):
            train_step(state, recipe)
    plain, ours = states
    assert graphs.fallback is None
    assert len(graphs.functions) == len(FUNCTIONS) + 1
    assert all(function.captured is not None for function in graphs.functions)
    assert_same_tensors(ours, plain)
    assert ours.metrics.sums == pytest.approx(plain.metrics.sums, rel=1e-4, abs=1e-5)


def test_spectral_norms_and_batch_statistics() -> None:
    for recipe in (
        tiny_recipe(small("dcgan", discriminator={"norm": "batch"})),
        tiny_recipe(objective=ObjectiveSettings(spectral_norm=True)),
    ):
        assert_alike(recipe, "gradient_penalty")


def test_captured_steps_compute_the_same_in_bfloat16() -> None:
    recipe = tiny_recipe(small("dcgan", generator={"width": 16}, discriminator={"width": 16}))
    assert_alike(recipe, "r1", precision=Precision("bf16", "for a test"))


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_updates_follow_schedules(optimizer: Any) -> None:
    """A capture keeps the settings it was made with, so a step is captured once they stay."""
    settings = PlayerSettings(
        optimizer=optimizer,
        beta1=0.0,
        learning_rate=Ramp(shape="linear", start=0.0, end=1e-3, images=3 * BATCH),
        beta2=Ramp(shape="linear", start=0.9, end=0.99, images=5 * BATCH),
    )
    recipe = tiny_recipe(discriminator=settings, generator=PlayerSettings(learning_rate=1e-3))
    plain = trained(recipe, recipe.objective, Eager(), steps=12)
    graphs = CudaGraphs("for a test")
    ours = trained(recipe, recipe.objective, graphs, steps=12)
    assert graphs.fallback is None
    assert_same_tensors(ours, plain)
    last = ("0.001", "(0.0, 0.99)") if optimizer == "adam" else ("0.001", "0.99")
    assert ours.player("discriminator").hyperparameters == last
    assert ours.player("generator").hyperparameters == ("0.001", "(0.5, 0.999)")
    captured = [function for function in graphs.functions if function.captured is not None]
    assert len(captured) == len(FUNCTIONS), "each once, steps with the settings that stay"
    assert len(graphs.functions) == len(FUNCTIONS) + 1, "settings that change are not remembered"


@pytest.mark.parametrize("function", range(len(FUNCTIONS)), ids=FUNCTIONS)
def test_what_cannot_be_captured_is_done_from_the_very_same_tensors(function: int) -> None:
    recipe = tiny_recipe()
    plain = trained(recipe, recipe.objective, Eager())
    ours = trained(recipe, recipe.objective, ReadsNumbers("for a test", function=function))
    assert ours.engine.fallback is not None
    assert_same_tensors(ours, plain)
