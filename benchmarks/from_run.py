"""Time to the same score: from an earlier run, against from scratch.

    .venv/bin/python benchmarks/from_run.py fashion=fashion
    .venv/bin/python benchmarks/from_run.py fashion=fashion cifar10=FOLDER/cifar10.npz

A run learns nine of ten classes. Then runs learn the tenth, of which they get 300 images: some from
random weights, some from those of the first run. All have the same budget, and `fd-lite0` is
measured along the way against 700 other images of that class. Each seed leaves out another class.

Every NAME=DATA is a data set with labels. Runs that exist are kept, and those that were interrupted
are resumed. The scores are written to docs/results/from-a-run.json, and the page from-a-run.md is
made of that file (--page alone makes it again).
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread for each run

import numpy as np

from ganvas import json_files
from ganvas.data.prepared import PreparedData
from ganvas.data.settings import DataSettings
from ganvas.formatting import format_short
from ganvas.recipes import CATALOG, Recipe
from ganvas.recipes.recipe import EvaluationSettings
from ganvas.runs import Run
from ganvas.runs.data import prepare_images
from ganvas.schedules import parse_count
from ganvas.studies.statistics import Effect, paired_ratio
from ganvas.studies.survival import RunObservation, TimeToQuality, time_to_quality
from ganvas.studies.worker import score_curve
from kept_runs import train_or_resume

RECIPE = "dcgan"
METRIC = "fd-lite0"
SIDE = 32
TRAINED_ON, COMPARED_WITH = 300, 700
"""Images of the tenth class."""
AT_ONCE = 2
"""Runs at a time."""
TARGET = 2.0
"""At least so many times fewer images to the same score."""
BEGINNING = "first"
"""The run on nine classes, in the folder of its seed."""
SCRATCH, FROM = "from scratch", "--from"

Curve = list[tuple[int, float]]
"""Images seen and score, at every evaluation."""


@dataclasses.dataclass(frozen=True)
class Budgets:
    """Images that the runs see."""

    first: int
    tenth: int
    every: int
    """Between two scores."""

    @property
    def folder(self) -> str:
        """A folder for runs of these budgets alone, so that others are never taken for them."""
        return f"{self.first}-{self.tenth}-{self.every}"


def arms() -> dict[str, Recipe]:
    """The recipes on the tenth class, by name; all but the first start from the earlier run."""
    plain = CATALOG[RECIPE]()
    trained = plain.for_trained_weights()
    frozen = {
        f"{FROM}, --freeze-discriminator {count}": dataclasses.replace(
            trained, freeze_discriminator=count
        )
        for count in (1, 2)
    }
    return {
        SCRATCH: plain,
        FROM: trained,
        f"{FROM}, with EMA ramp-up": dataclasses.replace(trained, ema_rampup=plain.ema_rampup),
        f"{FROM}, whole learning rates": plain,
        **frozen,
    }


def directory_of(arm: str) -> str:
    """The name of an arm's folder."""
    return "".join(letter if letter.isalnum() else "-" for letter in arm).strip("-")


# -- Images ----------------------------------------------------------------------------------------


def write_classes(data: PreparedData, seed: int, folder: Path) -> str:
    """Write nine.npy and tenth.npy, and return the name of the class that is left out.

    tenth.npy holds 300 + 700 images of it; the split of the runs tells them apart.
    """
    assert data.labels is not None
    left_out = seed % len(data.label_names)
    is_tenth = data.labels == left_out
    folder.mkdir(parents=True, exist_ok=True)
    chosen = np.flatnonzero(is_tenth)
    chosen = np.random.default_rng(seed).permutation(chosen)[: TRAINED_ON + COMPARED_WITH]
    for name, indices in (("nine", np.flatnonzero(~is_tenth)), ("tenth", np.sort(chosen))):
        path = folder / f"{name}.npy"
        if not path.exists():
            np.save(path, data.images[indices].transpose(0, 2, 3, 1))  # (n, H, W, C)
    return data.label_names[left_out]


# -- Runs ------------------------------------------------------------------------------------------


def train_first(folder: Path, seed: int, budgets: Budgets) -> None:
    """The earlier run, on nine classes."""
    recipe = dataclasses.replace(CATALOG[RECIPE](), images=budgets.first)
    train_or_resume(recipe, folder / "nine.npy", folder / BEGINNING, seed)


def train_arm(folder: Path, arm: str, seed: int, budgets: Budgets) -> None:
    """One run on the tenth class."""
    recipe = arms()[arm]
    held_out = COMPARED_WITH / (TRAINED_ON + COMPARED_WITH)
    recipe = dataclasses.replace(
        recipe,
        images=budgets.tenth,
        data=dataclasses.replace(recipe.data, held_out=held_out),
        evaluation=EvaluationSettings(
            every=budgets.every, metrics=(METRIC,), samples=COMPARED_WITH
        ),
    )
    # The earlier run had the same seed; latents and order are to be others.
    earlier = None if arm == SCRATCH else folder / BEGINNING
    out = folder / directory_of(arm)
    train_or_resume(recipe, folder / "tenth.npy", out, 1_000 + seed, earlier)


def measure(name: str, data: str, keep: Path, seeds: int, budgets: Budgets) -> dict[str, Any]:
    """All runs on one data set, two at a time; what the page needs of them."""
    prepared = prepare_images(DataSettings(size=(SIDE, SIDE)), data, quiet=True)
    folders = {seed: keep / name / budgets.folder / f"seed-{seed}" for seed in range(seeds)}
    classes = [write_classes(prepared, seed, folder) for seed, folder in folders.items()]
    with ProcessPoolExecutor(AT_ONCE) as pool:
        firsts = [
            pool.submit(train_first, folder, seed, budgets) for seed, folder in folders.items()
        ]
        for first in firsts:
            first.result()
        others = [
            pool.submit(train_arm, folder, arm, seed, budgets)
            for seed, folder in folders.items()
            for arm in arms()
        ]
        for number, other in enumerate(others, start=1):
            other.result()
            print(f"{name}: {number} of {len(others)} runs", file=sys.stderr, flush=True)
    curves = {
        arm: [curve_of(folder / directory_of(arm)) for folder in folders.values()] for arm in arms()
    }
    floors = [floor_of(folder / directory_of(SCRATCH)) for folder in folders.values()]
    return {
        "classes": classes,
        "budgets": dataclasses.asdict(budgets),
        "floors": floors,
        "curves": curves,
        "torch": Run.open(folders[0] / BEGINNING).read_environment().get("torch", ""),
    }


def curve_of(directory: Path) -> Curve:
    """The scores of a run."""
    return [(point.images_seen, point.value) for point in score_curve(Run.open(directory), METRIC)]


def floor_of(directory: Path) -> float:
    """The score of real images."""
    return float(Run.open(directory).scores.records()[-1]["floor"])


# -- The page --------------------------------------------------------------------------------------


def reached(curve: Curve, score: float) -> int | None:
    """Images at the first evaluation that is as good as this score; None: never."""
    return next((images for images, value in curve if value <= score), None)


def page(results: dict[str, Any]) -> str:
    """docs/results/from-a-run.md."""
    parts = [
        "# From an earlier run, and from scratch",
        f"`{RECIPE}` learns nine of ten classes. Then it learns the tenth class, of which it gets "
        f"{TRAINED_ON} images, from random weights or from those of the first run (`--from`). "
        f"`{METRIC}` (lower is better) compares {COMPARED_WITH} samples with "
        f"{COMPARED_WITH} other images of that class. Each seed leaves out another class. "
        "Made by `benchmarks/from_run.py`.",
        *(text for name, result in results.items() for text in section(name, result)),
    ]
    return "\n\n".join(parts) + "\n"


def section(name: str, result: dict[str, Any]) -> Iterator[str]:
    """One data set."""
    budgets, classes = Budgets(**result["budgets"]), result["classes"]
    yield f"## {name}"
    yield (
        f"{len(classes)} seeds, which leave out: {', '.join(classes)}. {budgets.first:,} images of "
        f"nine classes, then {budgets.tenth:,} of the tenth, scored every {budgets.every:,}. Real "
        f"images score {np.mean(result['floors']):.0f} on average."
    )
    yield "\n".join(score_table(result["curves"]))
    yield (
        "**To the best score from scratch.** The goal of each seed is the best score of "
        "its run from scratch. A run reaches it at its first evaluation that is as good, so "
        f"differences below {budgets.every:,} images cannot be seen. *Times faster* is the images "
        "from scratch divided by those of the arm, with a 95 % interval over seeds."
    )
    yield "\n".join(goal_table(result["curves"]))


def score_table(curves: dict[str, list[Curve]]) -> Iterator[str]:
    """The mean score of each arm at doubling numbers of images."""
    moments = [seen for seen, _ in next(iter(curves.values()))[0]]
    chosen = [seen for index, seen in enumerate(moments, 1) if (index & (index - 1)) == 0]
    chosen += [moments[-1]] if moments[-1] not in chosen else []
    yield f"| {METRIC} after | {' | '.join(map(format_short, chosen))} |"
    yield "|---|" + "---|" * len(chosen)
    for arm, runs in curves.items():
        means = [np.mean([dict(curve)[seen] for curve in runs]) for seen in chosen]
        yield f"| `{arm}` | {' | '.join(f'{mean:,.0f}' for mean in means)} |"


def goal_table(curves: dict[str, list[Curve]]) -> Iterator[str]:
    """How soon each arm is as good as the run from scratch of the same seed."""
    goals = [min(value for _, value in curve) for curve in curves[SCRATCH]]
    base = [reached(curve, goal) for curve, goal in zip(curves[SCRATCH], goals, strict=True)]
    yield "| arm | reached | images, median [95 %] | times faster [95 %] |"
    yield "|---|---|---|---|"
    for arm, runs in curves.items():
        times = [reached(curve, goal) for curve, goal in zip(runs, goals, strict=True)]
        observed = [
            RunObservation(time, curve[-1][0]) for time, curve in zip(times, runs, strict=True)
        ]
        cells = (
            f"`{arm}`",
            f"{sum(time is not None for time in times)} of {len(times)}",
            format_time(time_to_quality(observed)),
            "" if arm == SCRATCH else format_speed(speed(base, times)),
        )
        yield f"| {' | '.join(cells)} |"


def speed(base: list[int | None], times: list[int | None]) -> Effect | None:
    """The geometric mean of images from scratch over images of the arm; None if one never came."""
    if None in base or None in times:
        return None
    return paired_ratio(np.array(times, dtype=float), np.array(base, dtype=float))


def format_time(time: TimeToQuality) -> str:
    """`4k [2k, 8k]`."""

    def text(images: float | None) -> str:
        return "never" if images is None else format_short(round(images))

    low, high = time.interval
    return f"{text(time.median)} [{text(low)}, {text(high)}]"


def format_speed(effect: Effect | None) -> str:
    """`3.1 [2.0, 4.8], target met`."""
    if effect is None:
        return "not every seed got there"
    interval = "" if effect.interval is None else " [{:.1f}, {:.1f}]".format(*effect.interval)
    met = "met" if effect.value >= TARGET else "missed"
    return f"{effect.value:.1f}{interval}, target of {TARGET:g} {met}"


def main() -> None:
    """Train what is missing, and write the results and their page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", help="NAME=DATA")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=parse_count, default=30_000, help="images of nine classes")
    parser.add_argument("--tenth", type=parse_count, default=8_000, help="images of the tenth")
    parser.add_argument("--every", type=parse_count, default=2_000, help="images between scores")
    parser.add_argument("--keep", type=Path, default=Path("runs/from-run"), help="the runs' folder")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--page", action="store_true", help="train nothing")
    options = parser.parse_args()
    table = options.out / "from-a-run.json"
    results = json_files.read_json(table) if table.exists() else {}
    if not options.page:
        budgets = Budgets(options.first, options.tenth, options.every)
        for named in options.data:
            name, _, data = named.partition("=")
            results[name] = measure(name, data, options.keep, options.seeds, budgets)
            json_files.write_json(table, results)
    (options.out / "from-a-run.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
