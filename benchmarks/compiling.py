"""Speed of `--compile on` against `auto`, and seconds of compilation; bare steps take turns."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from unittest import mock

import torch

from figure import Effort, Figure, figure
from ganvas.processes import SINGLE_PROCESS
from ganvas.training.engine import WARMUP_STEPS, choose_engine
from hardware import stopwatch
from loops import GanvasLoop
from speed_cases import Case, data_for, every_case, recipe_for
from throughput import ratios, steps_in, take_turns


def measure(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Every training-speed case, and one with a penalty on networks without normalisation."""
    figures = []
    for case in (Case("wgan-gp-32", "wgan-gp", 32, 32), *every_case(effort, device)):
        place = folder / case.key
        place.mkdir()
        # With the usual cache directory, earlier compilations would be reused.
        with mock.patch.dict(os.environ, TORCHINDUCTOR_CACHE_DIR=str(place / "compiled")):
            figures += measure_case(case, effort, device, place)
    return figures


def measure_case(case: Case, effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Steps of both engines, in turns; nothing if compilation fails."""
    recipe = recipe_for(case)
    prepared = data_for(case, recipe, folder)
    auto, on = (GanvasLoop(recipe, prepared, folder / name, device) for name in ("auto", "on"))
    on.state.use_engine(choose_engine("on", on.recipe, device, SINGLE_PROCESS))
    first = [stopwatch(partial(loop.steps, WARMUP_STEPS + 1), device) for loop in (auto, on)]
    if on.state.engine.fallback is not None:
        print(f"{case.title}: {on.state.engine.fallback}", file=sys.stderr, flush=True)
        return []
    steps = steps_in(effort.seconds, auto.steps, device)
    turns = {
        name: partial(stopwatch, partial(loop.steps, steps), device)
        for name, loop in (("auto", auto), ("on", on))
    }
    rates = take_turns(turns, steps * case.batch, effort.rounds)
    meaning = f"{case.title}, {auto.state.precision.name}: compiled / plain"
    return [
        figure(f"{case.key}/compiled", meaning, "", ratios(rates, "on", "auto")),
        figure(f"{case.key}/compiling", f"{case.title}: compiling", "s", [first[1] - first[0]]),
    ]
