"""What augmentation takes of a training step: each policy, and measuring for an adaptive one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from figure import Effort, Figure, figure
from ganvas.objectives.augmentation import MEASURE_EVERY
from ganvas.schedules import Adaptive
from loops import GanvasLoop
from overhead import percent_longer, warm_up
from speed_cases import Case, data_for, every_case, recipe_for

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
    step_seconds = warm_up(loops, OFF, device)
    # A turn has whole intervals between measurements, so that each has as many.
    intervals = max(1, round(effort.seconds / step_seconds * case.batch / MEASURE_EVERY))
    steps = intervals * MEASURE_EVERY // case.batch
    percents = percent_longer(loops, OFF, steps, effort.rounds, device)
    figures = []
    for name, title in TITLES.items():
        most = MOST_PERCENT[name] if device.type == "cpu" else None
        meaning = f"{case.title}: {title}"
        figures.append(
            figure(f"{case.key}/{name}", meaning, "% of a step", percents[name], at_most=most)
        )
    return figures
