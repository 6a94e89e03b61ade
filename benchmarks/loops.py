"""ganvas as it is measured: a run that goes on in pieces, with all that it does beside training."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import torch

from ganvas.data.preparation import PreparedData
from ganvas.devices import describe_environment
from ganvas.objectives.objective import Objective
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.data import describe_data
from ganvas.training import trainer
from ganvas.training.display import Display
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from ganvas.training.watch import Watch
from hardware import stopwatch

ENDLESS = 10**12
"""Images."""


class GanvasLoop:
    """A ganvas run that goes on in pieces."""

    def __init__(
        self, recipe: Recipe, prepared: PreparedData, directory: Path, device: torch.device
    ) -> None:
        environment = {**describe_environment(device), "seed": 0, "deterministic": False}
        # Schedules as the recipe has them, and no end: the last step is followed by more work.
        self.recipe = dataclasses.replace(recipe.with_fixed_schedules(), images=ENDLESS)
        self.device = device
        self.prepared = prepared
        self.objective = Objective.build(self.recipe.objective)
        self.state = TrainState.start(self.recipe, self.objective, prepared, 0, device)
        self.run = Run.create(directory, self.recipe, environment, describe_data(prepared))
        self.probing: list[float] = []
        """Share of the time, in percent, that went into the probes of health, by round."""
        self.waiting: list[float] = []
        """Share of the time, in percent, in which the loop waited for its images, by round."""

    def steps(self, steps: int) -> None:
        """Training steps alone: no history, no grids, no checkpoints, no display."""
        for _ in range(steps):
            train_step(self.state, self.recipe, self.objective)

    def fit(self, steps: int) -> float:
        """Seconds of the real loop for some steps, with a live display.

        `fit` ends with a grid, a checkpoint and a probe. A long run has them only at the recipe's
        intervals, so what each took is measured and counted in that proportion.
        """
        images = steps * self.recipe.batch
        recipe = dataclasses.replace(self.recipe, images=self.state.images_seen + images)
        waited = self.state.stream.waited
        with (
            watched(trainer, "save_grid") as grids,
            watched(trainer, "save_checkpoint") as checkpoints,
            watched(Watch, "probe") as probes,
            screen(),
        ):
            display = Display(recipe.images, self.state.images_seen)
            seconds = stopwatch(
                lambda: trainer.fit(self.run, recipe, self.state, self.prepared, display),
                self.device,
            )
        for times, interval in (
            (grids, recipe.intervals.samples),
            (checkpoints, recipe.intervals.checkpoint),
            (probes, recipe.intervals.probes),
        ):
            seconds += statistics.median(times) * images / interval - sum(times)
        self.probing.append(100 * statistics.median(probes) * images / recipe.intervals.probes)
        self.probing[-1] /= seconds
        self.waiting.append(100 * (self.state.stream.waited - waited) / seconds)
        return seconds


@contextlib.contextmanager
def watched(owner: object, name: str) -> Iterator[list[float]]:
    """Collect the seconds of every call to one function of a module or class."""
    function = getattr(owner, name)
    times: list[float] = []

    def timed(*arguments: object) -> object:
        start = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            times.append(time.perf_counter() - start)

    with mock.patch.object(owner, name, timed):
        yield times


@contextlib.contextmanager
def screen() -> Iterator[None]:
    """A terminal that nobody looks at, so that the live line is drawn and its cost is counted."""
    terminal = {"TTY_COMPATIBLE": "1", "TERM": "xterm-256color", "COLUMNS": "120"}
    with mock.patch.dict(os.environ, terminal), contextlib.redirect_stdout(io.StringIO()):
        yield
