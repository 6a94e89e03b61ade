"""Arms that train for the same processor time, whatever an image costs them: runs and tables.

Time is that of one thread, so what else the machine does matters little. A trial of each arm says
how many images it trains on in a second; that and the seconds are its budget.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import ganvas
from ganvas import json_files
from ganvas.drawing.grids import make_grid, write_png
from ganvas.errors import Diverged
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.directories import is_run
from intervals import change, interval
from kept_runs import folder_of, train_or_resume, values_and_floors
from processes import in_processes

TRIALS = (640, 640, 5_760)
"""Images of an arm's trials. The first imports and compiles what it needs; the difference of the
other two is its pace, without its start."""
PICTURE_COLUMNS = 24
RESULTS = Path(__file__).parents[1] / "docs" / "results"
FAILED = "failed"
RUN_KEY_SLASHES = 3
"""Slashes in the keys of runs; others, such as paces, have fewer."""


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What runs are scored by."""

    metrics: tuple[str, ...]
    scores: tuple[str, ...]
    """Of these metrics, those in the tables; the first also as a change against the first arm."""
    samples: int


@dataclasses.dataclass(frozen=True)
class Job:
    """One run."""

    name: str
    arm: str
    seed: int
    seconds: int

    @property
    def key(self) -> str:
        """Its folder below the one that is kept, and its key in the results."""
        return f"{self.name}/{self.seconds}/{folder_of(self.arm)}/{self.seed}"


def run_experiment(
    name: str, description: str, arms: dict[str, Recipe], scoring: Scoring, seconds: int, seeds: int
) -> None:
    """The program: every data set that the command line names, and the arms that it chooses.

    Args:
        name: of the experiment; seconds and seeds: what it takes unless told otherwise.
    """
    options = options_of(name, description, arms, seconds, seeds).parse_args()
    chosen = {
        arm: with_data(recipe, options.size, options.held_out)
        for arm, recipe in arms.items()
        if arm in (options.arms or arms)
    }
    experiment = Experiment(name, chosen, scoring, options.keep, options.out)
    for named in options.data:
        data_name, _, data = named.partition("=")
        experiment.measure(data_name, data, options.seconds, options.seeds, options.workers)
        experiment.write_tables()


def options_of(
    name: str, description: str, arms: dict[str, Recipe], seconds: int, seeds: int
) -> argparse.ArgumentParser:
    """What every program of this kind takes, see `run_experiment`; `arms` may be empty."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="+", help="NAME=DATA")
    if arms:
        parser.add_argument("--arms", nargs="+", choices=arms, help="only these (default: all)")
        parser.add_argument("--size", type=int, help="side of the images (default: the arms')")
    parser.add_argument("--seconds", type=int, default=seconds, help="CPU seconds of every run")
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--held-out",
        type=float,
        help="fraction of the images that only scores see (default: the recipe's)",
    )
    parser.add_argument("--keep", type=Path, default=Path("runs") / name)
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser


@dataclasses.dataclass(frozen=True)
class Experiment:
    """All arms on one data set.

    name: of the results' files.
    keep, out: the folders of the runs, and of the results.
    """

    name: str
    arms: dict[str, Recipe]
    scoring: Scoring
    keep: Path
    out: Path

    def read(self) -> dict[str, dict[str, Any]]:
        """The results so far, by key."""
        stored = self.out / f"{self.name}.json"
        return json_files.read_json(stored) if stored.exists() else {}

    def write(self, results: dict[str, dict[str, Any]]) -> None:
        """See `read`."""
        json_files.write_json(self.out / f"{self.name}.json", results)

    def measure(self, name: str, data: str, seconds: int, seeds: int, workers: int) -> None:
        """Train and score what is missing; write results and a picture.

        Runs that exist are kept, and those that were interrupted are resumed.
        """
        results = self.read()
        for arm, recipe in self.arms.items():
            key = f"pace/{name}/{arm}"
            if key not in results:
                results[key] = {"images_a_second": pace(recipe, data)}
                self.write(results)
        jobs = [
            Job(name, arm, seed, seconds)
            for seed, arm in itertools.product(range(seeds), self.arms)
        ]
        missing = [job for job in jobs if job.key not in results]
        calls = {}
        for job in missing:
            images = job.seconds * results[f"pace/{name}/{job.arm}"]["images_a_second"]
            calls[job] = (job, within(self.arms[job.arm], images), data, self.scoring, self.keep)
        for job, values in in_processes(run_job, calls, workers):
            results[job.key] = values
            self.write(results)
        write_picture(jobs, results, self.keep, self.out / f"{self.name}-{name}.png")

    def write_tables(self) -> None:
        """NAME-tables.md of all results so far, for the page that is written by hand."""
        results = self.read()
        parts = []
        for name, seconds in dict.fromkeys(
            tuple(key.split("/")[:2]) for key in results if key.count("/") == RUN_KEY_SLASHES
        ):
            rows = table(self.arms, self.scoring, results, name, int(seconds))
            parts += [f"### {name}, {int(seconds):,} CPU seconds", "\n".join(rows)]
        text = "\n\n".join(parts) + "\n"
        (self.out / f"{self.name}-tables.md").write_text(text, encoding="utf-8")


def pace(recipe: Recipe, data: str) -> float:
    """Images that a recipe trains on in a second of CPU time."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for number, count in enumerate(TRIALS):
            start = time.process_time()
            ganvas.train(within(recipe, count), data, Path(folder) / str(number), quiet=True)
            seconds.append(time.process_time() - start)
    return (TRIALS[2] - TRIALS[1]) / (seconds[2] - seconds[1])


def within(recipe: Recipe, images: float) -> Recipe:
    """The recipe with a budget of whole batches."""
    return dataclasses.replace(recipe, images=max(int(images) // recipe.batch, 1) * recipe.batch)


def with_data(recipe: Recipe, side: int | None, held_out: float | None) -> Recipe:
    """The recipe with images of another side, or another fraction of them for scores alone.

    One that grows does so from the same fraction of the side.
    """
    data, grow = recipe.data, recipe.grow
    if side is not None:
        data = dataclasses.replace(data, size=(side, side))
        if grow is not None:
            heights = (height * side // grow.heights[-1] for height in grow.heights)
            grow = dataclasses.replace(grow, heights=tuple(heights))
    if held_out is not None:
        data = dataclasses.replace(data, held_out=held_out)
    return dataclasses.replace(recipe, data=data, grow=grow)


def run_job(job: Job, recipe: Recipe, data: str, scoring: Scoring, keep: Path) -> dict[str, Any]:
    """Train for the job's CPU seconds, and score by the images that it has not seen."""
    out = keep / job.key
    if not is_run(out):
        copy_shorter(job, recipe, keep)
    try:
        train_or_resume(recipe, data, out, job.seed)
    except Diverged as error:
        return {FAILED: str(error)}
    values = values_and_floors(out, scoring.metrics, scoring.scores, scoring.samples)
    return {**values, "images": Run.open(out).read_status().images_seen}


def copy_shorter(job: Job, recipe: Recipe, keep: Path) -> None:
    """Begin with what the same run did in less time, which then is not trained again.

    Only where no schedule ends with the budget: the longer run is then the shorter one, trained on.
    """
    if recipe.with_fixed_schedules() != recipe:
        return
    others = (dataclasses.replace(job, seconds=seconds) for seconds in seconds_kept(job, keep))
    finished = [it for it in others if is_finished(keep / it.key)]
    if finished:
        longest = max(finished, key=lambda it: it.seconds)
        out = keep / job.key
        partial = out.with_name(f"{out.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(keep / longest.key, partial)
        partial.rename(out)


def seconds_kept(job: Job, keep: Path) -> Iterator[int]:
    """The shorter times that runs of the same data are kept of."""
    for folder in (keep / job.name).glob("*"):
        if folder.name.isdecimal() and int(folder.name) < job.seconds:
            yield int(folder.name)


def is_finished(out: Path) -> bool:
    """Whether a run is there that trained to its end."""
    return is_run(out) and Run.open(out).read_status().status == "finished"


# -- The tables ------------------------------------------------------------------------------------


def table(
    arms: dict[str, Recipe],
    scoring: Scoring,
    results: dict[str, dict[str, Any]],
    name: str,
    seconds: int,
) -> list[str]:
    """One row for each arm."""
    first, *others = scoring.scores
    header = ["arm", "failed", "images", first, "against the first", *others]
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    runs = {arm: dict(runs_of(results, name, arm, seconds)) for arm in arms}
    scored = {
        arm: {seed: run for seed, run in each.items() if FAILED not in run}
        for arm, each in runs.items()
        if each
    }
    base = scored.get(next(iter(arms)), {})
    for arm, ours in scored.items():
        row = [arm, f"{len(runs[arm]) - len(ours)} of {len(runs[arm])}"]
        if ours:
            cells = [interval([run[score] for run in ours.values()]) for score in scoring.scores]
            seen = f"{np.median([run['images'] for run in ours.values()]):,.0f}"
            against = change(base, ours, first) if ours is not base else ""
            row += [seen, cells[0], against, *cells[1:]]
        lines.append(f"| {' | '.join(row + [''] * (len(header) - len(row)))} |")
    every = [run for each in scored.values() for run in each.values()]
    if every:
        floors = [interval([every[0][f"floor/{score}"]]) for score in scoring.scores]
        lines.append(f"| real images | | | {' | '.join([floors[0], '', *floors[1:]])} |")
    return lines


def runs_of(
    results: dict[str, dict[str, Any]], name: str, arm: str, seconds: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The results of an arm, by seed."""
    for key, values in results.items():
        start, _, seed = key.rpartition("/")
        if start == f"{name}/{seconds}/{folder_of(arm)}":
            yield int(seed), values


def write_picture(
    jobs: list[Job], results: dict[str, dict[str, Any]], keep: Path, path: Path
) -> None:
    """The first samples of every arm with the first seed, two rows each."""
    samples = [
        ganvas.load(keep / job.key).sample(2 * PICTURE_COLUMNS)
        for job in jobs
        if job.seed == 0 and FAILED not in results[job.key]
    ]
    write_png(path, make_grid(np.concatenate(samples), columns=PICTURE_COLUMNS))
