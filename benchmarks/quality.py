"""Time and images to a stated quality: training until `fd-lite0` falls below a bound.

One seed, the built-in images at 32x32, evaluated while training. It shows what a minute of training
achieves. To find out which recipe is better, use `ganvas compare` with seeds and intervals.
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
from ganvas.studies.outcome import ScorePoint
from ganvas.studies.worker import score_curve

METRIC = "fd-lite0"
STATED = 700.0
"""Clothes are recognisable at this score. First grids score above 2,000, real images about 100."""
BUDGETS = {"dcgan": 60_000, "wgan": 60_000, "resnet": 40_000, "r3gan": 40_000}
"""The largest number of images per recipe."""
SAMPLES = 2_000
QUICK_METRIC, QUICK_SAMPLES = "swd", 100
"""With --quick: a score that needs no feature network."""
NOISE_IMAGES = 300


def measure(effort: Effort, device: str, folder: Path) -> list[Figure]:
    """One run per recipe; on noise with less than the full effort."""
    fraction = effort.quality_images / max(BUDGETS.values())
    data, metric, samples = "fashion", METRIC, SAMPLES
    if effort is not FULL:
        data, metric, samples = str(folder / "noise.npy"), QUICK_METRIC, QUICK_SAMPLES
        write_smooth_noise(folder / "noise.npy", NOISE_IMAGES)
    figures = []
    for recipe, budget in BUDGETS.items():
        images = round(budget * fraction)
        words = ["train", recipe, data, "--size", "32", "--device", device, "--images", str(images)]
        words += ["--evaluation.every", str(images // effort.evaluations)]
        words += ["--evaluation.metrics", metric, "--evaluation.samples", str(samples)]
        figures += summarise(recipe, metric, score_curve(train(words, folder / recipe), metric))
    return figures


def train(words: list[str], out: Path) -> Run:
    """Run the command line."""
    environment = {**os.environ, "GANVAS_CACHE": str(out.parent / "cache")}
    command = [sys.executable, "-m", "ganvas", *words, "--out", str(out)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return Run.open(out)


def summarise(recipe: str, metric: str, score_curve: Sequence[ScorePoint]) -> list[Figure]:
    """When the bound was first reached, or the best score if it was not; and the last score."""
    last = score_curve[-1]
    end = figure(
        f"{recipe}/score", f"{recipe}: {metric} after {last.images_seen:,} images", "", [last.value]
    )
    reached = next((point for point in score_curve if point.value <= STATED), None)
    bound = f"{metric} of {STATED:g}"
    if reached is None:
        meaning = f"{recipe}: {bound} not reached; the least seen"
        return [
            figure(f"{recipe}/least", meaning, "", [min(point.value for point in score_curve)]),
            end,
        ]
    return [
        figure(f"{recipe}/images", f"{recipe}: to {bound}", "images", [reached.images_seen]),
        figure(
            f"{recipe}/seconds", f"{recipe}: to {bound}, training alone", "s", [reached.seconds]
        ),
        end,
    ]
