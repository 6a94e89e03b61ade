"""Mode coverage next to published numbers and to the scores of real data.

    .venv/bin/python benchmarks/modes.py ring grid
    .venv/bin/python benchmarks/modes.py stacked --digits FOLDER

FOLDER holds MNIST's IDX files (benchmarks/fetch.py downloads them). The default budgets suit a
laptop and are a small fraction of the published ones. --images sets another budget; --published
trains as long as the papers, which needs a GPU. The published rows come from networks trained that
long.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import time
from collections.abc import Iterable
from pathlib import Path

import ganvas
from ganvas.recipes import Recipe, load_recipe
from ganvas.schedules import parse_count
from kept_runs import train_or_resume
from recipes import run_directory

MEASURED = ("modes", "high-quality", "reverse-kl")


@dataclasses.dataclass(frozen=True)
class Arm:
    """One row of our results: a recipe, the samples per pack, and the budget."""

    name: str
    recipe: str
    pac: int = 1
    laptop_images: int = 300_000
    """Budget without packing. With packs of k it is k times as large, as in the papers."""
    published_images: int | None = None
    """Budget with --published; None: that of the recipe."""
    side: int | None = None
    """Side of the images in pixels; None: the recipe's size."""

    def build_recipe(self, images: int | None = None, published: bool = False) -> Recipe:
        """The recipe, with the batch and the budget for its packs.

        Args:
            images: the budget without packing, in place of `laptop_images`.
            published: train as long as the papers.
        """
        recipe = load_recipe(self.recipe)
        images = self.laptop_images if images is None else images
        if published:
            images = self.published_images or recipe.images
        if self.side:
            data = dataclasses.replace(recipe.data, size=(self.side, self.side))
            recipe = dataclasses.replace(recipe, data=data)
        return dataclasses.replace(
            recipe,
            name=f"{recipe.name}-pac{self.pac}",
            objective=dataclasses.replace(recipe.objective, pac=self.pac),
            batch=self.pac * recipe.batch,
            images=self.pac * images,
        )


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """One data set: our rows, and published rows as text (modes, high quality in %, KL)."""

    data: str
    samples: int
    arms: tuple[Arm, ...]
    published: tuple[tuple[str, str, str, str], ...]


POINTS = (
    Arm("GAN", "pacgan-points"),
    Arm("PacGAN2", "pacgan-points", pac=2),
    Arm("relativistic, R1 + R2", "points-modern"),
)
BENCHMARKS = {
    "ring": Benchmark(
        "ring",
        2_500,
        POINTS,
        (
            ("GAN (Lin 2018, table 1, 10 trials)", "6.3 ± .5", "98.2 ± .2", ".45 ± .09"),
            ("PacGAN2 (same)", "7.9 ± .1", "95.6 ± 2.0", ".07 ± .03"),
            ("PacGAN4 (same)", "7.8 ± .1", "95.9 ± 1.4", ".07 ± .02"),
        ),
    ),
    "grid": Benchmark(
        "grid",
        2_500,
        POINTS,
        (
            ("GAN (Lin 2018, table 1, 10 trials)", "17.3 ± .8", "94.8 ± .7", ".70 ± .07"),
            ("PacGAN2 (same)", "23.8 ± .7", "91.3 ± .8", ".13 ± .04"),
            ("PacGAN4 (same)", "24.8 ± .2", "93.6 ± .6", ".04 ± .01"),
        ),
    ),
    "stacked": Benchmark(
        "stacked:{digits}",
        25_600,
        (
            Arm("DCGAN, discriminator 1/4", "pacgan-stacked", laptop_images=256_000),
            Arm("PacDCGAN2, discriminator 1/4", "pacgan-stacked", pac=2, laptop_images=256_000),
            Arm(
                "relativistic, R1 + R2, small ResNet",
                "stacked-modern",
                laptop_images=64_000,
                published_images=10_000_000,  # of Huang 2024, table 9, with far larger networks
            ),
            Arm(
                "residual generator, DCGAN discriminator",
                "resnet-dcgan",
                published_images=10_000_000,
                side=28,
            ),
        ),
        (
            ("DCGAN, 1/4 (Metz 2017, via Lin 2018, table 3)", "30.6 ± 20.7", "", "5.99"),
            ("DCGAN, 1/4 (Lin 2018, table 3, 50 trials)", "78.5 ± 17.6", "", "5.21"),
            ("PacDCGAN2, 1/4 (same)", "484.5 ± 33.0", "", "2.61"),
        ),
    ),
}


def spread(values: Iterable[float], digits: str) -> str:
    """The mean over seeds, with the value of every seed if they differ."""
    values = list(values)
    if not values:
        return "-"
    each = [f"{value:{digits}}" for value in values]
    mean = f"{statistics.mean(values):{digits}}"
    return mean if len(set(each)) == 1 else f"{mean} ({', '.join(each)})"


def run_arm(arm: Arm, benchmark: Benchmark, options: argparse.Namespace) -> list[ganvas.Score]:
    """Train every seed and print the row. Returns the scores of all seeds."""
    recipe = arm.build_recipe(options.images, options.published)
    data = benchmark.data.format(digits=options.digits)
    scores: list[ganvas.Score] = []
    failures = []
    kind = benchmark.data.partition(":")[0]
    for seed in range(options.seeds):
        with run_directory(options.keep, f"{recipe.name}-{kind}-{seed}") as directory:
            try:
                run = train_or_resume(recipe, data, directory, seed)
            except ganvas.Diverged as error:
                failures.append(f"seed {seed}: {error}")
                continue
            scores += ganvas.evaluate(run, ["modes"], n=benchmark.samples, seed=seed)
    label = f"{arm.name}; {recipe.images / 1e6:g}M images, {options.seeds} seeds"
    print(f"| {label} | {' | '.join(cells(scores, 'value'))} |", flush=True)
    for failure in failures:
        print(f"| {arm.name} diverged, {failure} | - | - | - |", flush=True)
    return scores


def cells(scores: list[ganvas.Score], attribute: str) -> list[str]:
    """Modes, high quality in percent and reverse KL, over the seeds.

    Args:
        attribute: `value`, or `floor` for the scores of real data.
    """
    row = []
    for metric, factor, digits in zip(MEASURED, (1, 100, 1), (".4g", ".1f", ".3g"), strict=True):
        values = [factor * getattr(s, attribute) for s in scores if s.metric == metric]
        row.append(spread(values, digits))
    return row


def main() -> None:
    """Print one table per benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmarks", nargs="*", default=["ring", "grid"], metavar="BENCHMARK")
    parser.add_argument("--digits", default="fashion", help="the images that stacked is made of")
    parser.add_argument("--seeds", type=int, default=3)
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--published", action="store_true", help="train as long as the papers")
    budget.add_argument(
        "--images",
        type=parse_count,
        help="budget of every arm, such as 200k or 1M, in place of the laptop's; with packs of k"
        " it is k times as large",
    )
    parser.add_argument(
        "--keep", type=Path, help="keep the runs in this folder, and resume those that are there"
    )
    options = parser.parse_args()
    unknown = sorted(set(options.benchmarks) - set(BENCHMARKS))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; all: {', '.join(BENCHMARKS)}")
    for name in options.benchmarks:
        benchmark = BENCHMARKS[name]
        data = benchmark.data.format(digits=Path(options.digits).name)
        print(f"\n### {data}, {benchmark.samples:,} samples\n")
        print("| | modes | high quality, % | reverse KL |\n|---|---|---|---|", flush=True)
        scores, minutes = [], []
        for arm in benchmark.arms:
            start = time.perf_counter()
            scores += run_arm(arm, benchmark, options)
            minutes.append(f"{arm.name}: {(time.perf_counter() - start) / 60:.1f} min")
        print(f"| **real data** | {' | '.join(cells(scores, 'floor'))} |")
        for row in benchmark.published:
            print(f"| {' | '.join(row)} |")
        print(f"\n<!-- all seeds trained and scored in: {'; '.join(minutes)} -->", flush=True)


if __name__ == "__main__":
    main()
