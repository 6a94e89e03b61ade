"""Finds the largest batch that fits into memory by trying steps."""

from __future__ import annotations

import dataclasses
import gc
import math
import traceback
from contextlib import suppress
from dataclasses import dataclass

import torch

from ganvas.data.prepared import PreparedData
from ganvas.errors import is_out_of_memory
from ganvas.objectives.objective import Objective
from ganvas.recipes import Recipe
from ganvas.training.engine import WARMUP_STEPS, Compile
from ganvas.training.state import TrainState
from ganvas.training.step import train_step


def ran_out(error: BaseException) -> bool:
    """Whether an error means that memory ran out; many of them are plain RuntimeErrors."""
    return isinstance(error, torch.OutOfMemoryError) or is_out_of_memory(error)


@dataclass(frozen=True)
class BatchSizeFinder:
    """Trains steps of smaller batches, to find the largest that fits into memory."""

    data: PreparedData
    device: torch.device
    processes: int
    compile: Compile
    """The run's setting: a CUDA graph has a memory pool of its own."""

    def largest_batch(self, recipe: Recipe) -> Recipe | None:
        """The recipe with the largest smaller batch that fits; None if none does.

        The batch is halved until it fits; then one and a half times that is tried too.
        """
        unit = math.lcm(2 * recipe.objective.pac, recipe.batch_unit) * self.processes
        batch = recipe.batch
        while (batch := batch // 2 // unit * unit) >= unit:
            half = with_batch(recipe, batch, unit)
            if self.fits(half):
                more = with_batch(recipe, batch * 3 // 2 // unit * unit, unit)
                return more if more.batch > batch and self.fits(more) else half
        return None

    def fits(self, recipe: Recipe) -> bool:
        """Whether one process's part of the recipe's steps fits into the device's memory."""
        own = recipe.generator_batch
        local = dataclasses.replace(
            recipe,
            batch=recipe.batch // self.processes,
            generator_batch=own and own // self.processes,
        )
        objective = Objective.build(recipe.objective, recipe.generator.regularisers)
        intervals = [penalty.every for penalty in objective.penalties]
        intervals += [regulariser.every for regulariser in objective.regularisers]
        rarest = max(intervals, default=1)
        # The first step has every penalty; by the last, such a step has been captured as a graph.
        steps = WARMUP_STEPS * rarest + 1 if self.compile == "auto" else 1
        try:
            state = TrainState.start(
                local, self.data, 0, self.device, compile=self.compile, later_doublings=0
            )
            for _ in range(steps):
                train_step(state, local)
            return state.engine.fallback is None
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
            traceback.clear_frames(error.__traceback__)
            return False
        finally:
            release_unused_memory(self.device)


def with_batch(recipe: Recipe, batch: int, unit: int) -> Recipe:
    """The recipe with another batch, and generator_batch in proportion, in multiples of `unit`."""
    own = recipe.generator_batch
    if own is not None:
        own = max(1, own * batch // recipe.batch // unit) * unit
    return dataclasses.replace(recipe, batch=batch, generator_batch=own)


def release_unused_memory(device: torch.device) -> None:
    """Return cached memory that no tensor uses."""
    gc.collect()
    if device.type == "cuda":
        with suppress(RuntimeError):  # torch before 2.13 raises it after a failed capture
            torch.cuda.empty_cache()
