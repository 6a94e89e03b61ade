"""What augmentation takes of a training step: each policy, and measuring for an adaptive one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from figure import Effort, Figure, figure
from ganvas.objectives.augmentation import MEASURE_EVERY
from ganvas.schedules import Adaptive
from ganvas.training.memory import measure_memory
from loops import GanvasLoop
from overhead import percent_of_step, steps_of
from speed_cases import Case, data_for, every_case, recipe_for

OFF = "off"
NEVER = 0.999
"""A target that nothing exceeds: measured, and never augmented."""
ARMS: dict[str, dict[str, Any]] = {
    OFF: {},
    "ada": {"augmentation": 0.3},
    "diffaugment": {"augmentation": 0.3, "augmentation_policy": "diffaugment"},
    "measuring": {"augmentation": Adaptive(target=NEVER)},
}
"""What a recipe of training speed is changed by; the last one only measures."""
WIDTH = 32
"""The networks' width, as recipes have it: the narrower, the more augmentation takes of a step."""
TITLES = {
    "ada": "augmentation 0.3, ada",
    "diffaugment": "augmentation 0.3, diffaugment",
    "measuring": "measurements of adaptive augmentation",
}
MOST_PERCENT = {"ada": 10.0, "diffaugment": 10.0, "measuring": 3.0}
"""Targets on a CPU, in percent of a step."""


def measure(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """The cases of training speed that need no GPU, none wider than recipes are."""
    figures = []
    for case in every_case(effort, torch.device("cpu")):
        narrow = dataclasses.replace(case, width=min(case.width, WIDTH))
        place = folder / case.key
        place.mkdir()
        figures += measure_case(narrow, effort, device, place)
    return figures


def measure_case(case: Case, effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Percent of a bare step without augmentation that each policy and measuring take longer."""
    recipe = recipe_for(case)
    prepared = data_for(case, recipe, folder)
    loops = {
        name: GanvasLoop(dataclasses.replace(recipe, **changes), prepared, folder / name, device)
        for name, changes in ARMS.items()
    }
    # A measurement is rare, so it takes turns with steps itself, and counts in proportion.
    measuring = loops["measuring"].state
    turns = {**steps_of(loops), "measuring": lambda: measure_memory(measuring)}
    percents = percent_of_step(turns, OFF, effort, device)
    percents = {
        name: [
            percent * case.batch / MEASURE_EVERY if name == "measuring" else percent - 100
            for percent in each
        ]
        for name, each in percents.items()
    }
    figures = []
    for name, title in TITLES.items():
        most = MOST_PERCENT[name] if device.type == "cpu" else None
        meaning = f"{case.title}: {title}"
        figures.append(
            figure(f"{case.key}/{name}", meaning, "% of a step", percents[name], at_most=most)
        )
    return figures
