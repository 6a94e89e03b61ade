"""Makes a run directory, and writes everything that training leaves in it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ganvas.data.prepared import PreparedData
from ganvas.devices import describe_environment
from ganvas.drawing import samples as sample_pictures
from ganvas.errors import RunError
from ganvas.evaluation.evaluate import record_scores
from ganvas.evaluation.score import Score
from ganvas.formatting import format_bytes
from ganvas.generators.files import write_generator
from ganvas.processes import ProcessGroup
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.data import describe_data
from ganvas.runs.directories import check_new_run, in_first_free
from ganvas.runs.file_names import RUNS
from ganvas.runs.history import Record
from ganvas.runs.run import KEPT_CHECKPOINTS, CheckpointContent
from ganvas.runs.time_limit import TimeLimit
from ganvas.runs.tuning import Tuning
from ganvas.storage import check_can_write, free_bytes, given_path, native_path
from ganvas.torchrun import launch
from ganvas.training.engine import Compile
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
        sample_pictures.write_samples(path, samples, self._extent, grid_columns(self._recipe))

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


def describe_run(
    state: TrainState, compile: Compile, deterministic: bool, loggers: Sequence[str]
) -> dict[str, Any]:
    """The content of environment.json."""
    return {
        **describe_environment(state.device),
        **describe_step(state),
        "compile": compile,
        "seed": state.seed,
        "deterministic": deterministic,
        "world_size": state.processes.size,
        "launch": launch(),
        "log": list(loggers),
    }


def check_free(out: Path | str | None, name: str) -> None:
    """Raise a `RunError` unless a new run can be made at `out`; without it, one of this name."""
    if out is None:
        check_can_write(RUNS / native_path(name))
    else:
        check_new_run(given_path(out))


def check_room(out: Path | str | None, state: TrainState) -> None:
    """Raise a `RunError` if the disk surely has too little room for the checkpoints of a new run.

    The newest two are kept, and the next is written beside them.
    """
    folder = (RUNS if out is None else given_path(out)).absolute()
    checkpoint = checkpoint_bytes(state)
    needed, free = (KEPT_CHECKPOINTS + 1) * checkpoint, free_bytes(folder)
    if needed > free:
        raise RunError(
            f"{folder}: checkpoints take {format_bytes(needed)} ({format_bytes(checkpoint)} each), "
            f"and {format_bytes(free)} are free there. Free some space, or choose a folder on "
            "another disk as out (--out)"
        )


def checkpoint_bytes(state: TrainState) -> int:
    """Bytes of a checkpoint once there are Adam's two moments of each parameter."""
    moments: int = sum(
        2 * parameter.nbytes
        for optimizer in state.optimizers().values()
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter not in optimizer.state
    )
    return moments + sum(tensor.nbytes for tensor in state.tensors().values())


def new_run(
    out: Path | str | None,
    recipe: Recipe,
    data: PreparedData,
    environment: dict[str, Any],
    processes: ProcessGroup,
    start: CheckpointContent | None,
    plan: Tuning | TimeLimit | None,
) -> Run:
    """The run directory, which the first process makes and tells the others."""

    def create_named() -> str:
        about = describe_data(data)

        def create(directory: Path) -> Run:
            return Run.create(directory, recipe, environment, about, start, plan)

        if out is not None:
            return str(create(given_path(out)).directory)
        stem = RUNS / native_path(f"{recipe.name}-{data.name}")
        return str(in_first_free(stem, create).directory)

    return Run(Path(processes.broadcast_object(create_named)))


@contextmanager
def removed_if_never_saved(run: Run) -> Iterator[None]:
    """Remove a new run that is interrupted before `fit` can save it, so that nothing is left."""
    try:
        yield
    except KeyboardInterrupt:
        if not run.checkpoint_paths():
            shutil.rmtree(run.directory, ignore_errors=True)
        raise
