"""What ends training early, and what is said then: numbers that overflow, memory that runs out."""

from __future__ import annotations

import dataclasses
import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch

from ganvas.data.preparation import PreparedData
from ganvas.errors import Diverged, OutOfMemory, is_out_of_memory
from ganvas.objectives.objective import Objective
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.training.engine import WARM_UPS, Compile
from ganvas.training.state import TrainState
from ganvas.training.step import train_step


@contextmanager
def diverging(run: Run, images_seen: int) -> Iterator[None]:
    """Where a number overflows inside, write the status, and say what usually helps.

    Raises:
        Diverged: with the last good checkpoint named.
    """
    try:
        yield
    except Diverged as error:
        run.write_status("diverged", images_seen, str(error))
        paths = run.checkpoint_paths()
        kept = (
            f"The last good checkpoint is {paths[-1]}." if paths else "There is no checkpoint yet."
        )
        raise Diverged(
            f"training stopped at {images_seen:,} images: {error}. {kept} Usual cause: a learning "
            "rate too high for this loss and its penalties. Start a new run in another folder "
            "(--out), with half the discriminator.learning_rate and generator.learning_rate "
            "(--discriminator.learning-rate, --generator.learning-rate)"
        ) from error


@contextmanager
def within_memory(recipe: Recipe, data: PreparedData, state: TrainState) -> Iterator[None]:
    """While entered, what does not fit into memory ends with the largest batch that does.

    Raises:
        OutOfMemory: in place of what torch or Python raises; the state is then of no more use.
    """
    try:
        yield
        return
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        said = (str(error) or "no memory left").splitlines()[0]
        traceback.clear_frames(error.__traceback__)  # they hold what the failed step has made
    trial = Trial(
        data, state.device, state.processes.size, "auto" if state.engine.records else "off"
    )
    state.let_go()
    beside = (
        "A step alone does fit, so that something beside it took the rest: the scores while "
        "training, or another program. "
        if trial.fits(recipe)
        else ""
    )
    largest = trial.largest_batch(recipe)
    advice = (
        f"The largest smaller batch that was found to fit is {largest.batch}: start anew with "
        f"{in_words(largest)}"
        if largest
        else "No smaller batch fits either: start anew with a smaller size or architecture width"
    )
    raise OutOfMemory(
        f"out of memory with batches of {recipe.batch} on {state.device} ({said}). {beside}{advice}"
    )


def in_words(recipe: Recipe) -> str:
    """How the command line asks for a recipe's batches, and how Python does."""
    own = recipe.generator_batch
    flags = f"--batch {recipe.batch}" + (f" --generator-batch {own}" if own else "")
    fields = f"batch={recipe.batch}" + (f", generator_batch={own}" if own else "")
    return f"{flags} (in Python: {fields})"


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory has run out; most are RuntimeErrors like any other."""
    return isinstance(error, torch.OutOfMemoryError) or is_out_of_memory(error)


@dataclass(frozen=True)
class Trial:
    """Steps of other batches, to see which have room where the run has none."""

    data: PreparedData
    device: torch.device
    processes: int
    compiled: Compile
    """Whether the run's steps are recorded: a graph's memory is its own."""

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
        """Whether one rank's part of the recipe's steps has room on the device."""
        own = recipe.generator_batch
        share = dataclasses.replace(
            recipe,
            batch=recipe.batch // self.processes,
            generator_batch=own and own // self.processes,
        )
        objective = Objective.build(recipe.objective)
        rarest = max((penalty.every for penalty in objective.penalties), default=1)
        # The first one has every penalty; by the last one a step with every penalty is recorded.
        steps = WARM_UPS * rarest + 1 if self.compiled == "auto" else 1
        try:
            tried = TrainState.start(
                share, objective, self.data, 0, self.device, compiled=self.compiled
            )
            for _ in range(steps):
                train_step(tried, share, objective)
            return tried.engine.failed is None
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
            traceback.clear_frames(error.__traceback__)
            return False
        finally:
            free(self.device)


def with_batch(recipe: Recipe, batch: int, unit: int) -> Recipe:
    """The recipe with another batch, and a generator's own in proportion, in whole units."""
    own = recipe.generator_batch
    if own is not None:
        own = max(1, own * batch // recipe.batch // unit) * unit
    return dataclasses.replace(recipe, batch=batch, generator_batch=own)


def free(device: torch.device) -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    if device.type == "cuda":
        with suppress(RuntimeError):  # of torch before 2.13 once a recording has failed
            torch.cuda.empty_cache()
