"""Train, score, and keep: one folder and one result a run, so that a killed benchmark goes on."""

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
from cases import FEW, FEW_DATA, HELD_OUT, Case

import ganvas
from ganvas import storage
from ganvas.data.preparation import prepare
from ganvas.data.settings import DataSettings
from ganvas.data.sources import open_source
from ganvas.randomness import derive_seed


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run ended, and its scores.

    scores: by full name; details of swd as `swd/32x32`. Empty where no generator was written.
    training_seconds, scoring_seconds: of the process that ended it.
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
    """As a table: a result of another recipe is no result of this case."""


Outcome = Result | BaseException


def result_path(keep: Path, name: str) -> Path:
    """Where the result of a run lies."""
    return keep / "results" / f"{name}.json"


def run_path(keep: Path, name: str) -> Path:
    """Where the run lies."""
    return keep / "runs" / name


def recipe_table(case: Case) -> dict[str, Any]:
    """The recipe as a run keeps it, with plain values."""
    table: dict[str, Any] = json.loads(json.dumps(complete(case).to_table()))
    return table


def complete(case: Case) -> ganvas.Recipe:
    """The recipe as a run keeps it."""
    return case.recipe.checked().with_fixed_schedules()


def read_result(keep: Path, case: Case) -> Result | None:
    """What a case came to; None where it is still to be done."""
    path = result_path(keep, case.name)
    if not path.exists():
        return None
    result = Result(**json.loads(path.read_text()))
    return result if result.recipe == recipe_table(case) else None


def run_all(
    cases: Sequence[Case], keep: Path, jobs: int, report: Callable[[Case, Outcome], None]
) -> list[Result]:
    """Every case that has no result yet, so many at a time; the results of all, in order.

    A run that breaks does not end the others. Each worker computes with one thread: two small
    trainings side by side are faster than one after the other on two.

    Args:
        report: called with each case as it ends, and its result or what it broke with.
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
    return results_of(cases, keep)


def results_of(cases: Sequence[Case], keep: Path) -> list[Result]:
    """The results that are there, in the order of the cases."""
    found = [read_result(keep, case) for case in cases]
    return [result for result in found if result is not None]


def use_one_thread() -> None:
    """What each worker does first."""
    torch.set_num_threads(1)


def run_case(case: Case, keep: Path) -> Result:
    """Train and score one case, and write its result."""
    started = time.monotonic()
    run = train(case, keep)
    trained = time.monotonic()
    status = run.read_status()
    scores = score(run, case)
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
        recipe=recipe_table(case),
    )
    path = result_path(keep, case.name)
    storage.make_directory(path.parent)
    storage.write_json(path, asdict(result))
    for checkpoint in run.checkpoint_paths():  # what diagnosis reads is small and stays
        checkpoint.unlink()
    return result


def train(case: Case, keep: Path) -> ganvas.Run:
    """Train a case, or take up a run that a kill has left; a divergence ends it too."""
    directory = run_path(keep, case.name)
    if directory.exists() and ganvas.Run.open(directory).read_recipe() != complete(case):
        shutil.rmtree(directory)  # the table of cases has changed since
    try:
        if not directory.exists():
            return ganvas.train(
                case.recipe,
                data_of(case, keep),
                directory,
                seed=case.seed,
                device="cpu",
                quiet=True,
            )
        run = ganvas.Run.open(directory)
        if run.read_status().status not in ("finished", "diverged"):
            ganvas.resume(directory, quiet=True)
    except ganvas.Diverged:
        return ganvas.Run.open(directory)
    return run


def score(run: ganvas.Run, case: Case) -> dict[str, float]:
    """The scores of the last generator, if any was written."""
    if not any(run.generator_directory.iterdir()):
        return {}
    scores = ganvas.evaluate(run, case.metrics, n=case.samples, seed=1)
    found = {one.metric: one.value for one in scores}
    for one in scores:
        if one.metric == "swd":
            found |= {f"swd/{level}": value for level, value in one.details.items()}
    return found


def data_of(case: Case, keep: Path) -> str:
    """What `ganvas.train` takes for the case's data."""
    return str(few_images(keep / "data", case.seed)) if case.data == FEW_DATA else case.data


def few_images(folder: Path, seed: int) -> Path:
    """An .npz of the built-in images that every recipe holds out, and a hundred of the others.

    Held-out images are those whose contents have the lowest hashes, so with 1000 / 1100 held out
    they are the same as everywhere, and scores can be compared.
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
