"""How well recipes learn within a budget: a few seeds of each, trained, scored, with samples.

    .venv/bin/python benchmarks/recipes.py --images 200k dcgan wgan resnet
    .venv/bin/python benchmarks/recipes.py --data FOLDER --images 100k --seeds 3 mlp dcgan

Prints one row per recipe with the score of every seed, and the scores of real images. Runs that
diverged are counted. A few seeds cannot decide which recipe is better.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ganvas
from ganvas.drawing.grids import make_grid, write_png
from ganvas.metrics.names import parse_metrics
from ganvas.recipes import CATALOG, Recipe, load_recipe
from ganvas.schedules import parse_count
from kept_runs import train_or_resume

PICTURES = 64
METRICS = "fd-lite0,kid-lite0,prdc-lite0,swd"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One run: its scores by metric, or why it failed."""

    scores: dict[str, ganvas.Score]
    images_per_second: float
    failure: str = ""


@contextlib.contextmanager
def run_directory(keep: Path | None, name: str) -> Iterator[Path]:
    """The directory of a run, in `keep` or in a temporary folder."""
    if keep is not None:
        yield keep / name
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / name


def outcome_of(recipe: Recipe, seed: int, options: argparse.Namespace) -> Outcome:
    """Train one run, score it, and write a grid of samples."""
    with run_directory(options.keep, f"{recipe.name}-{seed}") as directory:
        try:
            run = train_or_resume(recipe, options.data, directory, seed)
        except ganvas.Diverged as error:
            return Outcome({}, 0.0, str(error))
        scores = ganvas.evaluate(run, options.metrics.split(","), n=options.n, seed=1)
        if options.pictures is not None and seed == 0:
            options.pictures.mkdir(parents=True, exist_ok=True)
            grid = make_grid(ganvas.load(run).sample(PICTURES, seed=1), columns=16)
            write_png(options.pictures / f"{recipe.name}.png", grid, factor=1)
        rate = statistics.median(run.history.column("images_per_second"))
    return Outcome({score.metric: score for score in scores}, rate)


def row(name: str, outcomes: list[Outcome], metrics: list[str]) -> str:
    """The row of a recipe: mean over seeds, every seed, and how many failed."""
    finished = [outcome for outcome in outcomes if not outcome.failure]
    cells = []
    for metric in metrics:
        values = [outcome.scores[metric].value for outcome in finished]
        each = ", ".join(f"{value:.4g}" for value in values)
        cell = f"**{statistics.mean(values):.4g}** ({each})" if len(values) > 1 else each
        cells.append(cell or "-")
    failed = f"{len(outcomes) - len(finished)} of {len(outcomes)}"
    rate = statistics.median([outcome.images_per_second for outcome in finished] or [0.0])
    return f"| `{name}` | {' | '.join(cells)} | {failed} | {rate:,.0f} |"


def main() -> None:
    """Train, score and print one row per recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=list(CATALOG))
    parser.add_argument("--data", default="fashion", help="the images, as ganvas train takes them")
    parser.add_argument("--images", type=parse_count, default=200_000)
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from 0")
    parser.add_argument("--metrics", default=METRICS)
    parser.add_argument("--n", type=parse_count, default=10_000, help="samples per score")
    parser.add_argument(
        "--keep", type=Path, help="keep the runs in this folder, and resume those that are there"
    )
    parser.add_argument(
        "--pictures", type=Path, help="write a grid of samples of each recipe to this folder"
    )
    options = parser.parse_args()
    metrics = [
        metric.full_name(score)
        for metric in parse_metrics(options.metrics.split(","))
        for score in metric.scores
    ]
    print(f"| recipe | {' | '.join(metrics)} | diverged | images/s |", flush=True)
    print("|---|" + "---|" * (len(metrics) + 2), flush=True)
    floors: dict[str, float] = {}
    for name in options.recipes:
        recipe = dataclasses.replace(load_recipe(name), images=options.images)
        outcomes = [outcome_of(recipe, seed, options) for seed in range(options.seeds)]
        print(row(name, outcomes, metrics), flush=True)
        for outcome in outcomes:
            floors |= {metric: score.floor for metric, score in outcome.scores.items()}
            if outcome.failure:
                print(f"{name}: {outcome.failure}")
    cells = " | ".join(f"{floors[metric]:.4g}" if floors else "-" for metric in metrics)
    print(f"| real data | {cells} | | |")


if __name__ == "__main__":
    main()
