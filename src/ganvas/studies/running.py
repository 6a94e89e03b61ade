"""How a study is run: planned, started or gone on with, and what is left of it worked off.

Read `compare` first: it is the story.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Future,
    wait,
)
from pathlib import Path
from typing import Any, NamedTuple

from ganvas.data.preparation import PreparedData
from ganvas.data.sources import source_exists
from ganvas.devices import choose_device, describe_environment
from ganvas.errors import (
    DataError,
    GanvasError,
    Interrupted,
    RecipeError,
    RunError,
    StudyError,
)
from ganvas.runs.data import describe_data, prepare_for, prepare_images
from ganvas.runs.places import is_study
from ganvas.studies.directory import StudyDirectory, refuse_occupied
from ganvas.studies.display import StudyDisplay
from ganvas.studies.executors import WorkerPool, dask_pool, local_pool
from ganvas.studies.outcome import Outcome
from ganvas.studies.plan import Plan
from ganvas.studies.planning import SECONDS_BETWEEN_LOOKS, make_plan
from ganvas.studies.reading import check_study, load_study
from ganvas.studies.results import StudyResults, write_results
from ganvas.studies.study import Study
from ganvas.studies.worker import Job, images_seen, run_job

MOST_ATTEMPTS = 2
"""A run that crashed is tried once more when the study is gone on with."""

NOTHING = "nothing"
"""In the place of a value that one of two studies does not have."""


def compare(
    study: Study | str | Path,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    dask: str | None = None,
    quiet: bool = False,
) -> StudyResults:
    """Train every arm of a study with every seed, score the runs, and say which arm is better.

    A study that was killed or stopped goes on where it was: give the same study again, or its
    directory. Runs that ended are never done again, but for those that crashed, once. More seeds
    than before are added to those that there are.

    Worker processes are spawned, so a script that calls this needs `if __name__ == "__main__":`.

    Args:
        study: what to compare; or its .toml or .json file; or the directory of one to go on with.
        out: the study directory; None makes studies/BASE-DATA.
        workers: how many runs at a time on this machine; by default one for each core or GPU.
        dask: address of a dask scheduler whose workers do the runs, and see the same files.
        quiet: print nothing.

    Raises:
        StudyError: with everything wrong in any arm, before anything runs; or the directory holds
            another study.
        DataError: images that cannot be used, or that changed since the study was started.
        RunError: the directory cannot be used, or the disk is full; the study can be gone on with.
        Interrupted: by Ctrl-C; every run was saved.
    """
    display = StudyDisplay(quiet)
    place = locate(study, out, quiet)
    directory = place.directory
    if directory is None:
        plan = planned(place, workers, dask, display)
        display.plan(place.study, plan)
        environment = describe_environment(choose_device("auto"))
        directory = StudyDirectory.create(
            place.path, place.study, plan, describe_data(place.prepared), environment
        )
    with directory.lock():
        directory = directory.with_seeds(place.study.seeds)
        try:
            run_pending(directory, place.prepared, workers, dask, display)
        finally:
            results = write_results(directory.path)
    display.results(results)
    return results


def plan_study(
    study: Study | str | Path,
    out: str | Path | None = None,
    *,
    workers: int | None = None,
    dask: str | None = None,
    quiet: bool = False,
) -> Plan:
    """What `compare` would do, by a short trial of every arm; nothing is trained or written.

    Of a study that was started already, the plan that it was started with. Arguments and errors are
    those of `compare`.
    """
    display = StudyDisplay(quiet)
    place = locate(study, out, quiet)
    plan = (
        planned(place, workers, dask, display) if place.directory is None else place.directory.plan
    )
    display.plan(place.study, plan)
    return plan


class Place(NamedTuple):
    """Which study, where it lies or will, and its images.

    directory: None where it is to be started.
    """

    study: Study
    path: Path
    prepared: PreparedData
    directory: StudyDirectory | None


def locate(study: Study | str | Path, out: str | Path | None, quiet: bool) -> Place:
    """Find what is asked for, and refuse what cannot be right."""
    if isinstance(study, str | Path) and Path(study).suffix not in (".toml", ".json"):
        directory = StudyDirectory.open(study)
        location = directory.data["location"]
        if not source_exists(location):
            raise DataError(
                f"the images of {study} are no longer at {location}. "
                f"Say where they are: ganvas compare {study} --data PATH"
            )
        prepared = prepare_images(directory.study.base.data, location, quiet)
        check_data_unchanged(directory, prepared)
        return Place(directory.study, directory.path, prepared, directory)
    asked = check_study(study) if isinstance(study, Study) else load_study(Path(study))
    prepared = prepare_images(asked.base.data, asked.data, quiet)
    path = Path(out) if out is not None else Path("studies") / f"{asked.base.name}-{prepared.name}"
    if not is_study(path):
        refuse_occupied(path)
        largest = max((arm.recipe for arm in asked.all_arms), key=lambda recipe: recipe.batch)
        prepare_for(largest, asked.data, quiet)  # are there enough images for every batch?
        return Place(asked, path, prepared, None)
    directory = StudyDirectory.open(path)
    check_same_study(directory, asked)
    check_data_unchanged(directory, prepared)
    return Place(asked, path, prepared, directory)


def check_data_unchanged(directory: StudyDirectory, prepared: PreparedData) -> None:
    """Raise a `DataError` unless the images are those that the study was started with."""
    if prepared.fingerprint != directory.data["fingerprint"]:
        raise DataError(
            f"{prepared.location} holds other images than {directory.path} was started with. "
            "Put the old ones back, name their place as data (--data), or start a new study in "
            "another folder (--out)"
        )


def check_same_study(directory: StudyDirectory, asked: Study) -> None:
    """Raise a `StudyError` unless the directory holds this study, perhaps with fewer seeds."""
    there, here = leaves(directory.study), leaves(asked)
    if asked.seeds >= directory.study.seeds:
        del there["seeds"], here["seeds"]
    elif there | {"seeds": here["seeds"]} == here:
        text = (
            f"seeds: {directory.study.seeds} there, {asked.seeds} asked for: they can be added, "
            "not taken away. For fewer, start a new study in another folder (--out)"
        )
        raise StudyError([text], str(directory.path))
    names = list(dict.fromkeys([*there, *here]))
    other = [name for name in names if there.get(name, NOTHING) != here.get(name, NOTHING)]
    if not other:
        return
    path = directory.path
    arms = [[arm.name for arm in study.all_arms] for study in (directory.study, asked)]
    if arms[0] != arms[1]:
        what = f" of {', '.join(arms[0])}, where this one is of {', '.join(arms[1])}"
    else:
        first = other[0]
        what = f" ({first}: {there.get(first, NOTHING)} there, {here.get(first, NOTHING)} now"
        what += f"; and {len(other) - 1} more)" if len(other) > 1 else ")"
    raise StudyError(
        [
            f"holds another study{what}. Choose another folder as out (--out). "
            f"To go on with the other: ganvas compare {path}"
        ],
        str(path),
    )


def leaves(study: Study) -> dict[str, Any]:
    """Every plain value of a study but where its data lies, by a name with dots."""
    found: dict[str, Any] = {}

    def collect(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                collect(f"{prefix}.{key}" if prefix else key, inner)
        else:
            found[prefix] = value

    table = study.to_table()
    del table["data"]
    table["arms"] = {arm["name"]: arm for arm in table["arms"]}
    collect("", table)
    return found


def make_pool(runs: int, workers: int | None, dask: str | None) -> WorkerPool:
    """Those who do so many runs."""
    return local_pool(runs, workers) if dask is None else dask_pool(dask, runs)


def planned(place: Place, workers: int | None, dask: str | None, display: StudyDisplay) -> Plan:
    """The plan of a study that is not there yet, made by those who will do its runs."""
    pool = make_pool(place.study.seeds * len(place.study.all_arms), workers, dask)
    return make_plan(place.study, place.prepared, pool, display)


def run_pending(
    directory: StudyDirectory,
    prepared: PreparedData,
    workers: int | None,
    dask: str | None,
    display: StudyDisplay,
) -> None:
    """Do what is left of a study; call this with the lock held.

    Raises:
        Interrupted, RunError, DataError: as `compare`.
    """
    directory.stop_file.unlink(missing_ok=True)
    jobs = pending_jobs(directory, prepared)
    display.begin(directory, jobs)
    if not jobs:
        return
    pool = make_pool(len(jobs), workers, dask)
    todo = deque(jobs)
    suspects: deque[Job] = deque()
    try:
        with display.live:
            while todo or suspects:
                # What was at work when a process died is done again one by one, to see which it is.
                queue, at_a_time = (suspects, 1) if suspects else (todo, pool.workers)
                lost = run_queue(queue, at_a_time, pool, directory, display)
                if len(lost) == 1:
                    display.ended(record_lost_run(lost[0], directory, "for want of memory perhaps"))
                else:
                    suspects += lost
    except KeyboardInterrupt:
        done = len(directory.outcomes())
        raise Interrupted(
            f"stopped with {done} of {len(directory.pairs())} runs done; those under way were "
            f"saved. Go on with: ganvas compare {directory.path}"
        ) from None


def pending_jobs(directory: StudyDirectory, prepared: PreparedData) -> list[Job]:
    """What is still to be done, in order."""
    jobs = []
    for arm, seed in directory.pairs():
        outcome = directory.outcome(arm, seed)
        attempt = 1 if outcome is None else outcome.attempts + 1
        again = outcome is not None and outcome.ending == "crashed" and attempt <= MOST_ATTEMPTS
        if outcome is None or again:
            jobs.append(Job(directory.path.absolute(), arm, seed, prepared.location, attempt))
    return jobs


def run_queue(
    queue: deque[Job],
    at_a_time: int,
    pool: WorkerPool,
    directory: StudyDirectory,
    display: StudyDisplay,
) -> list[Job]:
    """Do the jobs of a queue, so many at a time. Returns those at work when a process died."""
    running: dict[Future[Outcome], tuple[Job, int]] = {}
    free = list(range(at_a_time))
    with pool.make_executor(at_a_time, directory.plan.threads) as executor:
        try:
            while queue or running:
                while queue and free:
                    job = dataclasses.replace(queue[0], device=pool.device(free[-1]))
                    running[executor.submit(run_job, job)] = (job, free[-1])
                    queue.popleft()
                    free.pop()
                done, _ = wait(running, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                for future in done:
                    display.ended(job_outcome(future, running[future][0], directory))
                    free.append(running.pop(future)[1])
                display.update([job for job, _ in running.values()])
        except BrokenExecutor:
            return [job for job, _ in running.values() if is_pending(directory, job)]
        except GanvasError as error:
            directory.ask_to_stop()
            kind = GanvasError if isinstance(error, RecipeError) else type(error)
            raise kind(f"{error}\nGo on with: ganvas compare {directory.path}") from error
        except BaseException as error:
            directory.ask_to_stop()
            if isinstance(error, KeyboardInterrupt):
                display.say("stopping: the runs under way are saved first")
            raise
    return []


def is_pending(directory: StudyDirectory, job: Job) -> bool:
    """Whether this attempt at a run has no outcome."""
    outcome = directory.outcome(job.arm, job.seed)
    return outcome is None or outcome.attempts < job.attempt


def job_outcome(future: Future[Outcome], job: Job, directory: StudyDirectory) -> Outcome:
    """What a worker returned; a crash where a cluster lost the run with its workers."""
    try:
        return future.result()
    except (GanvasError, BrokenExecutor):
        raise
    except CancelledError as error:
        raise RunError("the cluster is gone, or gave the runs up.") from error
    except Exception as error:  # of dask's own: it tried several workers, and each died
        return record_lost_run(job, directory, str(error))


def record_lost_run(job: Job, directory: StudyDirectory, why: str) -> Outcome:
    """Write down that a run's process died."""
    outcome = Outcome(
        arm=job.arm,
        seed=job.seed,
        ending="crashed",
        reason=f"its process died, {why}",
        images_seen=images_seen(directory.run_path(job.arm, job.seed)),
        scores={},
        floors={},
        attempts=job.attempt,
    )
    directory.write_outcome(outcome)
    return outcome
