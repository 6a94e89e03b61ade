"""What a worker does with one run: train or resume it, score it, and write its outcome.

Workers are separate processes, on this machine or on a cluster. A job is small; everything else is
read from the study directory.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from ganvas import storage
from ganvas.devices import choose_device, reset_peak_memory
from ganvas.diagnosis import diagnose
from ganvas.errors import DataError, Diverged, Interrupted, Locked, RunError, Unhealthy
from ganvas.evaluation.evaluate import record_scores, reference_images
from ganvas.evaluation.extractor_choice import MAX_PIXEL_IMAGES
from ganvas.evaluation.failures import Failures
from ganvas.evaluation.measure import measure
from ganvas.extras import MissingExtra
from ganvas.generators.files import load
from ganvas.hub_files import WEIGHTS
from ganvas.metrics.names import parse_metrics
from ganvas.progress import Progress
from ganvas.recipes import count_weights
from ganvas.runs import Run
from ganvas.runs.directories import is_run
from ganvas.runs.history import TIMINGS, Record, records_with
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.outcome import Cost, Ending, Outcome, ScorePoint
from ganvas.terminal import tolerant_output
from ganvas.torch_state import cpu_threads
from ganvas.training.stop import cancel_stop, is_stop_requested, request_stop
from ganvas.training.trainer import resume, train

COLLAPSE = "mode-collapse"
"""The symptom that makes a run fail although it trained to its end."""

POLL_SECONDS = 0.5
"""How often the stop file is checked."""

LOCK_TIMEOUT = 60.0
"""Seconds to wait for the lock of a run: workers of a killed study may still be saving."""

_BUSY = threading.Event()
"""Set while this process does a run of a study."""

ENDED = ("finished", "diverged", "unhealthy")
"""Statuses of a run that is not trained any further."""


@dataclass(frozen=True)
class Job:
    """One run to do.

    study: the study's directory.
    data: path or name of the images.
    attempt: 1, or 2 for a run that crashed before.
    device: set when a worker takes the job.
    """

    study: Path
    arm: str
    seed: int
    data: str
    attempt: int
    device: str = "auto"


@tolerant_output()
def run_job(job: Job) -> Outcome:
    """Train or resume one run, score it, and write its outcome.

    Raises:
        Interrupted: the study was asked to stop; the run was saved.
        Locked: another process is writing the run.
        RunError: the disk is full, or the study's directory cannot be written.
        DataError: the images are missing or have changed.
        MissingExtra: a library is missing that reads the images.
    """
    directory = StudyDirectory.open(job.study)
    reset_peak_memory(choose_device(job.device))
    with stop_watcher(directory), cpu_threads(directory.plan.threads):
        try:
            outcome = train_and_score(job, directory)
        except (Interrupted, Locked, DataError, MissingExtra):
            raise
        except Exception as error:
            if storage.is_full(error):
                # Without training's advice to resume this one run: the study continues it.
                about = error.__cause__ if isinstance(error.__cause__, RunError) else error
                raise RunError(str(about)) from error
            first_line = (str(error).splitlines() or [""])[0]
            reason = f"{type(error).__name__}: {first_line}"
            trace = "".join(traceback.format_exception(error))
            outcome = crash_outcome(job, directory, reason, trace)
        directory.write_outcome(outcome)
    return outcome


@contextmanager
def stop_watcher(directory: StudyDirectory) -> Iterator[None]:
    """While entered, training in this process stops when the study is asked to stop."""
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(POLL_SECONDS):
            if directory.stop_file.exists():
                request_stop()

    cancel_stop()
    _BUSY.set()
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
        cancel_stop()
        _BUSY.clear()


def train_and_score(job: Job, directory: StudyDirectory) -> Outcome:
    """Train the run to its end, or resume it, and score it."""
    run = train_or_resume(job, directory)
    status = run.read_status()
    ending = cast("Ending", status.status)
    reason = status.reason
    scores: list[Record] = []
    unmeasured: Failures = {}
    if ending == "finished":
        scores, unmeasured = final_scores(run, job, directory)
        collapse = next((f for f in diagnose(run).findings if f.symptom == COLLAPSE), None)
        if collapse is not None and collapse.verdict == "failing":
            ending, reason = "collapsed", collapse.meaning
    return Outcome(
        arm=job.arm,
        seed=job.seed,
        ending=ending,
        reason=reason,
        images_seen=status.images_seen,
        scores={score["metric"]: score["value"] for score in scores},
        floors={score["metric"]: score["floor"] for score in scores},
        unmeasured=unmeasured,
        score_curve=score_curve(run, directory.study.scores[0]),
        cost=run_cost(run),
        attempts=job.attempt,
    )


def train_or_resume(job: Job, directory: StudyDirectory) -> Run:
    """Train the run of a job until it finishes or fails."""
    path = directory.run_path(job.arm, job.seed)
    deadline = time.monotonic() + LOCK_TIMEOUT

    def has_ended() -> bool:
        return is_run(path) and Run.open(path).read_status().status in ENDED

    while True:
        try:
            if not is_run(path):
                arm, images = directory.study.arm(job.arm), directory.plan.images[job.arm]
                recipe = directory.study.recipe_for(arm, images)
                train(recipe, job.data, path, seed=job.seed, device=job.device, quiet=True)
            elif not has_ended():
                resume(path, data=job.data, device=job.device, quiet=True)
        except (Diverged, Unhealthy):
            pass  # recorded in the run's status
        except Locked:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
            continue
        except RunError:
            # A run that was killed between its last checkpoint and its status is finished too.
            if not has_ended():
                raise
        return Run.open(path)


def final_scores(run: Run, job: Job, directory: StudyDirectory) -> tuple[list[Record], Failures]:
    """The study's scores of the run's last checkpoint, and why there is no score of some metric.

    Scores that exist already are kept.

    The samples have the run's seed, so arms are compared over the same latents.
    """
    study = directory.study
    recorded = recorded_scores(run, study.sample_count, job.seed)
    if set(study.scores) - {"high-quality"} <= recorded.keys():  # not every run has that one
        return list(recorded.values()), {}
    generator = load(run, job.device)
    prepared = reference_images(run, job.data, quiet=True)
    result = measure(
        generator,
        prepared,
        run.read_recipe().data,
        parse_metrics(study.metrics),
        study.sample_count,
        job.seed,
        InterruptibleFeedback(),
    )
    record_scores(run, result.scores, generator.images_seen, while_training=False)
    return [score.to_json() for score in result.scores], result.failures


def recorded_scores(run: Run, samples: int, seed: int) -> dict[str, Record]:
    """The final scores that the run has already, by full name."""
    last = run.read_status().images_seen
    return {
        score["metric"]: score
        for score in run.scores.records()
        if not score["while_training"]
        and score["images_seen"] == last
        and score["protocol"]["seed"] == seed
        and score["protocol"]["n_fake"] in (samples, MAX_PIXEL_IMAGES)
    }


class InterruptibleFeedback:
    """The feedback of an evaluation that ends when the study is asked to stop."""

    def progress(self, task: str) -> AbstractContextManager[Progress]:
        """See `interruptible_progress`."""
        return interruptible_progress(task)

    def message(self, text: str) -> None:
        """Nothing: the outcome of the run says what could not be measured."""

    def expect(self, text: str) -> None:
        """Nothing: the study shows its own remaining time."""


@contextmanager
def interruptible_progress(what: str) -> Iterator[Progress]:
    """A progress callback that raises `Interrupted` when the study is asked to stop."""

    def update(done: int, total: int) -> None:
        if is_stop_requested():
            raise Interrupted(f"stopped while {what}")

    yield update


def crash_outcome(job: Job, directory: StudyDirectory, reason: str, trace: str = "") -> Outcome:
    """The outcome of a run that ended with an error, or whose process died."""
    newest = Run(directory.run_path(job.arm, job.seed)).history.last_record()
    return Outcome(
        arm=job.arm,
        seed=job.seed,
        ending="crashed",
        reason=reason,
        images_seen=int(newest["images_seen"]) if newest else 0,
        scores={},
        floors={},
        attempts=job.attempt,
        trace=trace,
    )


def score_curve(run: Run, deciding: str) -> tuple[ScorePoint, ...]:
    """The deciding score while training, with the seconds of training before each."""
    clock = training_clock(run.history.records())
    return tuple(
        ScorePoint(
            images_seen=score["images_seen"],
            seconds=training_seconds_at(score["images_seen"], clock),
            value=score["value"],
        )
        for score in run.scores.records()
        if score["while_training"] and score["metric"] == deciding
    )


def training_clock(history: list[Record]) -> dict[int, float]:
    """Seconds of training at each record of a history, by images seen.

    Computed from the rates, because the history's own seconds include evaluations.
    """
    clock: dict[int, float] = {}
    previous, seconds = 0, 0.0
    for line in records_with(history, "images_per_second"):
        seen, rate = line["images_seen"], line["images_per_second"]
        seconds += (seen - previous) / rate if rate > 0 else 0.0
        clock[seen], previous = round(seconds, 3), seen
    return clock


def training_seconds_at(images_seen: int, clock: dict[int, float]) -> float:
    """Seconds of training at `images_seen`, interpolated between two records of the history."""
    images, seconds = [0, *clock], [0.0, *clock.values()]
    return round(float(np.interp(images_seen, images, seconds)), 3)


def run_cost(run: Run) -> Cost | None:
    """What a run cost; None without a record in its history."""
    history = records_with(run.history.records(), *TIMINGS)
    if not history:
        return None
    clock = training_clock(history)
    images, seconds = max(clock), max(clock.values())
    recipe = run.read_recipe()
    data = run.read_data()
    shape = recipe.image_shape(data["shape"]["channels"])
    generator_weights, discriminator_weights = count_weights(recipe, shape, len(data["labels"]))
    model = run.generator_directory / WEIGHTS
    return Cost(
        training_seconds=round(seconds, 1),
        images_per_second=round(images / seconds, 1) if seconds else 0.0,
        memory_mb=max(line["memory_mb"] for line in history),
        generator_weights=generator_weights,
        discriminator_weights=discriminator_weights,
        generator_bytes=model.stat().st_size if model.exists() else 0,
    )


def exit_with_parent() -> None:
    """Start a thread that ends this process when its parent process is gone.

    A run in progress is saved first, so that the next start finds no lock. Without this, a worker
    that waits for jobs would wait for ever.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        request_stop()
        deadline = time.monotonic() + LOCK_TIMEOUT
        while _BUSY.is_set() and time.monotonic() < deadline:
            request_stop()  # again: a run that has just begun clears the request
            time.sleep(POLL_SECONDS / 10)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
