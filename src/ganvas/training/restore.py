"""Restoring the state of a run from its newest checkpoint."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from ganvas.data.preparation import PreparedData
from ganvas.errors import RunError, is_out_of_memory
from ganvas.formatting import format_count
from ganvas.precision import resumed_precision
from ganvas.processes import ProcessGroup
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.tensor_file import Tensors
from ganvas.training.distributed import agree_on_precision, check_same_state
from ganvas.training.earlier_run import take_weights
from ganvas.training.state import TrainState


def restore_newest(
    run: Run, recipe: Recipe, data: PreparedData, device: torch.device, processes: ProcessGroup
) -> tuple[TrainState, list[str]]:
    """The state of the newest undamaged checkpoint, or of the start; and a line for each change.

    Raises:
        RunError: there are checkpoints, and all of them are damaged.
    """
    environment = run.read_environment()
    compiled = environment.get("compile", "auto")  # runs of earlier versions lack it
    started = environment["precision"]["name"] if "precision" in environment else "fp32"
    recipe = dataclasses.replace(recipe, precision=resumed_precision(started, device))
    state = TrainState.start(recipe, data, environment["seed"], device, processes, compiled)
    restored = run.read_newest_checkpoint()
    lines = []
    if restored is not None:
        tensors, values, damaged = restored
        lines = [f"{problem}; the checkpoint before it is used" for problem in damaged]
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
