"""The largest batch that fits into memory, found by trying."""

from __future__ import annotations

import dataclasses
import gc
import traceback
from contextlib import suppress
from dataclasses import dataclass

import torch

from ganvas.data.preparation import PreparedData
from ganvas.errors import is_out_of_memory
from ganvas.objectives.objective import Objective
from ganvas.recipes import Recipe
from ganvas.training.engine import WARMUP_STEPS, Compile
from ganvas.training.state import TrainState
from ganvas.training.step import train_step


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory ran out; most are RuntimeErrors like any other."""
    return isinstance(error, torch.OutOfMemoryError) or is_out_of_memory(error)


@dataclass(frozen=True)
class BatchSizeFinder:
    """Tries steps of smaller batches, to find the largest that fits into memory."""

    data: PreparedData
    device: torch.device
    processes: int
    compile: Compile
    """As the run's: a CUDA graph has memory of its own."""

    def largest_batch(self, recipe: Recipe) -> Recipe | None:
        """The recipe with a smaller batch that has room: the first of the halves that has, or half
        as much again where that has too; None where nothing does."""
        unit = 2 * recipe.objective.pac * self.processes
        batch = recipe.batch
        while (batch := batch // 2 // unit * unit) >= unit:
            half = with_batch(recipe, batch, unit)
            if self.fits(half):
                more = with_batch(recipe, batch * 3 // 2 // unit * unit, unit)
                return more if more.batch > batch and self.fits(more) else half
        return None

    def fits(self, recipe: Recipe) -> bool:
        """Whether one process's part of the recipe's steps has room on the device."""
        own = recipe.generator_batch
        local = dataclasses.replace(
            recipe,
            batch=recipe.batch // self.processes,
            generator_batch=own and own // self.processes,
        )
        objective = Objective.build(recipe.objective, recipe.generator.regularisers)
        rarest = max(
            (term.every for term in (*objective.penalties, *objective.regularisers)), default=1
        )
        # The first one has every penalty; by the last one a step with every penalty is recorded.
        steps = WARMUP_STEPS * rarest + 1 if self.compile == "auto" else 1
        try:
            state = TrainState.start(local, self.data, 0, self.device, compile=self.compile)
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
    """The recipe with another batch, and a generator's own in proportion, in whole units."""
    own = recipe.generator_batch
    if own is not None:
        own = max(1, own * batch // recipe.batch // unit) * unit
    return dataclasses.replace(recipe, batch=batch, generator_batch=own)


def release_unused_memory(device: torch.device) -> None:
    """Give back memory that no tensor uses any more."""
    gc.collect()
    if device.type == "cuda":
        with suppress(RuntimeError):  # of torch before 2.13 once a capture has failed
            torch.cuda.empty_cache()
