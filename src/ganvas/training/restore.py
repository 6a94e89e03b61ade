"""The state that a run resumes from."""

from __future__ import annotations

import dataclasses

import torch

from ganvas.data.preparation import PreparedData
from ganvas.precision import as_begun
from ganvas.processes import ProcessGroup
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.training.distributed import agree_on_precision, check_same_state
from ganvas.training.state import TrainState


def restore_newest(
    run: Run, recipe: Recipe, data: PreparedData, device: torch.device, processes: ProcessGroup
) -> tuple[TrainState, list[str]]:
    """The state of the newest whole checkpoint, or of the start; and what is not as before.

    Raises:
        RunError: there are checkpoints, and all are damaged.
    """
    environment = run.read_environment()
    compiled = environment.get("compile", "auto")  # runs of before do not say
    begun = environment.get("precision", {"name": "fp32"})["name"]
    recipe = dataclasses.replace(recipe, precision=as_begun(begun, device))
    state = TrainState.start(recipe, data, environment["seed"], device, processes, compiled)
    restored = run.read_newest_checkpoint()
    lines = []
    if restored is not None:
        tensors, values, damaged = restored
        lines = [f"{one}; the checkpoint before it is used" for one in damaged]
        if not state.restore(tensors, values):
            lines.append(
                f"another kind of device than {device} began this run: other random numbers are "
                "drawn from here on"
            )
    check_same_state(run, state)
    agree_on_precision(state)
    if state.precision.name != begun:
        name, why = dataclasses.astuple(state.precision)
        lines.append(f"the run began in {begun} and goes on in {name}: {why}")
    return state, lines
