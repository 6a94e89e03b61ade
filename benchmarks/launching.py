"""What is left of a step when its pieces are replayed: Python, and the few kernels between them.

A GPU that replays recorded pieces waits for nothing else, so this is the shortest that a step can
take there. It is measured on the CPU, with pieces that give back at once what they gave before.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from figure import Effort, Figure, figure
from ganvas.training.engine import WARM_UPS, Calculated, Eager, Key, Piece
from hardware import stopwatch
from loops import GanvasLoop
from speed_cases import Case, data_for, every_case, recipe_for

NARROW, FEW = 16, 8
"""Channels, and images in a batch: as many kernels as ever, and little to calculate in them."""
TURNS = 8
"""To the length of one in training speed: a step is short."""


@dataclass
class Silent(Eager):
    """As if every piece were a graph that takes no time: what it gave at first, it gives again."""

    gave: dict[Key, Calculated] = field(default_factory=dict)

    def run(self, key: Key, piece: Piece, *tensors: torch.Tensor) -> Calculated:
        if key not in self.gave:
            self.gave[key] = piece(*tensors)
        return self.gave[key]


def measure(effort: Effort, folder: Path) -> list[Figure]:
    """Each case of training speed that a CPU has, its networks narrow."""
    found = []
    for case in every_case(effort, torch.device("cpu")):
        place = folder / case.key
        place.mkdir()
        found += measure_case(dataclasses.replace(case, width=NARROW, batch=FEW), effort, place)
    return found


def measure_case(case: Case, effort: Effort, folder: Path) -> list[Figure]:
    """Milliseconds that are left of a step."""
    cpu = torch.device("cpu")
    recipe = dataclasses.replace(recipe_for(case), precision="fp32")
    loop = GanvasLoop(recipe, data_for(case, recipe, folder), folder / "run", cpu)
    loop.state.engine = Silent()
    loop.steps(WARM_UPS)
    each = stopwatch(partial(loop.steps, WARM_UPS), cpu) / WARM_UPS
    steps = max(2, round(effort.seconds / TURNS / each))
    taken = [
        stopwatch(partial(loop.steps, steps), cpu) / steps * 1_000 for _ in range(effort.rounds)
    ]
    title = f"{case.recipe} {case.side}x{case.side}: a step whose pieces take no time"
    return [figure(f"{case.key}/left", title, "ms", taken)]
