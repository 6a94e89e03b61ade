"""Time and images to a stated quality: training until `fd-lite0` falls to a bound.

One seed and the built-in images at 32x32, evaluated while training. It shows what a minute brings;
which recipe is better is a question for `ganvas compare`, with seeds and intervals.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from evaluating import write_smooth_noise
from figure import FULL, Effort, Figure, figure
from ganvas.runs import Run
from ganvas.studies.outcome import Moment
from ganvas.studies.work import course_of

METRIC = "fd-lite0"
STATED = 700.0
"""Clothes can be told apart by then; the first grids score above 2,000, real images about 100."""
BUDGETS = {"dcgan": 60_000, "wgan": 60_000, "resnet": 40_000, "r3gan": 40_000}
"""Images that a recipe is given at most."""
SAMPLES = 2_000
NOISE_IMAGES = 300


def measure(effort: Effort, device: str, folder: Path) -> list[Figure]:
    """One run of each recipe; with less than the full effort on noise, to see that it runs."""
    share = effort.quality_images / max(BUDGETS.values())
    data, samples = "fashion", SAMPLES
    if effort is not FULL:
        data, samples = str(folder / "noise.npy"), 100
        write_smooth_noise(folder / "noise.npy", NOISE_IMAGES)
    found = []
    for recipe, budget in BUDGETS.items():
        run = folder / recipe
        images = round(budget * share)
        train(recipe, data, images, images // effort.evaluations, samples, device, run)
        found += summarise(recipe, course_of(Run.open(run), METRIC))
    return found


def train(
    recipe: str, data: str, images: int, every: int, samples: int, device: str, out: Path
) -> None:
    """The command as a user types it."""
    words = ["train", recipe, data, "--size", "32", "--images", str(images), "--device", device]
    words += ["--evaluation.every", str(every), "--evaluation.metrics", METRIC]
    words += ["--evaluation.samples", str(samples), "--out", str(out)]
    environment = {**os.environ, "GANVAS_CACHE": str(out.parent / "cache")}
    command = [sys.executable, "-m", "ganvas", *words]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)


def summarise(recipe: str, course: Sequence[Moment]) -> list[Figure]:
    """When the bound was reached first, or that it was not; and the last score of all."""
    last = course[-1]
    end = figure(
        f"{recipe}/score", f"{recipe}: {METRIC} after {last.images_seen:,} images", "", [last.value]
    )
    reached = next((moment for moment in course if moment.value <= STATED), None)
    bound = f"{METRIC} of {STATED:g}"
    if reached is None:
        meaning = f"{recipe}: {bound} not reached; the least seen"
        return [figure(f"{recipe}/least", meaning, "", [min(one.value for one in course)]), end]
    return [
        figure(f"{recipe}/images", f"{recipe}: to {bound}", "images", [reached.images_seen]),
        figure(
            f"{recipe}/seconds", f"{recipe}: to {bound}, training alone", "s", [reached.seconds]
        ),
        end,
    ]
