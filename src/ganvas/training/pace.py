"""How fast a recipe trains on this machine: a few seconds of real steps, without a run."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from ganvas.data.prepared import PreparedData
from ganvas.devices import choose_device
from ganvas.errors import Diverged
from ganvas.networks import ImageShape
from ganvas.processes import SINGLE_PROCESS, ProcessGroup
from ganvas.progress import stages_bar
from ganvas.recipes import Recipe
from ganvas.training.engine import Compile
from ganvas.training.listeners import Listener
from ganvas.training.scoring import score_ema
from ganvas.training.state import TrainState
from ganvas.training.step import train_step

WARM_UP = 1.0
"""Seconds of training before the clock starts."""

SECONDS = 2.0
"""Seconds of training that are timed, unless one step takes longer."""

MEASURING = "measuring the speed"
"""What is shown meanwhile: seconds of silence look like a program that hangs."""

UNLIMITED = 10**9
"""Stands for a budget in images that is not known yet."""


TIMED_SAMPLES = 200
"""Of a timed score; that with all samples takes about as many times longer as it has more."""


class Pace(NamedTuple):
    """How fast a recipe trains on given images, and how long a score while training takes.

    score_seconds: 0 without scores while training.
    """

    images_per_second: float
    score_seconds: float


def measure_pace_on(
    data: PreparedData,
    recipe: Recipe,
    device: torch.device,
    processes: ProcessGroup,
    compile: Compile,
    quiet: bool,
) -> Pace:
    """The pace of a recipe on these images, by all processes together, which get the same.

    The recipe's budget does not matter; a score is timed if it has any while training.

    Args:
        quiet: show no progress.
    """
    recipe = replace(recipe, images=UNLIMITED).with_fixed_schedules()
    with stages_bar(MEASURING, quiet):
        rate, state = train_sizes(recipe, data, device, processes, compile)
        seconds = score_seconds(recipe, state, data) if recipe.evaluation.every else 0.0
    state.release_memory()
    pace = processes.broadcast_object(lambda: [rate, seconds])
    return Pace(*pace)


def score_seconds(recipe: Recipe, state: TrainState, data: PreparedData) -> float:
    """How long a score while training takes, by one of fewer samples."""
    samples = min(TIMED_SAMPLES, recipe.evaluation.samples)
    few = replace(recipe, evaluation=replace(recipe.evaluation, samples=samples))
    score_ema(few, state, data, Listener())  # loads networks, and the features of real images
    start = time.perf_counter()
    score_ema(few, state, data, Listener())
    return (time.perf_counter() - start) * recipe.evaluation.samples / samples


def measure_pace(recipe: Recipe, channels: int, device: str = "auto", quiet: bool = False) -> float:
    """Images per second of a recipe on this machine. Reads and writes no file.

    The images are noise in memory: what they show does not change how long a step takes.

    Args:
        quiet: show no progress.

    Raises:
        RuntimeError: too little memory.
    """
    data = noise(recipe.image_shape(channels), 2 * recipe.batch)
    recipe = recipe.with_fixed_schedules()
    with stages_bar(MEASURING, quiet):
        rate, _ = train_sizes(recipe, data, choose_device(device))
    return rate


def train_sizes(
    recipe: Recipe,
    data: PreparedData,
    device: torch.device,
    processes: ProcessGroup = SINGLE_PROCESS,
    compile: Compile = "auto",
) -> tuple[float, TrainState]:
    """Train for a few seconds, a recipe that grows at each of its sizes.

    Returns images per second over the whole budget, and the last state, of the full size.
    """
    seconds = 0.0  # per image
    for later_doublings, fraction in recipe.shares():
        state = TrainState.start(recipe, data, 0, device, processes, compile, later_doublings)
        _, state = train_for(WARM_UP, state, recipe, data)
        rate, state = train_for(SECONDS, state, recipe, data)
        seconds += fraction / rate
    return 1 / seconds, state


def train_for(
    seconds: float, state: TrainState, recipe: Recipe, data: PreparedData
) -> tuple[float, TrainState]:
    """Train for so many seconds, at least one step. Returns images per second and the last state.

    Training that diverges starts again: its steps take as long, and only speed matters here. All
    processes do as many steps as the first.
    """
    processes = state.processes
    start, images = time.perf_counter(), 0
    while images == 0 or processes.broadcast_object(lambda: time.perf_counter() - start < seconds):
        try:
            train_step(state, recipe)
        except Diverged:
            later = state.later_doublings
            state = TrainState.start(
                recipe, data, 0, state.device, processes, later_doublings=later
            )
        images += recipe.images_per_step
        if state.device.type == "cuda":
            torch.cuda.synchronize(state.device)
    return images / (time.perf_counter() - start), state


def noise(shape: ImageShape, count: int) -> PreparedData:
    """Random pixels with one of two labels, half of them held out, as steps may compare the two."""
    size = (2 * count, shape.channels, shape.height, shape.width)
    return PreparedData(
        name="noise",
        location="noise",
        images=np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8),
        labels=np.arange(2 * count) % 2,
        label_names=("0", "1"),
        held_out=np.arange(count, 2 * count),
        unusable=(),
        duplicates=0,
        fingerprint="noise",
        key="noise",
    )
