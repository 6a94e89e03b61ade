"""ganvas as measured: a run that continues turn by turn, with all that it does besides training."""

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

from ganvas.data.prepared import PreparedData
from ganvas.devices import describe_environment
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.data import describe_data
from ganvas.training import loop
from ganvas.training.display import Display
from ganvas.training.listeners import Listeners
from ganvas.training.monitor import HealthMonitor
from ganvas.training.run_files import RunFiles
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from hardware import stopwatch

ENDLESS = 10**12
"""A budget in images that is never reached."""


class GanvasLoop:
    """A ganvas run that continues turn by turn."""

    def __init__(
        self, recipe: Recipe, prepared: PreparedData, directory: Path, device: torch.device
    ) -> None:
        environment = {**describe_environment(device), "seed": 0, "deterministic": False}
        # Schedules end where the recipe says, but the run does not: more turns follow.
        self.recipe = dataclasses.replace(recipe.with_fixed_schedules(), images=ENDLESS)
        self.device = device
        self.prepared = prepared
        self.state = TrainState.start(self.recipe, prepared, 0, device)
        self.run = Run.create(directory, self.recipe, environment, describe_data(prepared))
        self.probing: list[float] = []
        """Percent of the time that health probes took, by round."""
        self.waiting: list[float] = []
        """Percent of the time that the loop waited for images, by round."""

    def steps(self, steps: int) -> None:
        """Bare training steps: no history, no grids, no checkpoints, no display."""
        for _ in range(steps):
            train_step(self.state, self.recipe)

    def fit(self, steps: int) -> float:
        """Seconds of the real loop for some steps, with a live display.

        `fit` ends with a grid, a checkpoint and a probe. A long run has them only at the recipe's
        intervals, so each is timed separately and counted in proportion.
        """
        images = steps * self.recipe.batch
        recipe = dataclasses.replace(self.recipe, images=self.state.images_seen + images)
        waited = self.state.stream.waited
        with (
            timed_calls(loop, "draw_samples") as grids,
            timed_calls(RunFiles, "samples") as pictures,
            timed_calls(RunFiles, "checkpoint") as checkpoints,
            timed_calls(HealthMonitor, "probe") as probes,
            fake_terminal(),
        ):
            display = Display(self.run, recipe, self.state.images_seen)
            listeners = Listeners(RunFiles(self.run, recipe), display)
            state, data = self.state, self.prepared
            monitor = HealthMonitor(self.run, recipe, data, state)
            seconds = stopwatch(
                lambda: loop.fit(self.run, recipe, state, data, listeners, monitor),
                self.device,
            )
        for times, interval in (
            (grids, recipe.intervals.samples),
            (pictures, recipe.intervals.samples),
            (checkpoints, recipe.intervals.checkpoint),
            (probes, recipe.intervals.probes),
        ):
            seconds += statistics.median(times) * images / interval - sum(times)
        self.probing.append(100 * statistics.median(probes) * images / recipe.intervals.probes)
        self.probing[-1] /= seconds
        self.waiting.append(100 * (self.state.stream.waited - waited) / seconds)
        return seconds


@contextlib.contextmanager
def timed_calls(owner: object, name: str) -> Iterator[list[float]]:
    """Collect the seconds of every call of one function of a module or class."""
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
def fake_terminal() -> Iterator[None]:
    """Pretend that there is a terminal, so that the live line is drawn and its cost counts."""
    terminal = {"TTY_COMPATIBLE": "1", "TERM": "xterm-256color", "COLUMNS": "120"}
    with mock.patch.dict(os.environ, terminal), contextlib.redirect_stdout(io.StringIO()):
        yield
