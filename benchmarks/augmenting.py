"""What augmentation takes of a training step: each policy, and measuring for an adaptive one."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import torch

from figure import Effort, Figure, figure
from ganvas.objectives.augmentation import MEASURE_EVERY
from ganvas.schedules import Adaptive
from hardware import stopwatch
from loops import GanvasLoop
from speed_cases import Case, data_for, every_case, recipe_for
from throughput import WARM_UP_STEPS, take_turns

OFF = "off"
NEVER = 0.999
"""A target that nothing exceeds: measured at every interval, and never augmented."""
ARMS: dict[str, dict[str, Any]] = {
    OFF: {},
    "ada": {"augmentation": 0.3},
    "diffaugment": {"augmentation": 0.3, "augmentation_policy": "diffaugment"},
    "measuring": {"augmentation": Adaptive(target=NEVER)},
}
"""What a recipe of training speed is changed by; the last one only measures."""
TITLES = {
    "ada": "augmentation 0.3, ada",
    "diffaugment": "augmentation 0.3, diffaugment",
    "measuring": "measurements of adaptive augmentation",
}
MOST_PERCENT = {"ada": 10.0, "diffaugment": 10.0, "measuring": 3.0}
"""Targets on a CPU, in percent of a step."""


def measure(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """The cases of training speed that need no GPU."""
    figures = []
    for case in every_case(effort, torch.device("cpu")):
        place = folder / case.key
        place.mkdir()
        figures += measure_case(case, effort, device, place)
    return figures


def measure_case(case: Case, effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Percent of a bare step without augmentation that each arm takes longer."""
    recipe = recipe_for(case)
    prepared = data_for(case, recipe, folder)
    loops = {
        name: GanvasLoop(dataclasses.replace(recipe, **changes), prepared, folder / name, device)
        for name, changes in ARMS.items()
    }
    for loop in loops.values():
        loop.steps(WARM_UP_STEPS)
    step_seconds = stopwatch(partial(loops[OFF].steps, WARM_UP_STEPS), device) / WARM_UP_STEPS
    # A turn has whole intervals between measurements, so that each has as many.
    intervals = max(1, round(effort.seconds / step_seconds * case.batch / MEASURE_EVERY))
    steps = intervals * MEASURE_EVERY // case.batch
    turns = {
        name: partial(stopwatch, partial(loop.steps, steps), device) for name, loop in loops.items()
    }
    rates = take_turns(turns, steps * case.batch, effort.rounds)
    figures = []
    for name, title in TITLES.items():
        percent = [
            100 * (off / rate - 1) for off, rate in zip(rates[OFF], rates[name], strict=True)
        ]
        most = MOST_PERCENT[name] if device.type == "cpu" else None
        meaning = f"{case.title}: {title}"
        figures.append(figure(f"{case.key}/{name}", meaning, "% of a step", percent, at_most=most))
    return figures
