"""How long a study will take and what it needs, found by trying its arms."""

from __future__ import annotations

import itertools
import math
from concurrent.futures import FIRST_EXCEPTION, BrokenExecutor, Future, wait

from ganvas.data.preparation import PreparedData
from ganvas.data.reading import Progress
from ganvas.errors import Interrupted, RunError
from ganvas.studies.display import StudyDisplay
from ganvas.studies.executors import WorkerPool, terminate
from ganvas.studies.plan import Plan
from ganvas.studies.study import Study
from ganvas.studies.throughput import ThroughputJob, Tried, estimate_throughput

SECONDS_BETWEEN_LOOKS = 1.0
"""At workers: at those that try arms, and later at those that do the runs."""


def make_plan(
    study: Study, prepared: PreparedData, pool: WorkerPool, display: StudyDisplay
) -> Plan:
    """Try every arm for a few seconds, as many at a time as the study will train.

    Raises:
        Interrupted, GanvasError: as `tried`.
    """
    names = [arm.name for arm in study.all_arms]
    # Filled up with repeats, so that the last one is measured under the same load as the first.
    count = math.ceil(len(names) / pool.workers) * pool.workers
    jobs = [
        ThroughputJob(study, name, prepared.location, pool.device(n), pool.threads, scored=n == 0)
        for n, name in enumerate(itertools.islice(itertools.cycle(names), count))
    ]
    found = tried(jobs, pool, display)
    trials = {name: trial for name, (trial, _) in zip(names, found, strict=False)}
    scoring = found[0][1]
    assert scoring is not None
    return Plan(
        images={name: budget(study, name, trials[name].images_per_second) for name in names},
        throughput=trials,
        scoring=scoring,
        workers=pool.workers,
        threads=pool.threads,
    )


def tried(jobs: list[ThroughputJob], pool: WorkerPool, display: StudyDisplay) -> list[Tried]:
    """What the trials of a plan found, in their order.

    Raises:
        Interrupted: by Ctrl-C, without waiting for a trial's end.
        GanvasError: an arm cannot be trained or scored.
    """
    names = dict.fromkeys(job.arm for job in jobs)
    try:
        with (
            display.trying(list(names)) as show,
            pool.make_executor(pool.workers, pool.threads) as executor,
        ):
            try:
                trying = [executor.submit(estimate_throughput, job) for job in jobs]
                return results_of(trying, show)
            finally:
                terminate(executor)
    except BrokenExecutor as error:
        raise RunError(
            "a worker's process died while arms were tried, for want of memory perhaps. Try fewer "
            "workers, or smaller networks"
        ) from error
    except KeyboardInterrupt:
        raise Interrupted(
            "stopped while arms were tried: nothing was trained and nothing written yet. "
            "The same command begins anew"
        ) from None


def results_of(trying: list[Future[Tried]], show: Progress) -> list[Tried]:
    """All results once all are there, or the first error as soon as it is."""
    while True:
        done, going_on = wait(trying, SECONDS_BETWEEN_LOOKS, FIRST_EXCEPTION)
        show(len(done), len(trying))
        if not going_on or any(future.exception() for future in done):
            return [future.result() for future in trying if future in done]


def budget(study: Study, arm: str, images_per_second: float) -> int:
    """The images of the arm's runs: the study's, or as many whole batches as fit into its time."""
    if study.images is not None:
        return study.images
    assert study.time is not None
    batch = study.arm(arm).recipe.batch
    return max(1, round(images_per_second * study.time / batch)) * batch
