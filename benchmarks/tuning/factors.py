"""Which of a recipe's settings help, and whether they help on unlike images: a factorial design.

    .venv/bin/python benchmarks/tuning/factors.py fashion=fashion characters=FOLDER/characters.npy
    .venv/bin/python benchmarks/tuning/factors.py --page

An arm makes an even number of the changes in CHANGES to the base recipe. So each change is made in
half of the arms, beside each of the others as often as without it, and its effect is an average
over the others: a half fraction, of resolution IV if there are four changes. On every NAME=DATA the
arms are a study in OUT/NAME, done by `ganvas.compare`, which continues if it was stopped. Scores
are kept in docs/results/factors.json; the page factors.md is made of that file.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread for each run

import numpy as np
from scipy import stats
from tuning_space import Changes, nested

from ganvas import json_files
from ganvas.formatting import format_number
from ganvas.studies.reading import read_study
from ganvas.studies.running import compare
from ganvas.studies.study import Study, format_changes

BASE = "resnet-dcgan"
CHANGES: dict[str, Changes] = {
    "relu": {"discriminator.network.activation": "relu"},
    "no-momentum": {"discriminator.beta1": 0.0},
    "slow-discriminator": {"discriminator.learning_rate": 2e-4},
    "fast-generator": {"generator.learning_rate": 8e-4},
}
"""By the names that arms are made of."""
SIDE = 32
SAMPLES = 2_000
METRICS = ("fd-lite0", "swd", "fd-self")
"""All above 0, and better when lower."""
RESULTS = Path(__file__).parents[2] / "docs" / "results"

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Of one data set: by arm, seed and metric. A seed without scores failed."""


def arms_of(changes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Every even number of the changes, by the name of the arm; first the base, which has none."""
    made = tuple(changes)
    counts = range(0, len(made) + 1, 2)
    chosen = itertools.chain.from_iterable(itertools.combinations(made, n) for n in counts)
    return {"_".join(names) or BASE: names for names in chosen}


def study_of(data: str, images: int, seeds: int) -> Study:
    """All arms on one data set, scored at the end."""
    arms = [
        {"name": arm, **nested({field: v for it in names for field, v in CHANGES[it].items()})}
        for arm, names in arms_of(CHANGES).items()
        if names
    ]
    return read_study(
        {
            "base": BASE,
            "data": data,
            "shared": {"data": {"size": [SIDE, SIDE]}},
            "arms": arms,
            "images": images,
            "seeds": seeds,
            "metrics": list(METRICS),
            "samples": SAMPLES,
            "evaluations": 0,
        }
    )


def measure(data: str, images: int, seeds: int, out: Path, workers: int) -> dict[str, Any]:
    """Do a study, or what is missing of it. Returns its entry of the results' file."""
    results = compare(study_of(data, images, seeds), out, workers=workers, quiet=True)
    scores: dict[str, dict[str, dict[str, float]]] = {}
    floors: dict[str, float] = {}
    for arm in results.arms:
        for seed, outcome in arm.outcomes.items():
            scores.setdefault(arm.name, {})[str(seed)] = dict(outcome.scores)
            floors |= outcome.floors
    return {"images": images, "scores": scores, "floors": floors}


# -- The effects -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class FactorEffect:
    """What a change does to a score: a ratio, below 1 if it is better, with 95 % limits."""

    ratio: float
    low: float
    high: float


def effects(scores: Scores, metric: str, changes: Collection[str]) -> dict[str, FactorEffect]:
    """The effect of each change, by its name.

    Least squares on logarithms: an offset for each seed, and a term for each change. How one change
    depends on the others, and on the seed, counts as noise, so limits are wide where it does.

    Raises:
        ValueError: as many unknowns as runs.
    """
    arms = arms_of(changes)
    runs = [
        (arms[arm], seed, values[metric])
        for arm, of_arm in scores.items()
        for seed, values in of_arm.items()
        if values
    ]
    seeds = sorted({seed for _, seed, _ in runs})
    design = np.array(
        [
            [*(float(seed == other) for other in seeds), *(change in made for change in changes)]
            for made, seed, _ in runs
        ],
        dtype=np.float64,
    )
    freedom = len(runs) - design.shape[1]
    if freedom < 1:
        raise ValueError(f"{len(runs)} runs are too few for {design.shape[1]} unknowns")
    logs = np.log([value for *_, value in runs])
    terms, *_ = np.linalg.lstsq(design, logs, rcond=None)
    variance = np.sum((logs - design @ terms) ** 2) / freedom
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    reach = stats.t.ppf(0.975, freedom) * errors
    return {
        change: FactorEffect(*(math.exp(term + side * far) for side in (0, -1, 1)))
        for change, term, far in zip(changes, terms[len(seeds) :], reach[len(seeds) :], strict=True)
    }


# -- The page --------------------------------------------------------------------------------------

INTRODUCTION = """\
# Settings of a recipe, one by one, on unlike images

`{base}` at {side}x{side} with an even number of four changes, so that each change is made in half
of the arms, beside each of the others as often as without it. The effect of a change is the ratio
of the scores with it and without it, averaged over everything else, with a 95 % interval; below
0 % is better. That a change does more beside another counts as noise. {samples:,} samples against
held-out images. Made by `benchmarks/tuning/factors.py`."""


def page(results: Mapping[str, Any]) -> str:
    """docs/results/factors.md."""
    parts = [
        INTRODUCTION.format(base=BASE, side=SIDE, samples=SAMPLES),
        "\n".join(f"- `{name}`: `{format_changes(made)}`" for name, made in CHANGES.items()),
    ]
    for name, entry in results.items():
        runs = [values for of_arm in entry["scores"].values() for values in of_arm.values()]
        failed = sum(not values for values in runs)
        parts += [
            f"## {name}",
            f"{len(runs)} runs of {entry['images']:,} images, {failed} failed.",
            effects_table(entry["scores"]),
            scores_table(entry["scores"], entry["floors"]),
        ]
    return "\n\n".join(parts) + "\n"


def effects_table(scores: Scores) -> str:
    """What each change does to each score."""
    by_metric = {metric: effects(scores, metric, CHANGES) for metric in METRICS}
    lines = [f"| change | {' | '.join(METRICS)} |", "|---" * (len(METRICS) + 1) + "|"]
    for change in CHANGES:
        cells = [percent(by_metric[metric][change]) for metric in METRICS]
        lines.append(f"| `{change}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def percent(effect: FactorEffect) -> str:
    """`-12.0 % [-20.1, -3.0]`, bold where the interval leaves out 0."""
    value, low, high = (100 * (ratio - 1) for ratio in (effect.ratio, effect.low, effect.high))
    text = f"{value:+.1f} % [{low:+.1f}, {high:+.1f}]"
    return f"**{text}**" if low > 0 or high < 0 else text


def scores_table(scores: Scores, floors: Mapping[str, float]) -> str:
    """The mean scores of each arm, the best first."""

    def mean(arm: str, metric: str) -> float:
        values = [run[metric] for run in scores[arm].values() if run]
        return float(np.mean(values)) if values else math.inf

    lines = [f"| arm | {' | '.join(METRICS)} | failed |", "|---" * (len(METRICS) + 2) + "|"]
    for arm in sorted(scores, key=lambda arm: mean(arm, METRICS[0])):
        cells = [format_number(mean(arm, metric), 3) for metric in METRICS]
        failed = sum(not run for run in scores[arm].values())
        lines.append(f"| {arm} | {' | '.join(cells)} | {failed} of {len(scores[arm])} |")
    cells = [format_number(floors[metric], 3) for metric in METRICS]
    lines.append(f"| real images | {' | '.join(cells)} | |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing of each data set, and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", help="NAME=DATA")
    parser.add_argument("--images", type=int, default=60_000, help="budget of a run")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("runs/factors"), help="for the studies")
    parser.add_argument("--out", type=Path, default=RESULTS, help="for results and page")
    parser.add_argument("--page", action="store_true", help="write the page alone")
    options = parser.parse_args(arguments)
    stored = options.out / "factors.json"
    results = json_files.read_json(stored) if stored.exists() else {}
    for named in options.data:
        name, _, data = named.partition("=")
        keep = options.keep / name
        results[name] = measure(data, options.images, options.seeds, keep, options.workers)
        json_files.write_json(stored, results)
    (options.out / "factors.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
