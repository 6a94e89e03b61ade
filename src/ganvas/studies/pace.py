"""How fast a recipe trains on this machine: a few seconds of real steps, without a run."""

from __future__ import annotations

import numpy as np

from ganvas.data.prepared import PreparedData
from ganvas.devices import choose_device
from ganvas.networks import ImageShape
from ganvas.recipes import Recipe
from ganvas.studies.throughput import SECONDS, WARM_UP, train_for
from ganvas.training.state import TrainState


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
