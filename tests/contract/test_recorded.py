"""Recorded steps are the steps: the same weights, for every loss, penalty and network.

CUDA graphs are played by `tests/unit/tape.py`; `tests/end_to_end/test_gpu.py` has the real ones.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ganvas.networks import ARCHITECTURES, DCGAN, Architecture
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.objective import Objective
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings
from ganvas.precision import FP32, Precision
from ganvas.recipes import PlayerSettings, Recipe
from ganvas.schedules import Ramp
from ganvas.training.engine import WARMUP_STEPS, CudaGraphs, Eager, Engine
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.tape import Curious, pretend_cuda_graphs
from tests.builders.telling import TELLING, lacks, steep, told
from tests.builders.tiny import BATCH, small, start, tiny_recipe

STEPS = WARMUP_STEPS + 3
PIECES = {"fakes", "discriminator", "generator", "back", "norm", "update"}


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
    state, objective = steep(start(recipe)), Objective.build(settings)
    state.engine, state.precision = engine, precision
    for _ in range(steps):
        train_step(state, recipe)
    return state


def assert_alike(
    recipe: Recipe, *penalties: str, every: int = 1, precision: Precision = FP32
) -> None:
    """Both ways end with the same tensors, and all pieces are recorded."""
    state = steep(start(recipe))
    settings = told(state, recipe.objective, *penalties, every=every)
    if penalties:
        assert lacks(state, settings) > TELLING
    plain = trained(recipe, settings, Eager(), precision)
    graphs = CudaGraphs("for a test")
    ours = trained(recipe, settings, graphs, precision)
    assert graphs.failed is None
    assert {key[0] for key in graphs.captured} == PIECES
    assert_same_tensors(ours, plain)
    assert ours.metrics.sums == pytest.approx(plain.means.sums, rel=1e-4, abs=1e-5)


def assert_same_tensors(ours: TrainState, plain: TrainState) -> None:
    """Weights, optimizers, averages, random numbers."""
    found = ours.tensors()
    for name, expected in plain.tensors().items():
        torch.testing.assert_close(found[name], expected, msg=name)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_with_all_penalties(loss: Any) -> None:
    recipe = tiny_recipe(
        objective=ObjectiveSettings(loss=loss),
        discriminator_steps=2,
        generator_batch=8,
        fresh_reals_for_generator=True,
    )
    assert_alike(recipe, *PENALTIES)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_every_penalty_alone_at_every_second_step(penalty: str) -> None:
    settings = ObjectiveSettings(loss="hinge", clip_weights=0.5)
    assert_alike(tiny_recipe(objective=settings, discriminator_steps=2), penalty, every=2)


@pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_every_architecture(kind: type[Architecture]) -> None:
    assert_alike(tiny_recipe(architecture=small(kind)), "r1")


def test_augmentation_stands_between_the_pieces() -> None:
    recipe = tiny_recipe(
        objective=ObjectiveSettings(loss="relativistic"),
        augmentation=Ramp(shape="linear", start=0.2, end=0.9, images=20),
    )
    assert_alike(recipe)


def test_spectral_norms_and_batch_statistics() -> None:
    for recipe in (
        tiny_recipe(architecture=small(DCGAN, discriminator_norm="batch")),
        tiny_recipe(objective=ObjectiveSettings(spectral_norm=True)),
    ):
        assert_alike(recipe, "gradient_penalty")


def test_bfloat16() -> None:
    recipe = tiny_recipe(architecture=DCGAN(width=16))
    assert_alike(recipe, "r1", precision=Precision("bf16", "for a test"))


@pytest.mark.parametrize("algorithm", ["adam", "rmsprop"])
def test_updates_follow_schedules(algorithm: Any) -> None:
    """A recording keeps the settings that it was made with, so they are recorded once they stay."""
    settings = PlayerSettings(
        optimizer=algorithm,
        beta1=0.0,
        learning_rate=Ramp(shape="linear", start=0.0, end=1e-3, images=3 * BATCH),
        beta2=Ramp(shape="linear", start=0.9, end=0.99, images=5 * BATCH),
    )
    recipe = tiny_recipe(discriminator=settings, generator=PlayerSettings(learning_rate=1e-3))
    plain = trained(recipe, recipe.objective, Eager(), steps=12)
    graphs = CudaGraphs("for a test")
    ours = trained(recipe, recipe.objective, graphs, steps=12)
    assert graphs.failed is None
    assert_same_tensors(ours, plain)
    recorded = {key[1:-1] for key in graphs.captured if key[0] == "update"}
    last = ("0.001", "(0.0, 0.99)") if algorithm == "adam" else ("0.001", "0.99")
    assert recorded == {("generator", "0.001", "(0.5, 0.999)"), ("discriminator", *last)}
    assert len(graphs.calls) == 9, "settings that change are not remembered"


@pytest.mark.parametrize("stops", sorted(PIECES))
def test_what_cannot_be_recorded_is_done_from_the_very_same_tensors(stops: str) -> None:
    recipe = tiny_recipe()
    plain = trained(recipe, recipe.objective, Eager())
    ours = trained(recipe, recipe.objective, Curious("for a test", about=stops))
    assert ours.engine.failed is not None
    assert_same_tensors(ours, plain)
