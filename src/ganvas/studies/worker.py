"""What a worker does: one run, from wherever it stands to its outcome; or a short trial of an arm.

Runs in processes of their own, on this machine or on a cluster, so what is handed over is small,
and all else is read from the study directory.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ganvas import storage
from ganvas.data.reading import Progress
from ganvas.devices import choose_device, forget_peak_memory
from ganvas.diagnosis import diagnose
from ganvas.errors import DataError, Diverged, Interrupted, Locked, RunError, Unhealthy
from ganvas.evaluation.evaluate import record_scores, reference_images
from ganvas.evaluation.measure import MAX_PIXEL_IMAGES, measure
from ganvas.metrics.names import parse_metrics
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.runs.places import is_run
from ganvas.sampling import load
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.outcome import Cost, Ending, Outcome, ScorePoint
from ganvas.training.stop import ask_to_stop, asked_to_stop, take_back
from ganvas.training.trainer import resume, train

COLLAPSE = "mode-collapse"
"""The symptom that makes a failure of a run that trained to its end."""

SECONDS_BETWEEN_LOOKS = 0.5
"""At the stop file, and at whether the parent process still lives."""

PATIENCE = 60.0
"""Seconds to wait for the lock of a run: workers of a killed study may still be saving."""

_AT_WORK = threading.Event()
"""Set while this process does a run of a study."""

DONE = ("finished", "diverged", "unhealthy")
"""Statuses of a run that is not trained any further."""


@dataclass(frozen=True)
class Job:
    """One run to be done.

    study: the study's directory.
    data: where its images are.
    attempt: 1, or 2 for a run that crashed before.
    device: chosen when a worker takes it.
    """

    study: Path
    arm: str
    seed: int
    data: str
    attempt: int
    device: str = "auto"


def run_job(job: Job) -> Outcome:
    """Train or resume one run, score it, and write its outcome.

    Raises:
        Interrupted: the study was asked to stop; the run was saved.
        Locked: another process writes the run, and does not end.
        RunError: the disk is full, or the study's directory cannot be written.
        DataError: the images are gone or have changed.
    """
    directory = StudyDirectory.open(job.study)
    torch.set_num_threads(directory.plan.threads)
    forget_peak_memory(choose_device(job.device))
    with stop_watcher(directory):
        try:
            outcome = run_outcome(job, directory)
        except (Interrupted, Locked, DataError):
            raise
        except Exception as error:
            if storage.is_full(error):
                raise RunError(str(error)) from error
            outcome = crash_outcome(job, directory, error)
        directory.write_outcome(outcome)
    return outcome


@contextmanager
def stop_watcher(directory: StudyDirectory) -> Iterator[None]:
    """While entered, training in this process stops when the study is asked to."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(SECONDS_BETWEEN_LOOKS):
            if directory.stop_file.exists():
                ask_to_stop()

    take_back()
    _AT_WORK.set()
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        take_back()
        _AT_WORK.clear()


def run_outcome(job: Job, directory: StudyDirectory) -> Outcome:
    """Do what is left to do of one run."""
    path = directory.run_path(job.arm, job.seed)
    run = train_or_resume(job, directory, path)
    status = run.read_status()
    ending: Ending = status["status"]
    reason = status.get("reason", "")
    scores: list[Record] = []
    if ending == "finished":
        scores = final_scores(run, job, directory)
        collapse = [f for f in diagnose(run).findings if f.symptom == COLLAPSE]
        if collapse and collapse[0].verdict == "failing":
            ending, reason = "collapsed", collapse[0].meaning
    return Outcome(
        arm=job.arm,
        seed=job.seed,
        ending=ending,
        reason=reason,
        images_seen=status["images_seen"],
        scores={score["metric"]: score["value"] for score in scores},
        floors={score["metric"]: score["floor"] for score in scores},
        score_curve=score_curve(run, directory.study.scores[0]),
        cost=run_cost(run),
        attempts=job.attempt,
    )


def train_or_resume(job: Job, directory: StudyDirectory, path: Path) -> Run:
    """The run, trained as far as it goes."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            if not is_run(path):
                recipe = directory.study.recipe_for(
                    directory.study.arm(job.arm), directory.plan.images[job.arm]
                )
                train(recipe, job.data, path, seed=job.seed, device=job.device, quiet=True)
            elif Run.open(path).read_status()["status"] not in DONE:
                resume(path, data=job.data, device=job.device, quiet=True)
        except (Diverged, Unhealthy):
            pass  # the run's status says so
        except Locked:
            if time.monotonic() > until:
                raise
            time.sleep(SECONDS_BETWEEN_LOOKS)
            continue
        except RunError:
            # Killed between the last checkpoint and its status: it was finished all the same.
            if not is_run(path) or Run.open(path).read_status()["status"] not in DONE:
                raise
        return Run.open(path)


def final_scores(run: Run, job: Job, directory: StudyDirectory) -> list[Record]:
    """The study's scores of the run's last checkpoint; made once, however often it is killed.

    The seed of the samples is the run's, so arms are compared over the same latents.
    """
    study = directory.study
    asked = parse_metrics(study.metrics)
    there = recorded_scores(run, study.samples, job.seed)
    if set(study.scores) - {"high-quality"} <= there.keys():  # that one is not always there
        return list(there.values())
    generator = load(run, job.device)
    prepared = reference_images(run, job.data, quiet=True)
    scores = measure(
        generator,
        prepared,
        run.read_recipe().data,
        asked,
        study.samples,
        job.seed,
        interruptible_progress,
    )
    record_scores(run, scores, generator.images_seen, while_training=False)
    return [score.to_json() for score in scores]


def recorded_scores(run: Run, samples: int, seed: int) -> dict[str, Record]:
    """The final scores that are written down already, by full name."""
    last = run.read_status()["images_seen"]
    return {
        score["metric"]: score
        for score in run.scores.records()
        if not score["while_training"]
        and score["images_seen"] == last
        and score["protocol"]["seed"] == seed
        and score["protocol"]["n_fake"] in (samples, MAX_PIXEL_IMAGES)
    }


@contextmanager
def interruptible_progress(what: str) -> Iterator[Progress]:
    """In the place of a progress bar: it ends the work when the study is asked to stop."""

    def look(done: int, total: int) -> None:
        if asked_to_stop():
            raise Interrupted(f"stopped while {what}")

    yield look


def crash_outcome(job: Job, directory: StudyDirectory, error: Exception) -> Outcome:
    """The outcome of a run that ended with an error of its own."""
    run_path = directory.run_path(job.arm, job.seed)
    first_line = (str(error).splitlines() or [""])[0]
    return Outcome(
        arm=job.arm,
        seed=job.seed,
        ending="crashed",
        reason=f"{type(error).__name__}: {first_line}",
        images_seen=images_seen(run_path),
        scores={},
        floors={},
        attempts=job.attempt,
        trace="".join(traceback.format_exception(error)),
    )


def images_seen(run_path: Path) -> int:
    """How far a run has come by its history, be it written just now; 0 before it began."""
    newest = Run(run_path).history.newest()
    return int(newest["images_seen"]) if newest else 0


def score_curve(run: Run, deciding: str) -> tuple[ScorePoint, ...]:
    """The deciding score while training, with the seconds of training until then."""
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

    By the rates, since the history's own seconds hold the evaluations too.
    """
    clock: dict[int, float] = {}
    before, seconds = 0, 0.0
    for line in history:
        seen, rate = line["images_seen"], line["images_per_second"]
        seconds += (seen - before) / rate if rate > 0 else 0.0
        clock[seen], before = round(seconds, 3), seen
    return clock


def training_seconds_at(images_seen: int, clock: dict[int, float]) -> float:
    """Seconds of training until a moment, which mostly lies between two records of the history."""
    images, seconds = [0, *clock], [0.0, *clock.values()]
    return round(float(np.interp(images_seen, images, seconds)), 3)


def run_cost(run: Run) -> Cost | None:
    """What a run took; None where it has no record."""
    history = run.history.records()
    if not history:
        return None
    clock = training_clock(history)
    images, seconds = max(clock), max(clock.values())
    recipe = run.read_recipe()
    shape = recipe.image_shape(run.read_data()["shape"]["channels"])
    networks = recipe.architecture.build_packed(shape, recipe.latent_dim, recipe.objective.pac)
    weights = [sum(w.numel() for w in network.parameters()) for network in networks]
    model = run.generator_directory / "model.safetensors"
    return Cost(
        training_seconds=round(seconds, 1),
        images_per_second=round(images / seconds, 1) if seconds else 0.0,
        memory_mb=max(line["memory_mb"] for line in history),
        generator_weights=weights[0],
        discriminator_weights=weights[1],
        generator_bytes=model.stat().st_size if model.exists() else 0,
    )


def exit_with_parent() -> None:
    """Start a thread that ends this process when the one that started it is gone.

    What trains is saved first, so that the next start finds no lock; a worker that waits for work
    would otherwise wait for ever.
    """
    parent = os.getppid()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        ask_to_stop()
        until = time.monotonic() + PATIENCE
        while _AT_WORK.is_set() and time.monotonic() < until:
            ask_to_stop()  # again: a run that was just begun has taken it back
            time.sleep(SECONDS_BETWEEN_LOOKS / 10)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()
