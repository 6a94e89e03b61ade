"""How fast a recipe trains on this machine: a few seconds of real steps, without a run."""

from __future__ import annotations

import time

import numpy as np
import torch

from ganvas.data.prepared import PreparedData
from ganvas.devices import choose_device
from ganvas.errors import Diverged
from ganvas.networks import ImageShape
from ganvas.recipes import Recipe
from ganvas.training.state import TrainState
from ganvas.training.step import train_step

WARM_UP = 1.0
"""Seconds of training before the clock starts."""

SECONDS = 2.0
"""Seconds of training that are timed, unless one step takes longer."""

UNLIMITED = 10**9
"""Stands for a budget in images that is not known yet."""


def measure_pace(recipe: Recipe, channels: int) -> float:
    """Images per second of a recipe on this machine's best device. Reads and writes no file.

    The images are noise in memory: what they show does not change how long a step takes.

    Raises:
        RuntimeError: too little memory.
    """
    data = noise(recipe.image_shape(channels), 2 * recipe.batch)
    recipe = recipe.with_fixed_schedules()
    state = TrainState.start(recipe, data, 0, choose_device("auto"))
    _, state = train_for(WARM_UP, state, recipe, data)
    rate, _ = train_for(SECONDS, state, recipe, data)
    return rate


def train_for(
    seconds: float, state: TrainState, recipe: Recipe, data: PreparedData
) -> tuple[float, TrainState]:
    """Train for so many seconds, at least one step. Returns images per second and the last state.

    Training that diverges starts again: its steps take as long, and only speed matters here.
    """
    start, images = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds or images == 0:
        try:
            train_step(state, recipe)
        except Diverged:
            state = TrainState.start(recipe, data, 0, state.device)
        images += recipe.batch * recipe.discriminator_steps
        if state.device.type == "cuda":
            torch.cuda.synchronize(state.device)
    return images / elapsed, state


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
