"""Which of a recipe's settings help, and whether they help on unlike images: a factorial design.

    .venv/bin/python benchmarks/tuning/factors.py fashion=fashion characters=FOLDER/characters.npy
    .venv/bin/python benchmarks/tuning/factors.py --base dcgan photographs=FOLDER/cifar10.npz
    .venv/bin/python benchmarks/tuning/factors.py --page

An arm makes an even number of the changes to the base recipe. So each change is made in half of the
arms, beside each of the others as often as without it, and its effect is an average over the
others: a half fraction, of resolution IV if there are four changes. On every NAME=DATA the arms are
a study in KEEP/BASE/NAME, done by `ganvas.compare`, which continues if it was stopped. Scores are
kept in docs/results/factors.json; the page factors.md is made of that file.
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
from ganvas.networks import ROLES
from ganvas.studies.reading import read_study
from ganvas.studies.running import compare
from ganvas.studies.study import Study, format_changes

RATES = {"resnet-dcgan": 4e-4, "dcgan": 2e-4}
"""The bases, with the learning rate of both players that changes are made to."""
SIDE = 32
SAMPLES = 2_000
METRICS = ("fd-lite0", "swd", "fd-self")
"""All above 0, and better when lower."""
RESULTS = Path(__file__).parents[2] / "docs" / "results"

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Of one data set: by arm, seed and metric. A seed without scores failed."""


def changes_of(rate: float) -> dict[str, Changes]:
    """The changes to a base with this learning rate, by the names that arms are made of."""
    return {
        "relu": {"discriminator.network.activation": "relu"},
        "no-momentum": {"discriminator.beta1": 0.0},
        "slow-discriminator": {"discriminator.learning_rate": rate / 2},
        "fast-generator": {"generator.learning_rate": rate * 2},
    }


def arms_of(base: str, changes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Every even number of the changes, by the name of the arm; first the base, which has none."""
    made = tuple(changes)
    counts = range(0, len(made) + 1, 2)
    chosen = itertools.chain.from_iterable(itertools.combinations(made, n) for n in counts)
    return {"_".join(names) or base: names for names in chosen}


def study_of(base: str, data: str, images: int, seeds: int) -> Study:
    """All arms on one data set, scored at the end."""
    rate = RATES[base]
    changes = changes_of(rate)
    arms = [
        {"name": arm, **nested({field: v for it in names for field, v in changes[it].items()})}
        for arm, names in arms_of(base, changes).items()
        if names
    ]
    rates = {f"{player}.learning_rate": rate for player in ROLES}
    return read_study(
        {
            "base": base,
            "data": data,
            "shared": nested({**rates, "data.size": [SIDE, SIDE]}),
            "arms": arms,
            "images": images,
            "seeds": seeds,
            "metrics": list(METRICS),
            "samples": SAMPLES,
            "evaluations": 0,
        }
    )


def measure(study: Study, out: Path, workers: int) -> dict[str, Any]:
    """Do a study, or what is missing of it. Returns its entry of the results' file."""
    results = compare(study, out, workers=workers, quiet=True)
    scores: dict[str, dict[str, dict[str, float]]] = {}
    floors: dict[str, float] = {}
    for arm in results.arms:
        for seed, outcome in arm.outcomes.items():
            scores.setdefault(arm.name, {})[str(seed)] = dict(outcome.scores)
            floors |= outcome.floors
    return {"images": study.images, "scores": scores, "floors": floors}


# -- The effects -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class FactorEffect:
    """What a change does to a score: a ratio, below 1 if it is better, with 95 % limits."""

    ratio: float
    low: float
    high: float


def effects(
    base: str, scores: Scores, metric: str, changes: Collection[str]
) -> dict[str, FactorEffect]:
    """The effect of each change, by its name.

    Least squares on logarithms: an offset for each seed, and a term for each change. How one change
    depends on the others, and on the seed, counts as noise, so limits are wide where it does.

    Raises:
        ValueError: as many unknowns as runs.
    """
    arms = arms_of(base, changes)
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

INTRODUCTION = f"""\
# Settings of a recipe, one by one, on unlike images

A recipe at {SIDE}x{SIDE} with an even number of four changes, so that each change is made in half
of the arms, beside each of the others as often as without it. The effect of a change is the ratio
of the scores with it and without it, averaged over everything else, with a 95 % interval; below
0 % is better. What a change does more beside another counts as noise. {SAMPLES:,} samples against
held-out images. Made by `benchmarks/tuning/factors.py`."""


def page(results: Mapping[str, Mapping[str, Any]]) -> str:
    """docs/results/factors.md, of the entries by base and name of the data."""
    parts = [INTRODUCTION]
    for base, by_name in results.items():
        changes = changes_of(RATES[base])
        rows = (f"- `{name}`: `{format_changes(made)}`" for name, made in changes.items())
        parts += [
            f"## `{base}`, both learning rates {RATES[base]}",
            "\n".join(rows),
        ]
        for name, entry in by_name.items():
            runs = [values for of_arm in entry["scores"].values() for values in of_arm.values()]
            failed = sum(not values for values in runs)
            parts += [
                f"### {base} on {name}",
                f"{len(runs)} runs of {entry['images']:,} images, {failed} failed.",
                effects_table(base, entry["scores"]),
                scores_table(entry["scores"], entry["floors"]),
            ]
    return "\n\n".join(parts) + "\n"


def effects_table(base: str, scores: Scores) -> str:
    """What each change does to each score."""
    changes = changes_of(RATES[base])
    by_metric = {metric: effects(base, scores, metric, changes) for metric in METRICS}
    lines = [f"| change | {' | '.join(METRICS)} |", "|---" * (len(METRICS) + 1) + "|"]
    for change in changes:
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
    parser.add_argument("--base", choices=RATES, default="resnet-dcgan")
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
        study = study_of(options.base, data, options.images, options.seeds)
        entry = measure(study, options.keep / options.base / name, options.workers)
        results.setdefault(options.base, {})[name] = entry
        json_files.write_json(stored, results)
    (options.out / "factors.md").write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main()
