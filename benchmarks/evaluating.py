"""`ganvas evaluate` with Lite0 features: seconds and peak memory, each in its own process.

    .venv/bin/python benchmarks/evaluating.py --count 500

The images are smooth noise and the generator is hardly trained: the computation is the same as with
other images, and nothing has to be downloaded. With a RUN as argument, the script evaluates that
run and prints its own peak memory.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

import report
from figure import QUICK, Effort, Figure, figure
from ganvas.schedules import parse_count
from memory import own_peak_bytes

METRICS = "fd-lite0,kid-lite0,prdc-lite0"
MAX_SECONDS = 90.0
"""For 10,000 images against 10,000 on two cores."""
MAX_GB = 2.0
"""For 50,000 against 50,000, including the pages of mapped files."""
MAX_REPETITIONS = 3
SIDE, COARSE = 32, 8
TRAINED_ON = 640
HELD_OUT = 0.5
"""As many training images as held-out ones: the floor needs them in place of samples."""


@dataclass(frozen=True)
class Cost:
    """Time and peak memory of one evaluation."""

    seconds: float
    gigabytes: float


def measure(effort: Effort, device: str, folder: Path) -> list[Figure]:
    """Seconds with and without cached real features, and peak memory with many images."""
    count, many = effort.evaluated, effort.evaluated_for_memory
    run = make_run(folder / "timed", count)
    first = evaluate(run, count, device)
    repetitions = min(effort.repetitions, MAX_REPETITIONS)
    again = [evaluate(run, count, device).seconds for _ in range(repetitions)]
    large = first if many == count else evaluate(make_run(folder / "large", many), many, device)
    what = f"`ganvas evaluate`, {count:,} images against {count:,}"
    return [
        figure("first", f"{what}: the first time", "s", [first.seconds]),
        figure("cached", f"{what}: real features cached", "s", again, at_most=MAX_SECONDS),
        figure(
            "peak",
            f"peak memory of the first time with {many:,} against {many:,}",
            "GB",
            [large.gigabytes],
            at_most=MAX_GB,
        ),
    ]


def make_run(folder: Path, count: int) -> Path:
    """A run with `count` held-out images and as many training images."""
    folder.mkdir()
    images, run = folder / "images.npy", folder / "run"
    write_smooth_noise(images, round(count / HELD_OUT))
    words = ["train", "dcgan", str(images), "--out", str(run), "--device", "cpu"]
    words += ["--size", str(SIDE), "--held-out", str(HELD_OUT), "--images", str(TRAINED_ON)]
    command = [sys.executable, "-m", "ganvas", *words]
    subprocess.run(command, env=environment(run), check=True, stdout=subprocess.DEVNULL)
    return run


def write_smooth_noise(path: Path, count: int) -> None:
    """Write a .npy of different colour images (count, SIDE, SIDE, 3)."""
    random = np.random.default_rng(0)
    shape = (count, SIDE, SIDE, 3)
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    for index in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (COARSE, COARSE, 3), np.uint8))
        images[index] = coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    images.flush()


def evaluate(run: Path, count: int, device: str) -> Cost:
    """Evaluate the run in a new process, and time it from start to exit."""
    command = [sys.executable, __file__, str(run), "--count", str(count), "--device", device]
    start = time.perf_counter()
    done = subprocess.run(
        command, env=environment(run), check=True, stdout=subprocess.PIPE, text=True
    )
    seconds = time.perf_counter() - start
    return Cost(seconds, float(done.stdout.split()[-1]) / 1e9)


def environment(run: Path) -> dict[str, str]:
    """The environment of the process, with a cache next to the run."""
    return {**os.environ, "GANVAS_CACHE": str(run.parent / "cache")}


def evaluate_here(run: Path, count: int, device: str) -> None:
    """Run `ganvas evaluate` in this process, then print its peak memory in bytes."""
    from ganvas.cli import main

    words = ["evaluate", str(run), "--metrics", METRICS, "-n", str(count), "--device", device]
    if main(words) != 0:
        raise RuntimeError("evaluation failed")
    print(own_peak_bytes())


def main() -> None:
    """Measure with few images; with a RUN, be the measured process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument(
        "--count",
        type=parse_count,
        default=10_000,
        help="generated images, and real ones (default 10k)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps")
    options = parser.parse_args()
    if options.run is not None:
        evaluate_here(options.run, options.count, options.device)
        return
    effort = replace(QUICK, evaluated=options.count, evaluated_for_memory=options.count)
    with TemporaryDirectory() as folder:
        print(report.table({"evaluation": measure(effort, options.device, Path(folder))}))


if __name__ == "__main__":
    main()
