"""The Python overhead per step: what remains when all graph functions take no time.

On a GPU that replays CUDA graphs, no step can be shorter than this. It is measured on the CPU, with
graph functions that return their first result again at once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from figure import Effort, Figure, figure
from ganvas.training.engine import WARMUP_STEPS, Eager, TensorFunction, Tensors
from hardware import stopwatch
from loops import GanvasLoop
from speed_cases import Case, data_for, every_case, recipe_for
from throughput import steps_in

NARROW, FEW = 16, 8
"""Channels, and images per batch: the usual number of kernels with little work in each."""
TURNS = 8
"""Turns in the time of one turn of training speed, because such a step is short."""


@dataclass
class InstantEngine(Eager):
    """An engine whose graph functions take no time: each returns its first result again."""

    def wrap(self, function: TensorFunction, compiled: bool = True) -> TensorFunction:
        results: list[Tensors] = []

        def instant(*tensors: torch.Tensor) -> Tensors:
            if not results:
                results.append(function(*tensors))
            return results[0]

        return instant


def measure(effort: Effort, folder: Path) -> list[Figure]:
    """Every training-speed case of a CPU, with narrow networks."""
    figures = []
    for case in every_case(effort, torch.device("cpu")):
        place = folder / case.key
        place.mkdir()
        figures += measure_case(dataclasses.replace(case, width=NARROW, batch=FEW), effort, place)
    return figures


def measure_case(case: Case, effort: Effort, folder: Path) -> list[Figure]:
    """Milliseconds of Python overhead per step."""
    cpu = torch.device("cpu")
    recipe = dataclasses.replace(recipe_for(case), precision="fp32")
    loop = GanvasLoop(recipe, data_for(case, recipe, folder), folder / "run", cpu)
    loop.state.use_engine(InstantEngine())
    loop.steps(WARMUP_STEPS)
    steps = steps_in(effort.seconds / TURNS, loop.steps, cpu)
    milliseconds = [
        stopwatch(partial(loop.steps, steps), cpu) / steps * 1_000 for _ in range(effort.rounds)
    ]
    title = f"{case.recipe} {case.side}x{case.side}: a step whose functions take no time"
    return [figure(f"{case.key}/left", title, "ms", milliseconds)]
