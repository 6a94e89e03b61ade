"""How well recipes learn at a budget: some seeds of each, trained, scored and pictured.

    .venv/bin/python benchmarks/recipes.py --images 200k dcgan wgan resnet
    .venv/bin/python benchmarks/recipes.py --data FOLDER --images 100k --seeds 3 mlp dcgan

Prints a row a recipe: every seed's score, and the floor, which is what real images score. A run
that diverged is a row too. The seeds are too few for a verdict between recipes.
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
from ganvas.images import make_grid, write_png
from ganvas.metrics.names import parse_metrics
from ganvas.recipes import CATALOG, Recipe, load_recipe
from ganvas.schedules import parse_count

PICTURES = 64
METRICS = "fd-lite0,kid-lite0,prdc-lite0,swd"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One run: its scores by metric, or why there are none."""

    scores: dict[str, ganvas.Score]
    images_per_second: float
    failure: str = ""


@contextlib.contextmanager
def run_directory(keep: Path | None, name: str) -> Iterator[Path]:
    """Where a run goes: a folder that stays, or one that does not."""
    if keep is not None:
        yield keep / name
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / name


def train_or_go_on(recipe: Recipe, data: str, directory: Path, seed: int) -> ganvas.Run:
    """Train, or take up a run that was kept."""
    if not directory.exists():
        return ganvas.train(recipe, data, directory, seed=seed, quiet=True)
    run = ganvas.Run.open(directory)
    if run.read_status().images_seen < recipe.images:
        run = ganvas.resume(directory, images=recipe.images, quiet=True)
    return run


def outcome_of(recipe: Recipe, seed: int, options: argparse.Namespace) -> Outcome:
    """Train one run, score it, and write its picture."""
    with run_directory(options.keep, f"{recipe.name}-{seed}") as directory:
        try:
            run = train_or_go_on(recipe, options.data, directory, seed)
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
    """A recipe's row: the mean of the seeds and each of them; failures named."""
    finished = [outcome for outcome in outcomes if not outcome.failure]
    cells = []
    for metric in metrics:
        values = [outcome.scores[metric].value for outcome in finished]
        each = ", ".join(f"{value:.4g}" for value in values)
        several = f"**{statistics.mean(values):.4g}** ({each})" if len(values) > 1 else each
        cells.append(several or "-")
    failed = f"{len(outcomes) - len(finished)} of {len(outcomes)}"
    rate = statistics.median([outcome.images_per_second for outcome in finished] or [0.0])
    return f"| `{name}` | {' | '.join(cells)} | {failed} | {rate:,.0f} |"


def main() -> None:
    """Train, score and print one row a recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="*", default=list(CATALOG))
    parser.add_argument("--data", default="fashion", help="the images: whatever ganvas train takes")
    parser.add_argument("--images", type=parse_count, default=200_000)
    parser.add_argument("--seeds", type=int, default=1, help="train with seeds 0 to this less one")
    parser.add_argument("--metrics", default=METRICS)
    parser.add_argument("--n", type=parse_count, default=10_000, help="samples a score")
    parser.add_argument("--keep", type=Path, help="keep the runs here, and go on with those there")
    parser.add_argument("--pictures", type=Path, help="write a grid of each recipe here")
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
