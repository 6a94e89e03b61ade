"""Resuming a run: its state from the newest checkpoint, its recipe, and what is left to do."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from ganvas.command_line import ganvas_command
from ganvas.data.prepared import PreparedData
from ganvas.errors import ArgumentError, RunError, is_out_of_memory
from ganvas.formatting import format_count
from ganvas.precision import resumed_precision
from ganvas.processes import ProcessGroup
from ganvas.recipes import OnFailure, Recipe, checked
from ganvas.runs import Run
from ganvas.runs.checkpoints import later_doublings_in
from ganvas.tensor_file import Tensors
from ganvas.training.distributed import agree_on_precision, check_same_state
from ganvas.training.earlier_run import take_weights
from ganvas.training.state import TrainState


def restore_newest(
    run: Run, recipe: Recipe, data: PreparedData, device: torch.device, processes: ProcessGroup
) -> tuple[TrainState, list[str]]:
    """The state of the newest undamaged checkpoint, or of the start; and a line for each change.

    Raises:
        RunError: there are checkpoints, and all of them are damaged; or there were some.
    """
    environment = run.read_environment()
    compiled = environment.get("compile", "auto")  # runs of earlier versions lack it
    started = environment["precision"]["name"] if "precision" in environment else "fp32"
    recipe = dataclasses.replace(recipe, precision=resumed_precision(started, device))
    restored = run.read_newest_checkpoint()
    if restored is None:
        check_never_saved(run)
    later_doublings = None if restored is None else later_doublings_in(restored[1])
    state = TrainState.start(
        recipe, data, environment["seed"], device, processes, compiled, later_doublings
    )
    lines: list[str] = []
    if restored is not None:
        tensors, values, lines = restored
        if values["images_seen"] == 0:
            take_weights(state, tensors)  # all that fit: a rewind may have exchanged layers
        elif not _restore(run, state, tensors, values):
            lines.append(
                f"this run started on another type of device than {device}: its random numbers "
                "differ from here on"
            )
    check_same_state(run, state)
    agree_on_precision(state)
    if state.precision.name != started:
        name, why = dataclasses.astuple(state.precision)
        lines.append(f"the run started in {started} and continues in {name}: {why}")
    threads, before = torch.get_num_threads(), environment["threads"]
    if device.type == "cpu" and threads != before:
        lines.append(
            f"the run started on {format_count(before, 'thread')} and continues on "
            f"{format_count(threads, 'thread')}: sums may round differently from here on"
        )
    return state, lines


def check_never_saved(run: Run) -> None:
    """Raise a `RunError` where checkpoints were deleted: a new start would replace what is left."""
    saved = run.read_status()
    if saved.was_saved:
        raise RunError(
            f"{run.directory} was saved at {saved.images_seen:,} images, and its checkpoints were "
            "deleted or moved, so it cannot continue. Put them back, or train a new run in another "
            "folder (--out); this one would lose its generator and history"
        )


def _restore(run: Run, state: TrainState, tensors: Tensors, values: dict[str, Any]) -> bool:
    """`TrainState.restore`; a `RunError` where networks or optimizers are not those of the run."""
    try:
        return state.restore(tensors, values)
    except (KeyError, RuntimeError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        raise RunError(
            f"the checkpoint of {run.directory} does not fit its recipe.json, which was changed or "
            f"is damaged: {error}"
        ) from error


def with_overrides(run: Run, images: int | None, on_failure: OnFailure | None) -> Recipe:
    """The run's recipe with what a resumed run changes.

    Raises:
        ArgumentError: the new budget is less than the run's own.
        RecipeError: it is too large, or there is no such choice on failure.
    """
    recipe = run.read_recipe()
    if images is not None:
        if images < recipe.images:
            raise ArgumentError(
                "images",
                f"{images:,} is less than the budget of {recipe.images:,} that {run.directory} "
                "has. Give more to train longer, or leave it out to go on",
            )
        recipe = checked(dataclasses.replace(recipe, images=images), "resume")
    if on_failure is not None:
        recipe = checked(dataclasses.replace(recipe, on_failure=on_failure), "resume")
    return recipe


def unsaved_end(run: Run) -> list[str]:
    """A line about a run whose process died without a word; none about others."""
    if run.state() != "stopped without saving":
        return []
    last = run.history.last_record() or {"images_seen": 0}
    saved = run.read_status().images_seen
    seen = f"at {last['images_seen']:,}"
    if last["images_seen"] < saved:  # it died before its next line of history
        seen = f"after its checkpoint at {saved:,}"
    return [f"{run.directory} stopped without saving {seen} images"]


def check_unfinished(run: Run, recipe: Recipe, state: TrainState) -> None:
    """Raise a `RunError` where nothing is left to train."""
    if state.images_seen >= recipe.images:
        raise RunError(
            f"{run.directory} is finished at {state.images_seen:,} images. To train longer: "
            f"{ganvas_command('resume', run.directory, '--images', 2 * state.images_seen)}"
        )
