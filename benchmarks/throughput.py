"""Training speed: the real loop of ganvas, its bare steps, and the textbook loop take turns."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import torch

from figure import Effort, Figure, figure
from floor import Work, count_work
from hardware import copy_rate, matrix_rate, stopwatch
from loops import GanvasLoop
from memory import peak_gb
from speed_cases import (
    MIN_RATIO,
    Case,
    check_same_networks,
    data_for,
    every_case,
    recipe_for,
    textbook_for,
)
from textbook import TextbookLoop

MAX_WAITING = 2.0
"""Percent of the training time that may be spent waiting for the next batch of images."""
MAX_PROBING = 5.0
"""Percent of the training time that health probes may take."""
WARM_UP_STEPS = 3

Rates = dict[str, list[float]]
"""One number per round, by what was measured: images, operations or bytes per second.

matrix, copy: the limits of the device, in float32; own-matrix: in the dtype that ganvas uses.
"""
Turns = Mapping[str, Callable[[], float]]
"""Functions that take turns. Each trains for the same number of steps and returns the seconds."""


def measure(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Every case, one after the other."""
    figures = []
    for case in every_case(effort, device):
        place = folder / case.key
        place.mkdir()
        figures += measure_case(case, effort, device, place)
        figures += measure_memory(case, device, place)
    return figures


def measure_case(case: Case, effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Let the loops take turns, and compare them within each round."""
    ours, theirs = start_loops(case, device, folder)
    work = {
        "ganvas": count_work(lambda: ours.steps(1)),
        "textbook": count_work(lambda: theirs.run(1)),
    }
    steps = warm_up(ours, theirs, effort.seconds, device)
    turns: Turns = {
        "ganvas": lambda: ours.fit(steps),
        "bare": lambda: stopwatch(lambda: ours.steps(steps), device),
        "textbook": lambda: stopwatch(lambda: theirs.run(steps), device),
        "textbook-bf16": lambda: stopwatch(lambda: theirs.run(steps, bf16=True), device),
    }
    precision = ours.state.precision.name
    seconds = min(1.0, effort.seconds / 4)
    limits = partial(device_limits, seconds, precision, device)
    rates = take_turns(turns, steps * case.batch, effort.rounds, limits)
    probing = figure(
        f"{case.key}/probes",
        f"{case.title}: probes of health, of ganvas' time",
        "%",
        ours.probing[1:],  # the first call warmed up
        at_most=MAX_PROBING,
    )
    waiting = figure(
        f"{case.key}/data-wait",
        f"{case.title}: waiting for images, of ganvas' time",
        "%",
        ours.waiting[1:],
        at_most=MAX_WAITING,
    )
    least = case.min_ratio(device)
    return [*summarise(case, rates, work, precision, least), probing, waiting]


def measure_ratio(case: Case, effort: Effort, device: torch.device, folder: Path) -> Figure:
    """Only the ratio ganvas / textbook."""
    ours, theirs = start_loops(case, device, folder)
    steps = warm_up(ours, theirs, effort.seconds, device)
    turns: Turns = {
        "ganvas": lambda: ours.fit(steps),
        "textbook": lambda: stopwatch(lambda: theirs.run(steps), device),
    }
    rates = take_turns(turns, steps * case.batch, effort.rounds)
    return ratio_of(case, rates, case.min_ratio(device))


def start_loops(case: Case, device: torch.device, folder: Path) -> tuple[GanvasLoop, TextbookLoop]:
    """Both loops at their first step, with the same weights."""
    recipe = recipe_for(case)
    prepared = data_for(case, recipe, folder)
    ours = GanvasLoop(recipe, prepared, folder / "run", device)
    theirs = textbook_for(case, recipe, prepared, device)
    check_same_networks(ours.state, theirs)
    return ours, theirs


def warm_up(ours: GanvasLoop, theirs: TextbookLoop, seconds: float, device: torch.device) -> int:
    """Run both loops a little. Returns how many textbook steps take so many seconds, at least 2."""
    ours.steps(WARM_UP_STEPS)
    ours.fit(WARM_UP_STEPS)
    theirs.run(WARM_UP_STEPS)
    return steps_in(seconds, theirs.run, device)


def steps_in(seconds: float, run: Callable[[int], object], device: torch.device) -> int:
    """How many steps take so many seconds, at least 2.

    Args:
        run: does a number of steps. It has warmed up.
    """
    step_seconds = stopwatch(lambda: run(WARM_UP_STEPS), device) / WARM_UP_STEPS
    return max(2, round(seconds / step_seconds))


def take_turns(
    turns: Turns, images: int, rounds: int, limits: Callable[[], dict[str, float]] = dict
) -> Rates:
    """Images per second of each loop in each round. Each round starts with another loop.

    Args:
        images: per turn.
        limits: measures the limits of the device before each round.
    """
    rates: Rates = defaultdict(list)
    for index in range(rounds):
        for name, limit in limits().items():
            rates[name].append(limit)
        for name in rotated(list(turns), index):
            rates[name].append(images / turns[name]())
    return rates


def rotated(names: list[str], index: int) -> list[str]:
    """The names in the order of a round, so that none profits from its position."""
    cut = index % len(names)
    return names[cut:] + names[:cut]


def device_limits(seconds: float, precision: str, device: torch.device) -> dict[str, float]:
    """The matrix rates and the copy rate of the device, by the names of `Rates`."""
    matrix = own = matrix_rate(device, seconds)
    if precision == "bf16":
        own = matrix_rate(device, seconds, torch.bfloat16)
    return {"matrix": matrix, "own-matrix": own, "copy": copy_rate(device, seconds)}


def summarise(
    case: Case, rates: Rates, work: dict[str, Work], precision: str, least: float
) -> list[Figure]:
    """Figures from the rates, and from the work of one step of each loop."""

    def case_figure(key: str, meaning: str, unit: str, values: list[float]) -> Figure:
        return figure(f"{case.key}/{key}", f"{case.title}: {meaning}", unit, values)

    figures = [
        case_figure("ganvas", f"ganvas, {precision}", "images/s", rates["ganvas"]),
        case_figure("textbook", "textbook loop, fp32", "images/s", rates["textbook"]),
        case_figure("textbook-bf16", "textbook loop, bf16", "images/s", rates["textbook-bf16"]),
        ratio_of(case, rates, least),
        bf16_ratio_of(case, rates),
        case_figure("bare-ratio", "ganvas' bare steps / textbook", "", ratios(rates, "bare")),
    ]
    for loop, peak in (("ganvas", "own-matrix"), ("textbook", "matrix")):
        loop_work = work[loop]
        steps = [rate / case.batch for rate in rates[loop]]
        fractions = [
            100 * rate * loop_work.operations / matrix
            for rate, matrix in zip(steps, rates["matrix"], strict=True)
        ]
        floors = [
            100 * rate * loop_work.floor_seconds(matrix, copy)
            for rate, matrix, copy in zip(steps, rates[peak], rates["copy"], strict=True)
        ]
        figures += [
            case_figure(f"{loop}-share", f"{loop}, of the fp32 matrix rate", "%", fractions),
            case_figure(f"{loop}-floor", f"{loop}, of the speed of its floor", "%", floors),
            case_figure(
                f"{loop}-work",
                f"{loop}, work an image",
                "MFLOP",
                [loop_work.operations / case.batch / 1e6],
            ),
            case_figure(
                f"{loop}-bytes",
                f"{loop}, bytes an image",
                "MB",
                [loop_work.bytes / case.batch / 1e6],
            ),
        ]
    figures.append(case_figure("matrix", "fp32 matrix rate", "GFLOP/s", billions(rates["matrix"])))
    if precision != "fp32":
        meaning = f"{precision} matrix rate"
        figures.append(case_figure("own-matrix", meaning, "GFLOP/s", billions(rates["own-matrix"])))
        figures.append(own_share_of(case, rates, work["ganvas"], precision))
    return [*figures, case_figure("copy", "copy rate", "GB/s", billions(rates["copy"]))]


def ratio_of(case: Case, rates: Rates, least: float) -> Figure:
    """ganvas / textbook, with its target."""
    key, meaning = f"{case.key}/ratio", f"{case.title}: ganvas / textbook"
    return figure(key, meaning, "", ratios(rates, "ganvas"), at_least=least)


def bf16_ratio_of(case: Case, rates: Rates) -> Figure:
    """ganvas, in its own dtype, over the textbook in bfloat16; it must not be slower."""
    return figure(
        f"{case.key}/ratio-bf16",
        f"{case.title}: ganvas / textbook in bf16",
        "",
        ratios(rates, "ganvas", "textbook-bf16"),
        at_least=MIN_RATIO,
    )


def own_share_of(case: Case, rates: Rates, work: Work, precision: str) -> Figure:
    """Percent of the matrix rate in ganvas' own dtype, with its target."""
    percents = [
        100 * rate / case.batch * work.operations / matrix
        for rate, matrix in zip(rates["ganvas"], rates["own-matrix"], strict=True)
    ]
    key, meaning = f"{case.key}/ganvas-own-share", f"ganvas, of the {precision} matrix rate"
    return figure(key, f"{case.title}: {meaning}", "%", percents, at_least=case.min_matrix_percent)


def ratios(rates: Rates, name: str, other: str = "textbook") -> list[float]:
    """One loop over the other, within each round."""
    return [a / b for a, b in zip(rates[name], rates[other], strict=True)]


def billions(values: list[float]) -> list[float]:
    """The values in units of 1e9."""
    return [value / 1e9 for value in values]


def measure_memory(case: Case, device: torch.device, folder: Path) -> list[Figure]:
    """The peak memory of both loops, each in its own process."""
    where = "of the GPU" if device.type == "cuda" else "resident"
    return [
        figure(
            f"{case.key}/peak-{loop}",
            f"{case.title}: {loop}, peak memory {where}",
            "GB",
            [peak_gb(["case", loop, json.dumps(asdict(case)), str(device)], folder)],
        )
        for loop in ("ganvas", "textbook")
    ]
