"""How often equal arms get a verdict: runs of one recipe, dealt out at random as arms of studies.

    .venv/bin/python benchmarks/calibration.py --keep KEEP              # 40 runs, then the table
    .venv/bin/python benchmarks/calibration.py --keep KEEP --runs 80    # 40 more

A narrow DCGAN at 16x16 is trained with many seeds, as a study without arms; after a kill the same
command continues it. Its scores are then dealt out at random, without replacement, to a base and to
arms that differ only in their seeds, and compared as in every study. A verdict of better or worse
is false. The simulated studies of tests/unit/studies/test_calibration.py show what to expect; this
shows whether real scores behave like that.

The interval is over new runs: the delete-one jackknife of the rate over all deals, which have runs
in common (a U-statistic; Arvesen 1969).
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import ganvas
from ganvas import json_files
from ganvas.data.settings import DataSettings
from ganvas.metrics.estimate import QUANTILE
from ganvas.metrics.names import more_is_better
from ganvas.networks import DCGANDiscriminator, DCGANGenerator
from ganvas.schedules import parse_count
from ganvas.studies.comparison import compare_arms
from ganvas.studies.results import StudyResults, arm_scores
from ganvas.studies.statistics import ArmScores, scale_of
from ganvas.studies.study import Study

DEALS = ((1, 3), (1, 5), (1, 8), (3, 3), (3, 5), (6, 5))
"""How many arms besides the base, and how many seeds each."""


@dataclass(frozen=True)
class Rate:
    """Fraction of studies with a false verdict on any arm, with its 95 % interval over new runs."""

    metric: str
    arms: int
    seeds: int
    studies: int
    rate: float
    interval: tuple[float, float]


def main() -> int:
    """Train the missing runs, deal, and print the table."""
    arguments = parse()
    recipe = dataclasses.replace(
        ganvas.recipes.dcgan().with_networks(
            DCGANGenerator(width=8), DCGANDiscriminator(width=8, norm="batch")
        ),
        name="narrow",
        data=DataSettings(size=(16, 16)),
    )
    study = Study(
        base=recipe,
        data="fashion",
        seeds=arguments.runs,
        images=arguments.images,
        metrics=tuple(arguments.metrics.split(",")),
        samples=arguments.samples,
        evaluations=0,
    )
    results = ganvas.compare(study, arguments.keep / "study", workers=arguments.workers)
    rates = [
        rate
        for metric in results.metrics
        for arms, seeds in DEALS
        if (rate := false_verdicts(pool(results, metric), metric, arms, seeds, arguments.studies))
    ]
    json_files.write_json(
        arguments.keep / "calibration.json", [dataclasses.asdict(rate) for rate in rates]
    )
    print(table(results, rates))
    return 0


def pool(results: StudyResults, metric: str) -> ArmScores:
    """All runs, as one arm."""
    return arm_scores("narrow", results.arms[0].outcomes, metric, None)


def false_verdicts(
    pooled: ArmScores, metric: str, arms: int, seeds: int, studies: int
) -> Rate | None:
    """Deal the runs to a base and arms many times; None if there are too few runs."""
    runs = list(pooled.runs.values())
    needed = (arms + 1) * seeds
    if needed > len(runs):
        return None
    random = np.random.default_rng(0)
    is_false = np.empty(studies, bool)
    used = np.zeros((studies, len(runs)), bool)
    better, scale = more_is_better(metric), scale_of(metric)
    if any(score <= 0 for score in pooled.scores.values()):
        scale = "plain"
    for study in range(studies):
        dealt = random.permutation(len(runs))[:needed].reshape(arms + 1, seeds)
        base, *others = (
            ArmScores(f"arm {side}", {seed: runs[run] for seed, run in enumerate(hand)})
            for side, hand in enumerate(dealt)
        )
        verdicts = {
            arm.verdict for arm in compare_arms(base, others, more_is_better=better, scale=scale)
        }
        is_false[study] = not verdicts.isdisjoint({"better", "worse"})
        used[study, dealt.ravel()] = True
    rate = float(is_false.mean())
    margin = QUANTILE * jackknife_error(is_false, used)
    return Rate(
        metric, arms, seeds, studies, rate, (max(0.0, rate - margin), min(1.0, rate + margin))
    )


def jackknife_error(values: np.ndarray, used: np.ndarray) -> float:
    """Standard error of the mean of `values` over new runs.

    Args:
        values: bool (studies,).
        used: bool (studies, runs): which runs each study was dealt.
    """
    without = [values[~used[:, run]] for run in range(used.shape[1])]
    kept = np.array([part.mean() for part in without if len(part)])
    if len(kept) < 2:
        return math.nan
    return float(np.sqrt((len(kept) - 1) * kept.var()))


def table(results: StudyResults, rates: Sequence[Rate]) -> str:
    """A Markdown table, below a line about the runs."""
    arm = results.arms[0]
    lines = [
        f"{len(arm.outcomes)} runs of {arm.images:,} images, {len(arm.failures)} failed",
        "",
        "| score | arms beside the base | seeds | false verdicts | 95 % interval | studies |",
        "|---|---|---|---|---|---|",
    ]
    for rate in rates:
        low, high = rate.interval
        lines.append(
            f"| {rate.metric} | {rate.arms} | {rate.seeds} | {rate.rate:.1%} "
            f"| {low:.1%} to {high:.1%} | {rate.studies:,} |"
        )
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="How often real runs get a false verdict.")
    parser.add_argument("--keep", type=Path, required=True, help="folder for runs and figures")
    parser.add_argument("--runs", type=int, default=40, help="seeds to train (default 40)")
    parser.add_argument("--images", type=parse_count, default=20_000, help="of each run (20k)")
    parser.add_argument("--metrics", default="swd,fd-lite0", help="default swd,fd-lite0")
    parser.add_argument("--samples", type=parse_count, default=2_000, help="of each run (2k)")
    parser.add_argument(
        "--studies", type=parse_count, default=2_000, help="simulated studies per row (2k)"
    )
    parser.add_argument("--workers", type=int, default=None, help="default: one per core")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
