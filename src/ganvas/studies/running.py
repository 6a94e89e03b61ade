"""How a study is run: planned, started or continued, and its pending runs done.

Read `compare` first.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from pathlib import Path
from typing import Any, NamedTuple

from ganvas.command_line import ganvas_command
from ganvas.data.prepared import PreparedData
from ganvas.data.sources import open_source, source_exists
from ganvas.devices import choose_device, describe_environment
from ganvas.errors import (
    DataError,
    GanvasError,
    Interrupted,
    RecipeError,
    RunError,
    StudyError,
)
from ganvas.runs.data import check_counts, describe_data, prepare_for, prepare_images
from ganvas.runs.directories import STUDY_JSON, check_unused, is_study
from ganvas.runs.labels import with_labels
from ganvas.storage import check_can_write, given_path, native_path
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.display import StudyDisplay
from ganvas.studies.executors import WorkerPool, check_workers, dask_pool, local_pool
from ganvas.studies.outcome import Outcome
from ganvas.studies.plan import Plan
from ganvas.studies.planning import make_plan
from ganvas.studies.reading import check_study, load_study
from ganvas.studies.results import StudyResults, write_results
from ganvas.studies.scoring import choose_scoring
from ganvas.studies.study import Study, flat_values
from ganvas.studies.throughput import check_can_be_scored
from ganvas.studies.worker import Job, crash_outcome, run_job
from ganvas.terminal import tolerant_output

POLL_SECONDS = 1.0
"""How often the progress of the runs is read."""

MAX_ATTEMPTS = 2
"""A run that crashed is tried once more when the study is continued."""

ABSENT = "nothing"
"""Stands for a value that one of two studies does not have."""


@tolerant_output()
def compare(
    study: Study | str | Path,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    dask: str | None = None,
    verify: bool = False,
    quiet: bool = False,
) -> StudyResults:
    """Train every arm of a study with every seed, score the runs, and test which arm is better.

    To continue a study that was killed or stopped, give the same study again, or its directory.
    Runs that ended are not repeated; a run that crashed is tried once more. A study can be
    continued with more seeds.

    Worker processes are spawned, so a script that calls this needs `if __name__ == "__main__":`.

    Args:
        study: what to compare; or its .toml or .json file; or the directory of one to continue.
        out: the study directory; None: studies/BASE-DATA.
        workers: runs at a time on this machine; by default one per core or GPU.
        dask: address of a dask scheduler whose workers do the runs, and see the same files.
        verify: read every image file again, even where size and time stamp are unchanged.
        quiet: print nothing.

    Raises:
        StudyError: with every problem found in any arm, before anything runs; or the directory
            holds another study.
        DataError: images that cannot be used, or that changed since the study was started.
        RunError: the directory cannot be used, or the disk is full; the study can be continued.
        Interrupted: by Ctrl-C; every run was saved.
        GanvasError: fewer than one worker, or no dask where a scheduler is named.
    """
    check_workers(workers, dask)
    display = StudyDisplay(quiet)
    located = locate(study, out, quiet, verify)
    directory = located.directory
    if directory is None:
        check_can_write(located.path)  # before the measurement
        study, plan = plan_new_study(located, workers, dask, display)
        display.plan(study, plan)
        directory = StudyDirectory.create(
            located.path,
            study,
            plan,
            describe_data(located.prepared),
            describe_environment(choose_device("auto")),
        )
    with directory.lock():
        directory = directory.with_seeds(located.study.seeds)
        try:
            run_pending(directory, located.prepared, workers, dask, display)
        finally:
            results = write_results(directory.path)
    display.results(results)
    return results


@tolerant_output()
def plan_study(
    study: Study | str | Path,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    dask: str | None = None,
    verify: bool = False,
    quiet: bool = False,
) -> PlannedStudy:
    """What `compare` would do, from a short measurement of its arms; nothing is written.

    A study that was started already has its plan. Arguments and errors are those of `compare`.
    """
    check_workers(workers, dask)
    display = StudyDisplay(quiet)
    located = locate(study, out, quiet, verify)
    if located.directory is None:
        study, plan = plan_new_study(located, workers, dask, display)
    else:
        study, plan = located.study, located.directory.plan
    display.plan(study, plan)
    return PlannedStudy(study, plan, located.directory is not None)


class PlannedStudy(NamedTuple):
    """A study and its plan, and whether it was started already."""

    study: Study
    plan: Plan
    started: bool


class LocatedStudy(NamedTuple):
    """A study, its path, and its images.

    directory: None if the study is not started yet.
    """

    study: Study
    path: Path
    prepared: PreparedData
    directory: StudyDirectory | None


def locate(
    study: Study | str | Path, out: str | Path | None, quiet: bool, verify: bool
) -> LocatedStudy:
    """Find the study, its directory and its images, and check that they belong together."""
    if isinstance(study, str | Path) and Path(study).suffix not in (".toml", ".json"):
        directory = StudyDirectory.open(study)
        location = directory.data["location"]
        if not source_exists(location):
            raise DataError(
                f"the images of {study} are no longer at {location}. "
                f"Say where they are: {ganvas_command('compare', Path(study), '--data', 'PATH')}"
            )
        prepared = prepare_images(directory.study.base.data, location, quiet, verify)
        check_data_unchanged(directory, prepared)
        return LocatedStudy(directory.study, directory.path, prepared, directory)
    study = check_study(study) if isinstance(study, Study) else load_study(study)
    name = native_path(f"{study.base.name}-{open_source(study.data).name}")
    path = given_path(out) if out is not None else Path("studies") / name
    is_new = not is_study(path)
    if is_new:
        check_unused(path)  # before the images are prepared
    prepared = prepare_images(study.base.data, study.data, quiet, verify)
    if is_new:
        largest = max((arm.recipe for arm in study.all_arms), key=lambda recipe: recipe.batch)
        prepare_for(largest, study.data, quiet)  # are there enough images for every batch?
        for arm in study.all_arms:
            with_labels(arm.recipe, prepared)  # and labels that its networks can take?
        check_can_be_scored(study, prepared)
        return LocatedStudy(study, path, prepared, None)
    directory = StudyDirectory.open(path)
    study = study.with_choices_of(directory.study)
    check_same_study(directory, study)
    check_data_unchanged(directory, prepared)
    return LocatedStudy(study, path, prepared, directory)


def check_data_unchanged(directory: StudyDirectory, prepared: PreparedData) -> None:
    """Raise a `DataError` unless the images are those that the study was started with."""
    if prepared.fingerprint != directory.data["fingerprint"]:
        raise DataError(
            f"{prepared.location} holds other images than {directory.path} was started with. "
            "Put the old ones back, give their path as data (--data), or start a new study in "
            "another folder (--out)"
        )
    check_counts(directory.data, prepared, directory.path, directory.path / STUDY_JSON, "study")


def check_same_study(directory: StudyDirectory, study: Study) -> None:
    """Raise a `StudyError` unless the directory holds this study, perhaps with fewer seeds."""
    stored, given = _values(directory.study), _values(study)
    changed = [
        name
        for name in dict.fromkeys([*stored, *given])
        if stored.get(name, ABSENT) != given.get(name, ABSENT)
        and (name != "seeds" or study.seeds < directory.study.seeds)
    ]
    if not changed:
        return
    if changed == ["seeds"]:
        text = (
            f"seeds: {directory.study.seeds} there, {study.seeds} asked for: seeds can be added, "
            "not removed. For fewer, start a new study in another folder (--out)"
        )
        raise StudyError([text], str(directory.path))
    arms, new_arms = (", ".join(arm.name for arm in s.all_arms) for s in (directory.study, study))
    if arms != new_arms:
        difference = f" of {arms}, where this one is of {new_arms}"
    else:
        name = changed[0]
        difference = f" ({name}: {stored.get(name, ABSENT)} there, {given.get(name, ABSENT)} now"
        difference += f"; and {len(changed) - 1} more)" if len(changed) > 1 else ")"
    text = (
        f"holds another study{difference}. Choose another folder as out (--out). "
        f"To continue the other study: {directory.command}"
    )
    raise StudyError([text], str(directory.path))


def _values(study: Study) -> dict[str, Any]:
    """Every plain value of a study by its dotted name, without the location of its data."""
    table = study.to_table()
    del table["data"]
    table["arms"] = {arm["name"]: arm for arm in table["arms"]}
    return flat_values(table)


def make_pool(runs: int, workers: int | None, dask: str | None) -> WorkerPool:
    """The workers for so many runs."""
    return local_pool(runs, workers) if dask is None else dask_pool(dask, runs)


def plan_new_study(
    located: LocatedStudy, workers: int | None, dask: str | None, display: StudyDisplay
) -> tuple[Study, Plan]:
    """A new study with what it leaves open, and its plan, measured by the workers of its runs."""
    pool = make_pool(located.study.seeds * len(located.study.all_arms), workers, dask)
    plan = make_plan(located.study, located.prepared, pool, display)
    return choose_scoring(located.study, plan, located.prepared)


def run_pending(
    directory: StudyDirectory,
    prepared: PreparedData,
    workers: int | None,
    dask: str | None,
    display: StudyDisplay,
) -> None:
    """Do the remaining runs of a study; call this with the lock held.

    Raises:
        Interrupted, RunError, DataError: as `compare`.
    """
    directory.stop_file.unlink(missing_ok=True)
    jobs = pending_jobs(directory, prepared)
    display.begin(directory, jobs)
    if not jobs:
        return
    pool = make_pool(len(jobs), workers, dask)
    queue = deque(jobs)
    suspects: deque[Job] = deque()
    try:
        with display.live:
            while queue or suspects:
                # If a process dies, the jobs in progress are repeated one by one, to see which of
                # them it was.
                batch, at_a_time = (suspects, 1) if suspects else (queue, pool.workers)
                lost, cause = run_queue(batch, at_a_time, pool, directory, display)
                if len(lost) == 1:
                    display.ended(record_lost_run(lost[0], directory, cause))
                else:
                    suspects += lost
    except KeyboardInterrupt:
        done = len(directory.outcomes())
        raise Interrupted(
            f"stopped with {done} of {len(directory.run_keys())} runs done; those in progress "
            f"were saved. Continue with: {directory.command}\n"
            f"See what is done so far: {ganvas_command('report', directory.path)}"
        ) from None


def pending_jobs(directory: StudyDirectory, prepared: PreparedData) -> list[Job]:
    """The remaining jobs, in order."""
    jobs = []
    for arm, seed in directory.run_keys():
        outcome = directory.outcome(arm, seed)
        attempt = 1 if outcome is None else outcome.attempts + 1
        retry = outcome is not None and outcome.ending == "crashed" and attempt <= MAX_ATTEMPTS
        if outcome is None or retry:
            jobs.append(Job(directory.path.absolute(), arm, seed, prepared.location, attempt))
    return jobs


def run_queue(
    queue: deque[Job],
    at_a_time: int,
    pool: WorkerPool,
    directory: StudyDirectory,
    display: StudyDisplay,
) -> tuple[list[Job], str]:
    """Do the jobs of a queue, so many at a time.

    Returns those in progress when a process died, and how it died; otherwise nothing.
    """
    running: dict[Future[Outcome], tuple[Job, int]] = {}
    free = list(range(at_a_time))
    try:
        with pool.make_executor(at_a_time, directory.plan.threads) as executor:
            try:
                while queue or running:
                    while queue and free:
                        job = dataclasses.replace(queue[0], device=pool.device(free[-1]))
                        running[executor.submit(run_job, job)] = (job, free[-1])
                        queue.popleft()
                        free.pop()
                    done, _ = wait(running, POLL_SECONDS, FIRST_COMPLETED)
                    for future in done:
                        display.ended(job_outcome(future, running[future][0], directory))
                        free.append(running.pop(future)[1])
                    display.update([job for job, _ in running.values()])
            except BrokenExecutor:
                raise
            except GanvasError as error:
                directory.request_stop()
                kind = GanvasError if isinstance(error, RecipeError) else type(error)
                raise kind(f"{error}\nContinue with: {directory.command}") from error
            except BaseException as error:
                directory.request_stop()
                if isinstance(error, KeyboardInterrupt):
                    display.message("stopping: the runs in progress are saved first")
                raise
    except BrokenExecutor as error:
        return [job for job, _ in running.values() if is_pending(directory, job)], str(error)
    return [], ""


def is_pending(directory: StudyDirectory, job: Job) -> bool:
    """Whether this attempt at a run has no outcome."""
    outcome = directory.outcome(job.arm, job.seed)
    return outcome is None or outcome.attempts < job.attempt


def job_outcome(future: Future[Outcome], job: Job, directory: StudyDirectory) -> Outcome:
    """What a worker returned; a crash if a cluster lost the run with its workers."""
    try:
        return future.result()
    except (GanvasError, BrokenExecutor):
        raise
    except CancelledError as error:
        raise RunError("the cluster is gone, or cancelled the runs.") from error
    except Exception as error:  # dask's own: it tried several workers, and each died
        return record_lost_run(job, directory, str(error))


def record_lost_run(job: Job, directory: StudyDirectory, reason: str) -> Outcome:
    """Write the outcome of a run whose process died."""
    outcome = crash_outcome(job, directory, f"its process died, {reason}")
    directory.write_outcome(outcome)
    return outcome
