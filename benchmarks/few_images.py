"""What helps when images are few: augmentation that is fixed, or follows overfitting, and LeCam.

    .venv/bin/python benchmarks/few_images.py fashion=fashion --counts 200
    .venv/bin/python benchmarks/few_images.py cifar10=FOLDER/cifar10.npz --counts 200,1000,5000

Of every NAME=DATA, the first images of an order that the seed decides are trained on, until the
discriminator has seen each of them 200 times, and in a short run 50 times. Scores compare with
10,000 other images of the data. Images are of 32x32 pixels; another --size needs another NAME. Runs
that exist are kept, and those that were interrupted are resumed. Results are written to
docs/results/few-images.json; the page few-images.md is made of that file (--page alone makes it
again), and shows the first samples of the runs that were measured last.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread for each run

import numpy as np

from equal_time import write_picture
from ganvas import json_files
from ganvas.data.settings import DataSettings
from ganvas.objectives.settings import PenaltySettings
from ganvas.recipes import CATALOG, Recipe
from ganvas.runs import Run
from ganvas.runs.data import prepare_images
from ganvas.schedules import Adaptive, parse_count
from intervals import change, interval
from kept_runs import folder_of, train_or_resume, values_and_floors
from processes import in_processes

RECIPE = "dcgan"
SIDE = 32
LONG, SHORT = 200, 50
"""How often the discriminator sees each image."""
OTHERS = 10_000
"""Other images, a tenth of which the samples are compared with."""
SAMPLES = 2_000
METRICS = ("fd-lite0", "prdc-lite0", "swd")
SCORES = ("fd-lite0", "recall-lite0", "coverage-lite0", "swd")
MEMORY = "probe/ranking/memory"
LAST_PROBES = 5
AT_ONCE = 2
NONE = "none"
TARGET = 0.05
"""A short run may be worse by at most this fraction."""
AUGMENTATIONS: dict[str, dict[str, Any]] = {
    NONE: {},
    "0.3": {"augmentation": 0.3},
    "adaptive ada": {"augmentation": Adaptive()},
    "adaptive diffaugment": {
        "augmentation": Adaptive(),
        "augmentation_policy": "diffaugment",
    },
}
LECAM = " + LeCam"


def folder_of_arm(arm: str) -> str:
    """The name of an arm's folder."""
    return folder_of(arm.replace(LECAM, " lecam"))


@dataclasses.dataclass(frozen=True)
class Job:
    """One run."""

    name: str
    count: int
    arm: str
    seed: int
    epochs: int
    side: int = SIDE

    @property
    def key(self) -> str:
        """Its folder below the one that is kept, and its key in the results."""
        return f"{self.name}/{self.count}/{self.epochs}/{folder_of_arm(self.arm)}/{self.seed}"

    def recipe(self) -> Recipe:
        """The recipe of the arm, with the budget that the count of images gives."""
        base = CATALOG[RECIPE]()
        recipe = dataclasses.replace(
            base,
            images=self.count * self.epochs,
            data=dataclasses.replace(base.data, size=(self.side, self.side)),
            **AUGMENTATIONS[self.arm.removesuffix(LECAM)],
        )
        if not self.arm.endswith(LECAM):
            return recipe
        penalties = dataclasses.replace(
            recipe.objective.penalties, lecam=PenaltySettings(weight=1.0)
        )
        objective = dataclasses.replace(recipe.objective, penalties=penalties)
        return dataclasses.replace(recipe, objective=objective)


def write_images(
    name: str, data: str, counts: list[int], seeds: int, keep: Path, side: int = SIDE
) -> None:
    """COUNT-SEED.npy, and others-COUNT-SEED.npy that its runs are scored with."""
    prepared = prepare_images(DataSettings(size=(side, side)), data, quiet=True)
    folder = keep / name / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for seed, count in itertools.product(range(seeds), counts):
        order = np.random.default_rng(seed).permutation(len(prepared.images))
        others = order[count : count + OTHERS]
        for stem, indices in (
            (f"{count}-{seed}", order[:count]),
            (f"others-{count}-{seed}", others),
        ):
            path = folder / f"{stem}.npy"
            if not path.exists():
                np.save(path, prepared.images[np.sort(indices)].transpose(0, 2, 3, 1))


def run_job(job: Job, keep: Path) -> dict[str, float]:
    """Train, score against the other images, and say how much the discriminator memorised."""
    images, out = keep / job.name / "images", keep / job.key
    train_or_resume(job.recipe(), images / f"{job.count}-{job.seed}.npy", out, job.seed)
    others = images / f"others-{job.count}-{job.seed}.npy"
    values = values_and_floors(out, METRICS, SCORES, SAMPLES, others)
    memory = [record[MEMORY] for record in Run.open(out).history.records() if MEMORY in record]
    return {**values, "memory": float(np.mean(memory[-LAST_PROBES:]))}


# -- The page --------------------------------------------------------------------------------------


def picture_of(name: str, count: int) -> str:
    """The file of samples of the long runs without LeCam, two rows for each arm."""
    return f"few-images-{name}-{count}.png"


def page(results: dict[str, dict[str, float]], folder: Path) -> str:
    """docs/results/few-images.md, with the pictures that its folder has."""
    parts = [
        "# Few images: augmentation and LeCam",
        f"`{RECIPE}` at {SIDE}x{SIDE} on a few images, a tenth of them held out, until the "
        f"discriminator has seen each {LONG} times. Scores compare {SAMPLES:,} samples with "
        f"{OTHERS // 10:,} images that no run has seen. The last column is the probability that "
        "the discriminator ranks a training image above a held-out one at the end; 0.5 means that "
        "nothing is memorised. Means and 95 % intervals over seeds; every seed draws other images. "
        "LeCam begins after 1,000 steps, so it is measured only with 1,000 images or more. Made by "
        "`benchmarks/few_images.py`.",
    ]
    groups = sorted({tuple(key.split("/")[:2]) for key in results}, key=lambda g: (g[0], int(g[1])))
    for name, count in groups:
        parts += [f"## {name}, {int(count):,} images"]
        for epochs in (LONG, SHORT):
            rows = table(results, f"{name}/{count}/{epochs}")
            if rows:
                parts += [f"Each image seen {epochs} times:", "\n".join(rows)]
        picture = picture_of(name, int(count))
        if (folder / picture).exists():
            parts += [
                f"Without LeCam, each image seen {LONG} times, first seed: two rows of each arm's "
                "first samples.",
                f"![Two rows of samples for each arm, as in the table]({picture})",
            ]
    return "\n\n".join(parts) + "\n"


def table(results: dict[str, dict[str, float]], prefix: str) -> list[str]:
    """One row for each arm, and what changes against none, seed by seed."""
    arms: dict[str, dict[int, dict[str, float]]] = {}
    for arm in arms_of(lecam=True):
        for key, values in results.items():
            start, _, seed = key.rpartition("/")
            if start == f"{prefix}/{folder_of_arm(arm)}":
                arms.setdefault(arm, {})[int(seed)] = values
    if NONE not in arms:
        return []
    header = ["arm", "seeds", *SCORES[:1], "against none", *SCORES[1:], "ranked above"]
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for arm, runs in arms.items():
        columns = [interval([run[name] for run in runs.values()]) for name in (*SCORES, "memory")]
        against = "" if arm == NONE else change(arms[NONE], runs, SCORES[0])
        lines.append(f"| {' | '.join([arm, str(len(runs)), columns[0], against, *columns[1:]])} |")
    floors = [run["floor/fd-lite0"] for run in arms[NONE].values()]
    return [*lines, "", f"Real images score {np.mean(floors):.0f} (fd-lite0)."]


def arms_of(lecam: bool) -> list[str]:
    """The names of the arms, those with LeCam last."""
    return [*AUGMENTATIONS, *(f"{arm}{LECAM}" for arm in AUGMENTATIONS if lecam)]


def jobs_of(
    name: str, counts: list[int], seeds: int, lecam: bool, side: int = SIDE
) -> Iterator[Job]:
    """All runs on one data set, the first seeds first."""
    for count, seed in itertools.product(counts, range(seeds)):
        for arm in arms_of(lecam):
            yield Job(name, count, arm, seed, LONG, side)
        for arm in arms_of(lecam=False):
            yield Job(name, count, arm, seed, SHORT, side)


def main() -> None:
    """Train what is missing, and write the results and their page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", help="NAME=DATA")
    parser.add_argument("--counts", default="200,1000,5000", help="numbers of images")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--size", type=int, default=SIDE, help="side of the images, in pixels")
    parser.add_argument("--lecam", action="store_true", help="the arms with LeCam too")
    parser.add_argument("--keep", type=Path, default=Path("runs/few-images"))
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--page", action="store_true", help="train nothing")
    options = parser.parse_args()
    stored = options.out / "few-images.json"
    results: dict[str, dict[str, float]] = json_files.read_json(stored) if stored.exists() else {}
    counts = [parse_count(text) for text in options.counts.split(",")]
    if not options.page:
        for named in options.data:
            name, _, data = named.partition("=")
            write_images(name, data, counts, options.seeds, options.keep, options.size)
            jobs = list(jobs_of(name, counts, options.seeds, options.lecam, options.size))
            missing = [job for job in jobs if job.key not in results]
            calls = {job: (job, options.keep) for job in missing}
            for job, values in in_processes(run_job, calls, AT_ONCE):
                results[job.key] = values
                json_files.write_json(stored, results)
            for count in counts:
                longest = [Job(name, count, arm, 0, LONG, options.size) for arm in AUGMENTATIONS]
                picture = options.out / picture_of(name, count)
                write_picture(longest, results, options.keep, picture)
    (options.out / "few-images.md").write_text(page(results, options.out), encoding="utf-8")


if __name__ == "__main__":
    main()
