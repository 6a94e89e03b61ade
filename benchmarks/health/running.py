"""Train and score the cases: each run and its result are kept, so a killed benchmark continues."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import FEW, FEW_DATA, HEALTHY, HELD_OUT, Case

import ganvas
from ganvas import json_files, storage
from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.randomness import derive_seed
from ganvas.recipes.files import checked, recipe_table


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run ended, and its scores.

    scores: by full name; details of swd as `swd/32x32`. Empty where no generator was written.
    training_seconds, scoring_seconds: of the process that ended it.
    recipe: as a table; a result with another recipe is not a result of this case.
    """

    name: str
    kind: str
    base: str
    seed: int
    status: str
    reason: str
    images_seen: int
    scores: dict[str, float]
    training_seconds: float
    scoring_seconds: float
    recipe: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Of training and scoring."""
        return self.training_seconds + self.scoring_seconds


Outcome = Result | BaseException


def result_path(keep: Path, name: str) -> Path:
    """The file of a run's result."""
    return keep / "results" / f"{name}.json"


def run_path(keep: Path, name: str) -> Path:
    """The directory of a run."""
    return keep / "runs" / name


def complete_recipe(case: Case) -> ganvas.Recipe:
    """The recipe as a run stores it."""
    return checked(case.recipe).with_fixed_schedules()


def table_of(case: Case) -> dict[str, Any]:
    """The same as JSON types."""
    return recipe_table(complete_recipe(case))


def read_result(keep: Path, case: Case) -> Result | None:
    """The result of a case; None where there is none yet."""
    path = result_path(keep, case.name)
    if not path.exists():
        return None
    result = Result(**json.loads(path.read_text()))
    return result if result.recipe == table_of(case) else None


def results_of(cases: Sequence[Case], keep: Path) -> list[Result]:
    """The existing results, in the order of the cases."""
    return [result for case in cases if (result := read_result(keep, case)) is not None]


def healthy_results(results: Sequence[Result], base: str) -> list[Result]:
    """Those of the healthy runs of a base that finished."""
    wanted = (HEALTHY, base, "finished")
    return [result for result in results if (result.kind, result.base, result.status) == wanted]


def run_all(
    cases: Sequence[Case], keep: Path, jobs: int, report: Callable[[Case, Outcome], None]
) -> None:
    """Run every case that has no result yet, `jobs` at a time.

    A run that breaks does not end the others. Each worker uses one thread: two small trainings in
    parallel are faster than one after the other with two threads.

    Args:
        report: called with each case when it ends, and its result or exception.
    """
    left = [case for case in cases if read_result(keep, case) is None]
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the workers, which are new processes
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, spawn, initializer=use_one_thread) as pool:
        pending = {pool.submit(run_case, case, keep): case for case in left}
        try:
            for done in as_completed(pending):
                report(pending[done], done.exception() or done.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def use_one_thread() -> None:
    """Initialise a worker."""
    torch.set_num_threads(1)


def run_case(case: Case, keep: Path) -> Result:
    """Train and score one case, and write its result."""
    started = time.monotonic()
    run = train(case, keep)
    trained = time.monotonic()
    status, scores = run.read_status(), score(run, case)
    result = Result(
        name=case.name,
        kind=case.kind,
        base=case.base,
        seed=case.seed,
        status=status.status,
        reason=status.reason,
        images_seen=status.images_seen,
        scores=scores,
        training_seconds=round(trained - started, 1),
        scoring_seconds=round(time.monotonic() - trained, 1),
        recipe=table_of(case),
    )
    path = result_path(keep, case.name)
    storage.make_directory(path.parent)
    json_files.write_json(path, asdict(result))
    for checkpoint in run.checkpoint_paths():  # large, and the rules do not read them
        checkpoint.unlink()
    return result


def train(case: Case, keep: Path) -> ganvas.Run:
    """Train a case, or resume a run that was killed; a divergence ends it, too."""
    directory = run_path(keep, case.name)
    if directory.exists() and ganvas.Run.open(directory).read_recipe() != complete_recipe(case):
        shutil.rmtree(directory)  # the table of cases has changed since
    try:
        if not directory.exists():
            data, seed = data_of(case, keep), case.seed
            return ganvas.train(case.recipe, data, directory, seed=seed, device="cpu", quiet=True)
        if ganvas.Run.open(directory).read_status().status not in ("finished", "diverged"):
            ganvas.resume(directory, quiet=True)
    except ganvas.Diverged:
        pass
    return ganvas.Run.open(directory)


def score(run: ganvas.Run, case: Case) -> dict[str, float]:
    """The scores of the final generator; empty where none was written."""
    if not any(run.generator_directory.iterdir()):
        return {}
    scores = ganvas.evaluate(run, case.metrics, n=case.samples, seed=1)
    values = {score.metric: score.value for score in scores}
    for score in scores:
        if score.metric == "swd":
            values |= {f"swd/{level}": value for level, value in score.details.items()}
    return values


def data_of(case: Case, keep: Path) -> str:
    """The data of a case as an argument of `ganvas.train`."""
    return str(few_images(keep / "data", case.seed)) if case.data == FEW_DATA else case.data


def few_images(folder: Path, seed: int) -> Path:
    """An .npz of the held-out images of every recipe and of a hundred others.

    Images with the lowest hashes are held out, so with 1000 / 1100 held out these are the same as
    for every other recipe, and scores can be compared.
    """
    path = folder / f"{FEW_DATA}-{seed}.npz"
    if path.exists():
        return path
    data = prepare(open_source("fashion"), DataSettings(size=(28, 28)))
    assert len(data.held_out) == HELD_OUT
    random = np.random.default_rng(derive_seed(seed, "few images"))
    chosen = random.choice(data.training, FEW, replace=False)
    storage.make_directory(folder)
    pixels = data.images[np.concatenate([data.held_out, chosen])][:, 0]  # (N, 28, 28)
    with storage.atomic_file(path) as file:
        np.savez_compressed(file, images=pixels)
    return path
