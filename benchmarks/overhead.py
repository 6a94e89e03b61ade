"""How much longer a step takes with something than without: loops take turns in one process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch

from hardware import processor_stopwatch
from loops import GanvasLoop
from throughput import WARM_UP_STEPS, take_turns


def warm_up(loops: Mapping[str, GanvasLoop], base: str, device: torch.device) -> float:
    """Run every loop a little. Returns the seconds of a step of the base."""
    for loop in loops.values():
        loop.steps(WARM_UP_STEPS)
    work = partial(loops[base].steps, WARM_UP_STEPS)
    return processor_stopwatch(work, device) / WARM_UP_STEPS


def percent_longer(
    loops: Mapping[str, GanvasLoop], base: str, steps: int, rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Percent of a step of the base that each other loop takes longer, within each round.

    On a CPU in processor time, which other work on the machine changes less than the clock's.
    """
    turns = {
        name: partial(processor_stopwatch, partial(loop.steps, steps), device)
        for name, loop in loops.items()
    }
    rates = take_turns(turns, steps, rounds)
    return {
        name: [100 * (own / other - 1) for own, other in zip(rates[base], rates[name], strict=True)]
        for name in loops
        if name != base
    }
