"""How much longer a step takes with something than without: loops alternate step by step.

Other work on the machine slows one step and not another far away, so steps are compared with those
beside them. A round gives the median over its pairs of steps.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from functools import partial

import torch

from figure import Effort
from hardware import processor_stopwatch
from loops import GanvasLoop
from throughput import WARM_UP_STEPS, take_turns

Turns = Mapping[str, Callable[[], object]]
"""What takes turns, by name: a step, or something that is compared with a step."""


def steps_of(loops: Mapping[str, GanvasLoop]) -> dict[str, Callable[[], object]]:
    """A step of each loop, as it takes turns."""
    return {name: partial(loop.steps, 1) for name, loop in loops.items()}


def percent_of_step(
    turns: Turns, base: str, effort: Effort, device: torch.device
) -> dict[str, list[float]]:
    """What all others than the base take, in percent of the base: the median of each round.

    Rounds take as long as a turn of the effort, and at least two steps of each.

    On a CPU in processor time, which other work on the machine changes less than the clock's.
    """
    for _ in range(WARM_UP_STEPS):
        seconds = [processor_stopwatch(turn, device) for turn in turns.values()]
    pairs = max(2, round(effort.seconds / sum(seconds)))
    timed = {name: partial(processor_stopwatch, turn, device) for name, turn in turns.items()}
    percents: dict[str, list[float]] = {name: [] for name in turns if name != base}
    for _ in range(effort.rounds):
        rates = take_turns(timed, 1, pairs)
        for name, medians in percents.items():
            compared = zip(rates[base], rates[name], strict=True)
            medians.append(statistics.median(100 * own / other for own, other in compared))
    return percents


def percent_longer(
    loops: Mapping[str, GanvasLoop], base: str, effort: Effort, device: torch.device
) -> dict[str, list[float]]:
    """Percent of a step of the base that a step of each other loop takes longer, likewise."""
    percents = percent_of_step(steps_of(loops), base, effort, device)
    return {name: [percent - 100 for percent in each] for name, each in percents.items()}
