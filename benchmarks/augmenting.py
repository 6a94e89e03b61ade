"""What augmentation takes of a training step: each policy, and measuring for an adaptive one."""

from __future__ import annotations

import dataclasses
import math
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
POLICIES: dict[str, dict[str, Any]] = {
    OFF: {},
    "ada": {"augmentation": 0.3},
    "diffaugment": {"augmentation": 0.3, "augmentation_policy": "diffaugment"},
}
"""What a recipe of training speed is changed by."""
MEASURING: dict[str, dict[str, Any]] = {
    OFF: {},
    "measuring": {"augmentation": Adaptive(target=NEVER)},
}
"""The same; the last one only measures."""
TURNS_PER_ROUND = 2
"""Short turns in many rounds: the difference is small beside what other work changes."""
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

    def loops_of(arms: dict[str, dict[str, Any]]) -> dict[str, GanvasLoop]:
        return {
            name: GanvasLoop(
                dataclasses.replace(recipe, **changes),
                prepared,
                folder / "-".join([*arms, name]),
                device,
            )
            for name, changes in arms.items()
        }

    loops = loops_of(POLICIES)
    step_seconds = warm_up(loops, OFF, device)
    steps = max(2, round(effort.seconds / TURNS_PER_ROUND / 2 / step_seconds))
    percents = percent_longer(loops, OFF, steps, effort.rounds * TURNS_PER_ROUND, device)
    loops = loops_of(MEASURING)
    warm_up(loops, OFF, device)
    # As long as a measurement is away from the next, so that each turn has one.
    steps = math.ceil(MEASURE_EVERY / case.batch)
    percents |= percent_longer(loops, OFF, steps, effort.rounds, device)
    figures = []
    for name, title in TITLES.items():
        most = MOST_PERCENT[name] if device.type == "cpu" else None
        meaning = f"{case.title}: {title}"
        figures.append(
            figure(f"{case.key}/{name}", meaning, "% of a step", percents[name], at_most=most)
        )
    return figures
