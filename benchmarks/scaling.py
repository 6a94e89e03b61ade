"""How the speed of `dcgan` grows: with the batch, with the image, with a second process."""

from __future__ import annotations

import dataclasses
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from figure import Effort, Figure, figure
from ganvas.formatting import format_count
from ganvas.runs import Run
from hardware import stopwatch
from loops import GanvasLoop
from speed_cases import Case, data_for, recipe_for
from throughput import WARM_UP_STEPS

WIDTH = 32
SIDE, BATCH = 32, 32
"""Where only the other one grows."""
ROUNDS = 3
SHARED_BATCH = 64
"""Of one or two processes together."""
RECORDS = 8
"""Lines of history in a run; the first warms up, and a grid falls into the last."""


@dataclass(frozen=True)
class Launch:
    """How many processes train one run, and how many threads each of them has."""

    processes: int
    threads: int

    @property
    def key(self) -> str:
        """Names its figure."""
        return f"{self.processes}x{self.threads}"

    @property
    def title(self) -> str:
        """For people."""
        processes = format_count(self.processes, "process", "processes")
        threads = format_count(self.threads, "thread")
        return f"{processes} of {threads}"


ALONE, THREADED, SHARED = Launch(1, 1), Launch(1, 2), Launch(2, 1)


def measure(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Bare steps over batch and image size; whole runs over processes, which share the CPU."""
    return [*measure_sizes(effort, device, folder), *measure_processes(effort, folder)]


def measure_sizes(effort: Effort, device: torch.device, folder: Path) -> list[Figure]:
    """Images a second of training steps alone; all settings take turns."""
    settings = [(SIDE, batch) for batch in effort.batches]
    settings += [(side, BATCH) for side in effort.sides if (side, BATCH) not in settings]
    turns = {size: turn_of(*size, effort.seconds / 2, device, folder) for size in settings}
    rates: dict[tuple[int, int], list[float]] = {size: [] for size in settings}
    for _ in range(ROUNDS):
        for size, (loop, steps) in turns.items():
            seconds = stopwatch(lambda loop=loop, steps=steps: loop.steps(steps), device)
            rates[size].append(steps * size[1] / seconds)
    return [
        figure(
            f"side-{side}/batch-{batch}",
            f"dcgan {side}x{side} grey, width {WIDTH}, batch {batch}: bare steps",
            "images/s",
            found,
        )
        for (side, batch), found in rates.items()
    ]


def turn_of(
    side: int, batch: int, seconds: float, device: torch.device, folder: Path
) -> tuple[GanvasLoop, int]:
    """A warm loop, and how many of its steps take about so many seconds."""
    place = folder / f"{side}-{batch}"
    place.mkdir()
    case = Case(place.name, "dcgan", side, WIDTH)
    recipe = dataclasses.replace(recipe_for(case), batch=batch)
    loop = GanvasLoop(recipe, data_for(case, recipe, folder), place / "run", device)
    loop.steps(2 * WARM_UP_STEPS)  # by now a GPU's graphs are recorded
    each = stopwatch(lambda: loop.steps(WARM_UP_STEPS), device) / WARM_UP_STEPS
    return loop, max(2, round(seconds / each))


def measure_processes(effort: Effort, folder: Path) -> list[Figure]:
    """One run by two processes of one thread, beside one process of one thread and of two."""
    rates: dict[Launch, list[float]] = {ALONE: [], THREADED: [], SHARED: []}
    for repetition in range(min(2, effort.repetitions)):
        for launch in rates:
            run = folder / f"processes-{launch.key}-{repetition}"
            rates[launch].append(rate_of(launch, effort.shared_images, run))
    what = f"dcgan 32x32, batch {SHARED_BATCH}, on the CPU"
    ratios = {
        other: [a / b for a, b in zip(rates[SHARED], rates[other], strict=True)]
        for other in (ALONE, THREADED)
    }
    return [
        *(
            figure(f"processes/{launch.key}", f"{what}: {launch.title}", "images/s", found)
            for launch, found in rates.items()
        ),
        *(
            figure(
                f"processes/{SHARED.key}-over-{other.key}",
                f"{what}: {SHARED.title} / {other.title}",
                "",
                found,
            )
            for other, found in ratios.items()
        ),
    ]


def rate_of(launch: Launch, images: int, out: Path) -> float:
    """Images a second of a run by command, as its own history has them."""
    words = ["train", "dcgan", "fashion", "--device", "cpu", "--batch", str(SHARED_BATCH)]
    words += ["--images", str(images), "--intervals.history", str(images // RECORDS)]
    words += ["--intervals.probes", "0", "--out", str(out)]
    together = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(launch.processes)]
    launcher = [] if launch.processes == 1 else ["-m", *together]
    environment = {
        **os.environ,
        "GANVAS_CACHE": str(out.parent / "cache"),
        "OMP_NUM_THREADS": str(launch.threads),
    }
    command = [sys.executable, *launcher, "-m", "ganvas", *words]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return statistics.median(Run.open(out).history.column("images_per_second")[1:-1])
