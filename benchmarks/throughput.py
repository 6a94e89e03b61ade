"""Training speed: ganvas' real loop, its bare steps and the textbook loop take turns."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from figure import Effort, Figure, figure
from ganvas.architectures import DCGAN
from ganvas.data.preparation import PreparedData, prepare
from ganvas.data.sources import open_source
from ganvas.devices import describe_environment
from ganvas.objectives.objective import Objective
from ganvas.recipes import CATALOG, Recipe
from ganvas.runs import Run
from ganvas.runs.data import describe_data
from ganvas.training import trainer
from ganvas.training.display import Display
from ganvas.training.state import TrainState
from ganvas.training.step import train_step
from ganvas.training.watch import Watch
from hardware import matrix_rate, wait_for
from textbook import BATCH, LATENT_DIM, TextbookLoop

LEAST_RATIO = 0.97
"""All that ganvas does beside training may cost 3 %."""
MOST_WAITING = 2.0
"""Percent of the training time that may pass in waiting for the next batch of images."""
MOST_PROBING = 5.0
"""Percent of the training time that looking at its health may cost."""
COLOUR_IMAGES = 2_000
WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Case:
    """The `dcgan` recipe at one size."""

    key: str
    side: int
    width: int
    channels: int

    @property
    def title(self) -> str:
        """For people."""
        colour = "grey" if self.channels == 1 else "colour"
        return f"dcgan {self.side}x{self.side} {colour}, width {self.width}"


def measure(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Both sizes, one after the other."""
    found = []
    for case in (Case("dcgan-32", 32, 32, 1), Case("dcgan-64", 64, effort.colour_width, 3)):
        place = folder / case.key
        place.mkdir()
        found += measure_case(case, effort, device, place)
    return found


def measure_case(case: Case, effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Let the loops take turns and compare them within each round."""
    recipe = recipe_for(case)
    prepared = data_for(case, recipe, folder)
    ours = GanvasLoop(recipe, prepared, folder / "run", device)
    theirs = TextbookLoop(torch.from_numpy(np.array(prepared.images)), case.width, device)
    insist_on_same_networks(ours.state, theirs)
    work = {
        "ganvas": count_operations(lambda: ours.steps(1)),
        "textbook": count_operations(lambda: theirs.run(1)),
    }
    steps = steps_in(effort.seconds, theirs, device)
    ours.steps(WARM_UP_STEPS)
    ours.fit(WARM_UP_STEPS)
    turns: dict[str, Callable[[], float]] = {
        "ganvas": lambda: ours.fit(steps),
        "bare": lambda: stopwatch(lambda: ours.steps(steps), device),
        "textbook": lambda: stopwatch(lambda: theirs.run(steps), device),
    }
    rates: dict[str, list[float]] = {name: [] for name in [*turns, "matrix"]}
    for index in range(effort.rounds):
        rates["matrix"].append(matrix_rate(device, min(1.0, effort.seconds / 4)))
        for name in rotated(list(turns), index):
            rates[name].append(steps * BATCH / turns[name]())
    probing = figure(
        f"{case.key}/probes",
        f"{case.title}: probes of health, of ganvas' time",
        "%",
        ours.probing[1:],  # the first call warmed up
        at_most=MOST_PROBING,
    )
    waiting = figure(
        f"{case.key}/data-wait",
        f"{case.title}: waiting for images, of ganvas' time",
        "%",
        ours.waiting[1:],
        at_most=MOST_WAITING,
    )
    return [*summarise(case, rates, work), probing, waiting]


def summarise(case: Case, rates: dict[str, list[float]], work: dict[str, int]) -> list[Figure]:
    """Figures from images a second by loop and round, and operations a step by loop."""

    def ratios(name: str) -> list[float]:
        return [a / b for a, b in zip(rates[name], rates["textbook"], strict=True)]

    def shares(name: str) -> list[float]:
        pairs = zip(rates[name], rates["matrix"], strict=True)
        return [100 * rate * work[name] / BATCH / peak for rate, peak in pairs]

    def one(
        key: str, meaning: str, unit: str, values: list[float], least: float | None = None
    ) -> Figure:
        return figure(f"{case.key}/{key}", f"{case.title}: {meaning}", unit, values, at_least=least)

    return [
        one("ganvas", "ganvas", "images/s", rates["ganvas"]),
        one("textbook", "textbook loop", "images/s", rates["textbook"]),
        one("ratio", "ganvas / textbook", "", ratios("ganvas"), LEAST_RATIO),
        one("bare-ratio", "ganvas' bare steps / textbook", "", ratios("bare")),
        one("ganvas-share", "ganvas, of the matrix rate", "%", shares("ganvas")),
        one("textbook-share", "textbook, of the matrix rate", "%", shares("textbook")),
        one("ganvas-work", "ganvas, work an image", "MFLOP", [work["ganvas"] / BATCH / 1e6]),
        one("textbook-work", "textbook, work an image", "MFLOP", [work["textbook"] / BATCH / 1e6]),
        one("matrix", "fp32 matrix rate", "GFLOP/s", [rate / 1e9 for rate in rates["matrix"]]),
    ]


class GanvasLoop:
    """A ganvas run that goes on in pieces."""

    def __init__(
        self, recipe: Recipe, prepared: PreparedData, directory: Path, device: torch.device
    ) -> None:
        environment = {**describe_environment(device), "seed": 0, "deterministic": False}
        self.recipe = recipe.with_fixed_schedules()
        self.device = device
        self.prepared = prepared
        self.objective = Objective.build(recipe.objective)
        self.state = TrainState.start(self.recipe, self.objective, prepared, 0, device)
        self.run = Run.create(directory, self.recipe, environment, describe_data(prepared))
        self.probing: list[float] = []
        """Share of the time, in percent, that went into the probes of health, by round."""
        self.waiting: list[float] = []
        """Share of the time, in percent, in which the loop waited for its images, by round."""

    def steps(self, steps: int) -> None:
        """Training steps alone: no history, no grids, no checkpoints, no display."""
        for _ in range(steps):
            train_step(self.state, self.recipe, self.objective)

    def fit(self, steps: int) -> float:
        """Seconds of the real loop for some steps, with a live display.

        `fit` ends with a grid, a checkpoint and a probe. A long run has them only at the recipe's
        intervals, so what each took is measured and counted in that proportion.
        """
        images = steps * self.recipe.batch
        recipe = dataclasses.replace(self.recipe, images=self.state.images_seen + images)
        waited = self.state.stream.waited
        with (
            watched(trainer, "save_grid") as grids,
            watched(trainer, "save_checkpoint") as checkpoints,
            watched(Watch, "probe") as probes,
            screen(),
        ):
            display = Display(recipe.images, self.state.images_seen)
            seconds = stopwatch(
                lambda: trainer.fit(self.run, recipe, self.state, self.prepared, display),
                self.device,
            )
        for times, interval in (
            (grids, recipe.intervals.samples),
            (checkpoints, recipe.intervals.checkpoint),
            (probes, recipe.intervals.probes),
        ):
            seconds += statistics.median(times) * images / interval - sum(times)
        self.probing.append(100 * statistics.median(probes) * images / recipe.intervals.probes)
        self.probing[-1] /= seconds
        self.waiting.append(100 * (self.state.stream.waited - waited) / seconds)
        return seconds


@contextlib.contextmanager
def watched(owner: object, name: str) -> Iterator[list[float]]:
    """Collect the seconds of every call to one function of a module or class."""
    function = getattr(owner, name)
    times: list[float] = []

    def timed(*arguments: object) -> object:
        start = time.perf_counter()
        try:
            return function(*arguments)
        finally:
            times.append(time.perf_counter() - start)

    with mock.patch.object(owner, name, timed):
        yield times


@contextlib.contextmanager
def screen() -> Iterator[None]:
    """A terminal that nobody looks at, so that the live line is drawn and its cost is counted."""
    terminal = {"TTY_COMPATIBLE": "1", "TERM": "xterm-256color", "COLUMNS": "120"}
    with mock.patch.dict(os.environ, terminal), contextlib.redirect_stdout(io.StringIO()):
        yield


def recipe_for(case: Case) -> Recipe:
    """The named recipe at the case's size and width; all else as published."""
    recipe = CATALOG["dcgan"]()
    if not isinstance(recipe.architecture, DCGAN):
        raise TypeError("the dcgan recipe no longer has the dcgan architecture")
    if (recipe.batch, recipe.latent_dim) != (BATCH, LATENT_DIM):
        raise ValueError("the dcgan recipe and the textbook loop differ in batch or latents")
    return dataclasses.replace(
        recipe,
        architecture=dataclasses.replace(recipe.architecture, width=case.width),
        data=dataclasses.replace(recipe.data, size=(case.side, case.side)),
    )


def data_for(case: Case, recipe: Recipe, folder: Path) -> PreparedData:
    """Fashion-MNIST for grey, noise for colour: speed does not depend on what is to be seen."""
    source = "fashion"
    if case.channels == 3:
        shape = (COLOUR_IMAGES, case.side, case.side, 3)
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        source = str(folder / "noise.npy")
        np.save(source, pixels)
    return prepare(open_source(source), recipe.data, cache=folder / "cache")


def insist_on_same_networks(state: TrainState, textbook: TextbookLoop) -> None:
    """Give the textbook's networks our weights, and stop unless both then compute the same."""
    latents = torch.randn(BATCH, LATENT_DIM, device=state.device)
    noise = latents[:, :, None, None]
    with torch.no_grad():
        copy_weights(state.generator, textbook.generator)
        copy_weights(state.discriminator, textbook.discriminator)
        images = state.generator(latents)
        torch.testing.assert_close(textbook.generator(noise), images)
        torch.testing.assert_close(textbook.discriminator(images), state.discriminator(images))


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy all weights and buffers in order.

    Raises:
        ValueError: the two differ in number or shape.
    """
    ours, theirs = list(source.state_dict().values()), list(target.state_dict().values())
    shapes = [[tuple(tensor.shape) for tensor in tensors] for tensors in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"ganvas and textbook networks differ: {shapes[0]} and {shapes[1]}")
    for tensor, copied in zip(theirs, ours, strict=True):
        tensor.copy_(copied)


def count_operations(work: Callable[[], None]) -> int:
    """Floating-point operations in matrix products and convolutions, both directions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def steps_in(seconds: float, loop: TextbookLoop, device: torch.device) -> int:
    """How many textbook steps take about this long; at least 2."""
    loop.run(WARM_UP_STEPS)
    each = stopwatch(lambda: loop.run(WARM_UP_STEPS), device) / WARM_UP_STEPS
    return max(2, round(seconds / each))


def stopwatch(work: Callable[[], None], device: torch.device) -> float:
    """Seconds until the work is done, on the device too."""
    wait_for(device)
    start = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - start


def rotated(names: list[str], index: int) -> list[str]:
    """Another one goes first in each round, so that none profits from its place."""
    cut = index % len(names)
    return names[cut:] + names[:cut]
