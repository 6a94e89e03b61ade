"""Writes everything that training leaves in the run directory."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from ganvas import sampling
from ganvas.evaluation.evaluate import record_scores
from ganvas.evaluation.score import Score
from ganvas.generator_files import write_generator
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.training.grids import grid_columns
from ganvas.training.listeners import Listener
from ganvas.training.state import TrainState


class RunFiles(Listener):
    """The listener that keeps the run directory."""

    def __init__(self, run: Run, recipe: Recipe) -> None:
        self._run, self._recipe = run, recipe
        self._last_fallback: str | None = None
        data = run.read_data()
        self._shape = recipe.image_shape(data["shape"]["channels"])
        self._extent = data["extent"]

    def step(self, state: TrainState) -> None:
        if state.engine.fallback != self._last_fallback:
            self._last_fallback = state.engine.fallback
            self._run.write_environment({**self._run.read_environment(), **describe_step(state)})

    def record(self, record: Record, events: Sequence[Record], health: str) -> None:
        self._run.history.append(record)
        for event in events:
            self._run.findings.append(event)

    def samples(self, images_seen: int, samples: npt.NDArray[Any]) -> None:
        self._run.make_folders()
        path = self._run.sample_path(images_seen)
        sampling.write_samples(path, samples, self._extent, grid_columns(self._recipe))

    def scores(self, images_seen: int, scores: Sequence[Score]) -> None:
        record_scores(self._run, list(scores), images_seen, while_training=True)

    def checkpoint(self, state: TrainState, last: bool) -> None:
        """The generator for use, the whole state, and the status.

        In this order: a kill between two of them leaves nothing that `resume` does not repair.
        """
        write_generator(
            self._run,
            self._recipe,
            state.ema,
            self._shape,
            state.images_seen,
            state.later_doublings,
        )
        self._run.write_checkpoint(state.images_seen, state.tensors(), state.values())
        self._run.write_status("finished" if last else "running", state.images_seen)

    def interrupted(self, state: TrainState, signal_name: str) -> None:
        self._run.write_status("interrupted", state.images_seen, signal_name)


def describe_step(state: TrainState) -> dict[str, Any]:
    """What was chosen for this device, and why; part of environment.json."""
    return {
        "precision": dataclasses.asdict(state.precision),
        "step": {"name": state.engine.name, "why": state.engine.reason},
    }
