"""Does a discriminator on frozen features pay on a processor? An experiment with a limit.

    .venv/bin/python benchmarks/projected drawings=FOLDER
    .venv/bin/python benchmarks/projected --page

Of every NAME=DATA, 1,400 images of 64x64 are used: 600 are trained on, and the others judge. All
arms train for the same CPU seconds on one thread; a trial of each says how many images that is. The
judges know nothing of the frozen features: swd; `fd-self` and coverage in features learned on the
training images; `c2st`, a network trained to tell samples from real images. `fd-lite0` is shown,
and decides nothing, because two arms have trained against its features.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: one thread for each run

import numpy as np
from projected_network import ProjectedDiscriminator

import ganvas
from ganvas import storage
from ganvas.data.settings import DataSettings
from ganvas.images import to_pillow
from ganvas.networks import DCGANGenerator
from ganvas.recipes import CATALOG, Recipe
from ganvas.recipes.recipe import Intervals, PlayerSettings, discriminator, generator
from ganvas.runs import Run
from ganvas.runs.data import prepare_images
from ganvas.runs.directories import is_run
from ganvas.studies.statistics import interval_of_mean

SIDE = 64
COUNT, HELD_OUT, SAMPLES = 1_400, 0.57, 1_600
TRIALS = (640, 3_200)
"""Images of the two trials whose difference is an arm's pace, without its start."""
METRICS = ("swd", "fd-self", "prdc-self", "c2st", "fd-lite0")
SCORES = ("swd", "fd-self", "coverage-self", "recall-self", "c2st", "fd-lite0")
PICTURE_SAMPLES = 48
RESULTS = Path(__file__).parents[2] / "docs" / "results"


def arms() -> dict[str, Recipe]:
    """The recipes by name. All see DiffAugment: always, or as often as overfitting asks for."""
    few = CATALOG["few"]()
    few = dataclasses.replace(
        few,
        data=dataclasses.replace(few.data, size=(SIDE, SIDE), held_out=HELD_OUT),
    )
    resize = few.with_networks(DCGANGenerator(upsampling="resize"))
    fast = dataclasses.replace(
        resize,
        batch=32,
        ema_half_life=10_000,
        generator=dataclasses.replace(resize.generator, learning_rate=4e-4),
        discriminator=dataclasses.replace(resize.discriminator, learning_rate=4e-4),
    )
    return {
        "few": few,
        "few, resized and faster": fast,
        "projected": projected(fast, ProjectedDiscriminator()),
        "projected at 96x96": projected(fast, ProjectedDiscriminator(side=96)),
        "pixels and projected": projected(fast, ProjectedDiscriminator(with_pixels=True)),
    }


def projected(base: Recipe, network: ProjectedDiscriminator) -> Recipe:
    """The paper's settings: hinge, Adam 2e-4 (0, 0.99), DiffAugment always, no penalty."""
    adam = PlayerSettings(learning_rate=2e-4, beta1=0.0, beta2=0.99)
    return dataclasses.replace(
        base,
        name="projected",
        generator=generator(base.generator.network, adam),
        discriminator=discriminator(network, adam),
        objective=dataclasses.replace(base.objective, loss="hinge"),
        augmentation=1.0,
        intervals=Intervals(probes=0),
    )


def folder_of(arm: str) -> str:
    """The name of an arm's folder."""
    return arm.replace(",", "").replace(" ", "-")


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


def write_images(name: str, data: str, keep: Path) -> None:
    """images.npy, uint8 (N, H, W, C)."""
    path = keep / name / "images.npy"
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    prepared = prepare_images(DataSettings(size=(SIDE, SIDE)), data, quiet=True)
    order = np.random.default_rng(0).permutation(len(prepared.images))[:COUNT]
    np.save(path, prepared.images[np.sort(order)].transpose(0, 2, 3, 1))


def pace(arm: str, images: Path, out: Path) -> float:
    """Images that an arm trains on in a second of CPU time."""
    seconds = []
    for count in TRIALS:
        start = time.process_time()
        recipe = dataclasses.replace(arms()[arm], images=count)
        ganvas.train(recipe, images, out / str(count), quiet=True)
        seconds.append(time.process_time() - start)
    return (TRIALS[1] - TRIALS[0]) / (seconds[1] - seconds[0])


def run_job(job: Job, keep: Path, images_a_second: float) -> dict[str, Any]:
    """Train for the job's CPU seconds, and score by the images that it has not seen."""
    out = keep / job.key
    recipe = arms()[job.arm]
    budget = int(job.seconds * images_a_second) // recipe.batch * recipe.batch
    start = time.process_time()
    if not is_run(out):
        recipe = dataclasses.replace(recipe, images=budget)
        ganvas.train(recipe, keep / job.name / "images.npy", out, seed=job.seed, quiet=True)
    seconds = time.process_time() - start
    scores = ganvas.evaluate(out, METRICS, n=SAMPLES, quiet=True)
    values = {score.metric: score.value for score in scores if score.metric in SCORES}
    floors = {f"floor/{score.metric}": score.floor for score in scores if score.metric in SCORES}
    seen = Run.open(out).read_status().images_seen
    return {**values, **floors, "images": seen, "cpu_seconds": seconds}


# -- The page --------------------------------------------------------------------------------------


def table(results: dict[str, dict[str, Any]], name: str, seconds: str) -> list[str]:
    """One row for each arm."""
    header = ["arm", "seeds", "images", "CPU s", *SCORES]
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    floors: dict[str, float] = {}
    for arm in arms():
        prefix = Job(name, arm, 0, int(seconds)).key.rpartition("/")[0]
        runs = [values for key, values in results.items() if key.rpartition("/")[0] == prefix]
        if not runs:
            continue
        floors = {score: runs[0][f"floor/{score}"] for score in SCORES}
        seen, spent = (
            float(np.median([run[it] for run in runs])) for it in ("images", "cpu_seconds")
        )
        cells = [interval([run[score] for run in runs]) for score in SCORES]
        lines.append(
            f"| {' | '.join([arm, str(len(runs)), f'{seen:,.0f}', f'{spent:,.0f}', *cells])} |"
        )
    real = [interval([floors[score]]) for score in SCORES]
    return [*lines, f"| real images | | | | {' | '.join(real)} |"]


def interval(values: list[float]) -> str:
    """`512 [500, 524]`."""
    mean, (ends, _) = float(np.mean(values)), interval_of_mean(np.array(values))
    digits = 0 if abs(mean) >= 20 else 2
    if ends is None:
        return f"{mean:,.{digits}f}"
    return f"{mean:,.{digits}f} [{ends[0]:,.{digits}f}, {ends[1]:,.{digits}f}]"


def write_tables(results: dict[str, dict[str, Any]], out: Path) -> None:
    """projected-tables.md, for the page that is written by hand."""
    parts = []
    for name, seconds in dict.fromkeys(
        tuple(key.split("/")[:2]) for key in results if not key.startswith("pace/")
    ):
        parts += [f"### {name}, {seconds} CPU seconds", "\n".join(table(results, name, seconds))]
    (out / "projected-tables.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def write_picture(jobs: list[Job], keep: Path, out: Path) -> None:
    """The first samples of every arm with the first seed, one grid below the other."""
    grids = [
        np.asarray(ganvas.load(keep / job.key).grid(PICTURE_SAMPLES))
        for job in jobs
        if job.seed == 0
    ]
    to_pillow(np.concatenate(grids)).save(out / "projected.png", optimize=True)


def main() -> None:
    """Train what is missing, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", help="NAME=DATA")
    parser.add_argument("--seconds", type=int, default=300, help="CPU seconds of every run")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("runs/projected"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    stored = options.out / "projected.json"
    results: dict[str, dict[str, Any]] = storage.read_json(stored) if stored.exists() else {}
    for named in options.data:
        name, _, data = named.partition("=")
        write_images(name, data, options.keep)
        jobs = [
            Job(name, arm, seed, options.seconds)
            for seed, arm in itertools.product(range(options.seeds), arms())
        ]
        missing = [job for job in jobs if job.key not in results]
        images = options.keep / name / "images.npy"
        for arm in arms():
            key = f"pace/{name}/{arm}"
            if key not in results:
                trials = options.keep / name / "trials" / folder_of(arm)
                results[key] = {"images_a_second": pace(arm, images, trials)}
                storage.write_json(stored, results)
        paces = {arm: results[f"pace/{name}/{arm}"]["images_a_second"] for arm in arms()}
        with ProcessPoolExecutor(options.workers) as pool:
            running = {
                pool.submit(run_job, job, options.keep, paces[job.arm]): job for job in missing
            }
            for number, done in enumerate(as_completed(running), start=1):
                results[running[done].key] = done.result()
                storage.write_json(stored, results)
                print(f"{number} of {len(missing)} runs", file=sys.stderr, flush=True)
        write_picture(jobs, options.keep, options.out)
    write_tables(results, options.out)


if __name__ == "__main__":
    main()
