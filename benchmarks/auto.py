"""How near does `auto` come to the best fixed recipe, on images that its table has not seen?

    .venv/bin/python benchmarks/auto.py digits=FOLDER characters=characters.npy --seconds 120

`benchmarks/unseen.py` makes such images. Of every NAME=DATA, `auto` chooses as `ganvas train auto
DATA --time SECONDS` would on one thread. Its choice and the fixed recipes then train for the same
CPU seconds at the size that it chose, and are scored by images that none has seen. Where a fixed
recipe is what it chose, the two are one run.
"""

from __future__ import annotations

import dataclasses
import math
import os
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread for each run

import numpy as np

from equal_time import FAILED, Experiment, Scoring, options_of, runs_of, table
from ganvas.data.inspection import Inspection
from ganvas.data.settings import DataSettings
from ganvas.recipes import CATALOG, Recipe
from ganvas.training.choosing import Choice, choose_for, inspect_images

NAME = "auto"
FIXED = ("dcgan", "resnet-dcgan", "few")
WITH_LABELS = ("dcgan-conditional", "resnet-dcgan-conditional")
"""Also, where `auto` could choose them."""
HELD_OUT = 0.4
WITHIN = 1.10
"""The choice may be this many times as far from the real images as the best fixed recipe."""
SCORING = Scoring(
    metrics=("fd-lite0", "prdc-lite0", "swd", "c2st"),
    scores=("fd-lite0", "recall-lite0", "coverage-lite0", "swd", "c2st"),
    samples=2_000,
)


def main() -> None:
    """Choose, train, score, and write the tables."""
    options = options_of(NAME, __doc__ or "", {}, seconds=120, seeds=3)
    options.set_defaults(held_out=HELD_OUT)
    parsed = options.parse_args()
    verdicts = []
    for named in parsed.data:
        name, _, data = named.partition("=")
        experiment = Experiment(NAME, {}, SCORING, parsed.keep, parsed.out)
        results = experiment.read()
        settings = DataSettings(held_out=parsed.held_out)
        inspection = inspect_images(data, settings, (), quiet=True, verify=False)
        choice = choose_once(results, name, inspection, parsed.seconds)
        experiment.write(results)
        arms = arms_of(choice, inspection.learnable_labels, parsed.held_out)
        experiment = dataclasses.replace(experiment, arms=arms)
        experiment.measure(name, data, parsed.seconds, parsed.seeds, parsed.workers)
        verdicts.append(section(experiment, name, parsed.seconds, choice.lines[1]))
    text = "\n\n".join(verdicts) + "\n"
    (parsed.out / f"{NAME}-tables.md").write_text(text, encoding="utf-8")


def choose_once(
    results: dict[str, dict[str, Any]], name: str, inspection: Inspection, seconds: int
) -> Choice:
    """What `auto` chooses; the images of its first budget are kept, for they decide the choice."""
    key = f"choice/{name}/{seconds}"
    images = results[key]["images"] if key in results else None
    choice = choose_for(inspection, None if images else seconds, images, quiet=True)
    results.setdefault(key, {"images": choice.recipe.images, "lines": list(choice.lines)})
    return choice


def arms_of(choice: Choice, takes_labels: bool, held_out: float) -> dict[str, Recipe]:
    """What was chosen first, then the fixed recipes at its size, conditional ones for labels."""
    size = choice.recipe.data.size
    fixed = {}
    for name in FIXED + (WITH_LABELS if takes_labels else ()):
        recipe = CATALOG[name]()
        data = dataclasses.replace(recipe.data, size=size, held_out=held_out)
        fixed[name] = dataclasses.replace(recipe, data=data)
    plain = fixed[FIXED[0]]  # its budget, and no scores while training
    chosen = dataclasses.replace(choice.recipe, images=plain.images, evaluation=plain.evaluation)
    same = next((name for name, recipe in fixed.items() if recipe == chosen), NAME)
    return {same: chosen, **fixed}


# -- The tables ------------------------------------------------------------------------------------


def section(experiment: Experiment, name: str, seconds: int, chose: str) -> str:
    """The part of one data set: what was chosen, how near it came to the best, and the table."""
    results = experiment.read()
    distances = {arm: mean_distance(results, name, arm, seconds) for arm in experiment.arms}
    rows = table(experiment.arms, SCORING, results, name, seconds)
    parts = [f"## {name}", f"`auto` {chose}", verdict(distances), "\n".join(rows)]
    return "\n\n".join(parts)


def mean_distance(results: dict[str, dict[str, Any]], name: str, arm: str, seconds: int) -> float:
    """The mean of the score that decides, over seeds; infinite where a seed failed."""
    runs = [run for _, run in runs_of(results, name, arm, seconds)]
    if not runs or any(FAILED in run for run in runs):
        return math.inf
    return float(np.mean([run[SCORING.scores[0]] for run in runs]))


def verdict(distances: dict[str, float]) -> str:
    """Whether the first arm, the choice, is near enough to the best of all."""
    chosen, *_ = distances
    best = min(distances, key=distances.__getitem__)
    ratio = distances[chosen] / distances[best]
    kept = "Within" if ratio <= WITHIN else "Not within"
    return (
        f"Chosen: {distances[chosen]:,.0f}. Best: `{best}`, {distances[best]:,.0f}. "
        f"{kept} {100 * (WITHIN - 1):.0f} % of it ({100 * (ratio - 1):+.1f} %)."
    )


if __name__ == "__main__":
    main()
