"""What only a CUDA device can show; `make test-gpu` runs it where there is one."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import ganvas as library
from ganvas.data.pixels import MemoryMapped, OnDevice
from ganvas.data.settings import DataSettings
from ganvas.data.stream import ImageStream
from ganvas.errors import Diverged
from ganvas.health.columns import MISSING
from ganvas.objectives.losses import LOSSES
from ganvas.objectives.objective import Objective
from ganvas.objectives.penalties import PENALTIES
from ganvas.objectives.settings import ObjectiveSettings, Penalties, PenaltySettings
from ganvas.recipes import Intervals, PlayerSettings, Recipe
from ganvas.runs import Run
from ganvas.schedules import Ramp
from ganvas.training.engine import WARMUP_STEPS, Compile, CudaGraphs, Eager, choose_engine
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from tests.builders.strong_penalties import (
    CLEAR_FRACTION,
    penalty_fraction,
    relative_distance,
    steepen,
    step_gradient,
    with_strong_penalties,
)
from tests.builders.tape import ReadsNumbers
from tests.builders.tiny import SIDE, tiny_data, tiny_recipe

from ..builders.commands import Result
from .conftest import essence

pytestmark = pytest.mark.gpu


ROUNDING = 1e-2
"""Of a gradient's length: another order of sums, in the numbers a GPU multiplies in."""
FUNCTIONS = 8
"""As many tensor functions a step has at least: see tests/contract/test_captured.py."""
BACKWARD = 5
"""The place of the generator's backward among them."""


@pytest.fixture(autouse=True)
def repeatable_convolutions() -> Iterator[None]:
    """Two runs of the same kernels give the same bits, in whole float32."""
    exact = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    with exact:
        yield


RECIPES = ("dcgan", "wgan", "wgan-gp", "resnet", "resnet-wgan-gp", "r3gan")


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_trains_on_the_gpu_and_samples_without_one(
    tmp_path: Path, images: Path, ganvas: Callable[..., Result], recipe: str
) -> None:
    run = tmp_path / "run"
    result = ganvas("train", recipe, images, "--device", "cuda", "--images", 640, "--out", run)
    assert result.code == 0, result.err
    assert "cannot be captured" not in result.out
    assert library.Run.open(run).read_environment()["device"].startswith("cuda")
    assert library.load(run, "cpu").sample(4).shape == (4, 32, 32, 3)


@pytest.mark.parametrize("kind", [OnDevice, MemoryMapped])
def test_images_that_lie_on_the_gpu_or_are_sent_there_are_those_of_the_file(
    kind: type[OnDevice] | type[MemoryMapped],
) -> None:
    data = tiny_data(130)
    there = ImageStream(data, seed=1, pixels=kind(data.images, torch.device("cuda")))
    here = ImageStream(data, seed=1)
    for count in (8, 8, 8, 5, 100, 300):
        images = there.next(count).images
        assert images.is_cuda
        assert torch.equal(images.cpu(), here.next(count).images)


def test_deterministic_kernels_resume_bit_for_bit(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    flags = ("--device", "cuda", "--deterministic")
    try:
        assert ganvas("train", small, images, *flags, "--out", whole).code == 0
        assert ganvas("train", small, images, *flags, "--images", 1000, "--out", parts).code == 0
        assert ganvas("resume", parts, "--images", 2000).code == 0
    finally:
        torch.use_deterministic_algorithms(False)
    assert essence(parts)["tensors"] == essence(whole)["tensors"]
    for run in (whole, parts):
        assert library.Run.open(run).read_environment()["step"]["name"] == "graphs"


def on_cuda(recipe: Recipe, compile: Compile = "off") -> TrainState:
    """A state before its first step, whose discriminator is steep."""
    cuda = torch.device("cuda")
    return steepen(TrainState.start(recipe, tiny_data(), 0, cuda, compile=compile))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("penalty", ["none", *PENALTIES])
def test_captured_steps_are_those_of_python(loss: Any, penalty: str, precision: Any) -> None:
    """The same kernels on the same numbers, so the same weights but for their sums' order."""
    settings = ObjectiveSettings(loss=loss)
    recipe = tiny_recipe(discriminator_steps=2, precision=precision)
    if penalty != "none":
        state = on_cuda(recipe)
        settings = with_strong_penalties(state, settings, penalty, every=2)
        assert penalty_fraction(state, settings) > CLEAR_FRACTION
    recipe = dataclasses.replace(recipe, objective=settings)
    compiles: tuple[Compile, ...] = ("off", "auto")
    ends = []
    for compile in compiles:
        state = on_cuda(recipe, compile)
        for _ in range(3 * WARMUP_STEPS):
            train_step(state, recipe)
        ends.append(state)
    eager, captured = ends
    assert isinstance(captured.engine, CudaGraphs)
    assert captured.engine.fallback is None
    assert len(captured.engine.functions) >= FUNCTIONS
    assert all(function.captured is not None for function in captured.engine.functions)
    for ours, theirs in zip(captured.tensors().values(), eager.tensors().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    captured.metrics.flush()
    eager.metrics.flush()
    assert captured.metrics.sums == pytest.approx(eager.metrics.sums, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("loss", ["non-saturating", "relativistic"])
def test_between_records_the_gpu_is_not_waited_for(loss: Any) -> None:
    """Once all is captured; with draws, augmentation and schedules between the functions."""
    r1 = Penalties(r1=PenaltySettings(weight=1.0))
    recipe = tiny_recipe(
        objective=ObjectiveSettings(loss=loss, penalties=r1, clip_weights=0.5),
        data=DataSettings(size=(SIDE, SIDE), flip=True),
        augmentation=Ramp(shape="linear", start=0.2, end=0.9, images=1_000),
        generator=PlayerSettings(beta2=Ramp(shape="linear", start=0.9, end=0.99, images=1_000)),
        images=100_000,
        intervals=Intervals(history=50_000, samples=50_000, checkpoint=50_000, probes=0),
    )
    state = on_cuda(recipe, "auto")
    for _ in range(2 * WARMUP_STEPS):
        train_step(state, recipe)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(2 * WARMUP_STEPS):
            train_step(state, recipe)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_probes_on_the_gpu_find_what_those_on_a_cpu_find(
    tmp_path: Path, ganvas: Callable[..., Result], images: Path
) -> None:
    reasons = []
    for device in ("cpu", "cuda"):
        run = tmp_path / device
        flags = ("--images", 256, "--batch", 32, "--intervals.probes", 128, "--device", device)
        result = ganvas("train", "wgan-gp", images, *flags, "--size", 32, "--out", run)
        assert result.code == 0, result.err
        assert "Warning" not in result.err
        records = Run.open(run).history.records()
        reasons.append({name for record in records for name in record.get(MISSING, {})})
    assert reasons[0] == reasons[1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own code
@pytest.mark.parametrize("penalty", ["gradient_penalty", "r1"])
def test_steps_are_compiled_and_captured_with_augmentation_between(penalty: str) -> None:
    recipe = tiny_recipe(augmentation=0.5)
    plain, ours = on_cuda(recipe), on_cuda(recipe)
    settings = with_strong_penalties(plain, recipe.objective, penalty)
    assert penalty_fraction(plain, settings) > CLEAR_FRACTION > 10 * ROUNDING
    for state in (plain, ours):
        state.objective = Objective.build(settings)
    ours.use_engine(choose_engine("on", recipe, ours.device, ours.processes))
    for _ in range(3 * WARMUP_STEPS):
        for state in (plain, ours):
            train_step(state, recipe)
        for name in ("generator", "discriminator"):
            exact, found = (step_gradient(state.modules()[name]) for state in (plain, ours))
            assert relative_distance(found, exact) < ROUNDING, name
            ours.modules()[name].load_state_dict(plain.modules()[name].state_dict())
    assert ours.engine.name == "compiled graphs"
    assert ours.engine.fallback is None


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU alone")
def test_another_gpu_than_the_first_one_trains_the_same(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    ends = []
    for name in ("cuda:0", "cuda:1"):
        run = tmp_path / name
        result = ganvas("train", small, images, "--device", name, "--out", run)
        assert result.code == 0, result.err
        assert "cannot be captured" not in result.out
        ends.append(library.load(run, "cpu").sample(4))
    assert abs(ends[0].astype(int) - ends[1].astype(int)).mean() < 8


def test_peak_memory_begins_anew_in_a_process_that_has_not_used_the_gpu() -> None:
    program = """
import torch
from ganvas.devices import reset_peak_memory, peak_memory_mb
reset_peak_memory(torch.device("cuda:0"))
assert peak_memory_mb(torch.device("cuda:0")) == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_run_of_the_gpu_goes_on_without_one(
    tmp_path: Path, small: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    run = tmp_path / "run"
    assert ganvas("train", small, images, "--device", "cuda", "--out", run).code == 0
    assert library.Run.open(run).read_environment()["step"]["name"] == "graphs"
    result = ganvas("resume", run, "--device", "cpu", "--images", 3000)
    assert result.code == 0, result.err
    assert "other random numbers are drawn from here on" in result.out


def test_what_overflows_on_the_gpu_is_named_before_anything_is_written() -> None:
    recipe = tiny_recipe(
        objective=ObjectiveSettings(loss="wasserstein"),
        discriminator=PlayerSettings(learning_rate=1e30),
        intervals=Intervals(history=40),
    )
    state = TrainState.start(recipe, tiny_data(), 0, torch.device("cuda"))
    for _ in range(10):
        train_step(state, recipe)
    with pytest.raises(Diverged, match=r"(generator|discriminator): .*(loss term|gradient)"):
        state.metrics.flush()
    assert state.engine.name == "graphs"


def test_a_batch_that_does_not_fit_ends_with_one_that_does(
    tmp_path: Path, images: Path, ganvas: Callable[..., Result]
) -> None:
    """With a small share of the GPU, so that it is memory that runs out, and nothing else."""
    run, batch = tmp_path / "run", ("--batch", 16384, "--images", 16384)
    torch.cuda.set_per_process_memory_fraction(0.02)
    try:
        ended = ganvas("train", "dcgan", images, "--device", "cuda", *batch, "--out", run)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert ended.code == 2
    assert "start again with --batch" in ended.err


def test_what_cannot_be_captured_goes_on_from_the_very_same_images() -> None:
    """The generator's backward reads a number of its results: no capture survives that.

    The last test: before torch 2.13 no later capture in the same process survives it either.
    """
    recipe = tiny_recipe()
    ends = []
    for engine in (Eager(), ReadsNumbers("for a test", function=BACKWARD)):
        state = on_cuda(recipe)
        state.use_engine(engine)
        for _ in range(3 * WARMUP_STEPS):
            train_step(state, recipe)
        ends.append(state)
    assert ends[1].engine.fallback is not None
    for ours, theirs in zip(*(state.generator.parameters() for state in ends), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
