"""Measures the throughput of a study's arms, and makes the plan from it."""

from __future__ import annotations

import itertools
import math
from concurrent.futures import BrokenExecutor, as_completed

from ganvas.data.prepared import PreparedData
from ganvas.errors import Interrupted, RunError
from ganvas.evaluation.failures import failure_lines
from ganvas.studies.display import StudyDisplay
from ganvas.studies.executors import WorkerPool, terminate
from ganvas.studies.plan import Plan
from ganvas.studies.study import Study
from ganvas.studies.throughput import (
    ThroughputJob,
    ThroughputResult,
    estimate_throughput,
    measured_arms,
)


def make_plan(
    study: Study, prepared: PreparedData, pool: WorkerPool, display: StudyDisplay
) -> Plan:
    """Measure the arms for a few seconds, as many at a time as the study will train.

    Arms whose steps do the same work share a measurement (`measured_arms`).

    Raises:
        Interrupted, GanvasError: see `run_measurements`.
    """
    measured = measured_arms(study)
    names = list(dict.fromkeys(measured.values()))
    # Filled up with repeats, so that the last arm is measured under the same load as the first.
    count = math.ceil(len(names) / pool.workers) * pool.workers
    jobs = [
        ThroughputJob(study, name, prepared.location, pool.device(n), pool.threads, scored=n == 0)
        for n, name in enumerate(itertools.islice(itertools.cycle(names), count))
    ]
    results = run_measurements(jobs, pool, display)
    estimates = {name: estimate for name, (estimate, _) in zip(names, results, strict=False)}
    throughput = {name: estimates[representative] for name, representative in measured.items()}
    scoring = results[0][1]
    assert scoring is not None
    for line in failure_lines(scoring.failures):
        display.message(f"warning: {line}")
    return Plan(
        images={
            name: budget(study, name, estimate.images_per_second)
            for name, estimate in throughput.items()
        },
        throughput=throughput,
        scoring=scoring.seconds,
        workers=pool.workers,
        threads=pool.threads,
    )


def run_measurements(
    jobs: list[ThroughputJob], pool: WorkerPool, display: StudyDisplay
) -> list[ThroughputResult]:
    """The results of all jobs, in their order.

    Raises:
        Interrupted: by Ctrl-C, without waiting for a job's end.
        GanvasError: an arm cannot be trained or scored.
    """
    names = list(dict.fromkeys(job.arm for job in jobs))
    try:
        with (
            display.measuring(names, len(jobs)) as advance,
            pool.make_executor(pool.workers, pool.threads) as executor,
        ):
            try:
                futures = [executor.submit(estimate_throughput, job) for job in jobs]
                for future in as_completed(futures):
                    future.result()  # raises the first error as soon as it occurs
                    advance()
                return [future.result() for future in futures]
            finally:
                terminate(executor)
    except BrokenExecutor as error:
        raise RunError(
            f"a worker process died while throughput was measured, {error}. If it was memory, try "
            "fewer workers, or smaller networks"
        ) from error
    except KeyboardInterrupt:
        raise Interrupted(
            "stopped while throughput was measured: nothing was trained or written yet. "
            "The same command starts again"
        ) from None


def budget(study: Study, arm: str, images_per_second: float) -> int:
    """The images of the arm's runs: the study's, or as many whole batches as fit into its time."""
    if study.images is not None:
        return study.images
    assert study.time is not None
    batch = study.arm(arm).recipe.batch
    return max(1, round(images_per_second * study.time / batch)) * batch
