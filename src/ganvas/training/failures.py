"""What ends training before its budget, and the messages: a signal, a lost process, divergence,
failing health, a lack of memory or of room on the disk."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from ganvas.command_line import ganvas_command
from ganvas.data.prepared import PreparedData
from ganvas.errors import (
    Diverged,
    GanvasError,
    Interrupted,
    OutOfMemory,
    RankLost,
    RunError,
    Unhealthy,
)
from ganvas.notebook import in_notebook
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.storage import is_full
from ganvas.training.batch_size import BatchSizeFinder, ran_out
from ganvas.training.monitor import HealthMonitor
from ganvas.training.state import TrainState


def interrupted_error(run: Run, state: TrainState) -> Interrupted:
    """The error of a run that was stopped on request."""
    return Interrupted(
        f"saved at {state.images_seen:,} images; newest samples: "
        f"{run.sample_path(state.images_seen)}; "
        f"go on with: {resume_command(run)}"
    )


def resume_command(run: Run) -> str:
    """What resumes a run: a command, or in a notebook a line of Python."""
    if in_notebook():
        return f"run = ganvas.resume({str(run.directory)!r})"
    return ganvas_command("resume", run.directory)


def rank_lost_error(run: Run, error: RankLost) -> RankLost:
    """The error of a run that has lost one of its processes."""
    return RankLost(
        f"{error}, and the run ends at its last checkpoint. Continue it with any number of "
        f"processes: {ganvas_command('resume', run.directory)}"
    )


@contextmanager
def report_divergence(run: Run, state: TrainState) -> Iterator[None]:
    """After a divergence inside, write the status and say what usually helps.

    Raises:
        Diverged: naming the last good checkpoint.
    """
    images_seen = state.images_seen
    try:
        yield
    except Diverged as error:
        if not state.processes.is_main:
            raise
        run.write_status("diverged", images_seen, str(error))
        paths = run.checkpoint_paths()
        checkpoint = (
            f"The last good checkpoint is {paths[-1]}." if paths else "There is no checkpoint yet."
        )
        raise Diverged(
            f"training stopped at {images_seen:,} images: {error}. {checkpoint} Usual cause: a "
            "learning rate too high for this loss and its penalties. Start a new run in another "
            "folder (--out), with half the discriminator.learning_rate and generator.learning_rate "
            "(--discriminator.learning-rate, --generator.learning-rate)"
        ) from error


def unhealthy_error(run: Run, monitor: HealthMonitor | None, images_seen: int) -> Unhealthy:
    """Write the status of a run whose health fails, and return the error."""
    if monitor is None:
        return Unhealthy("health fails; process 0 prints the reason")
    first = next(finding for finding in monitor.findings if finding.verdict == "failing")
    change = first.advice[0]
    fields = " and ".join(part.field for part in change.parts)
    reason = f"{first.symptom}: {first.meaning}"
    run.write_status("unhealthy", images_seen, reason)
    healthy = run.last_healthy_checkpoint()
    checkpoint = (
        "There is no healthy checkpoint yet."
        if healthy is None
        else f"The last healthy checkpoint is {run.checkpoint_path(healthy)}."
    )
    return Unhealthy(
        f"training was stopped at {images_seen:,} images, {reason} {checkpoint} "
        f"Try {change.flag} (in recipes {fields}). The whole diagnosis: "
        f"{ganvas_command('diagnose', run.directory)}"
    )


@contextmanager
def report_full_disk(run: Run) -> Iterator[None]:
    """If the disk is full inside, say how to go on once it is not.

    Raises:
        RunError: instead of the one about the file.
    """
    try:
        yield
    except RunError as error:
        if not is_full(error):
            raise
        then = "go on with" if run.checkpoint_paths() else "train from the start, in the same run"
        raise RunError(f"{error} Then {then}: {resume_command(run)}") from error


@contextmanager
def report_unsaved(run: Run) -> Iterator[None]:
    """If training is interrupted inside without being saved, say from where it resumes.

    Raises:
        KeyboardInterrupt: with that message in place of none; the same if no checkpoint was saved
            yet, or if another error is the cause.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        paths = run.checkpoint_paths()
        if isinstance(stop.__context__, GanvasError) or not paths:
            raise
        raise KeyboardInterrupt(
            "interrupted before the run could be saved. Its last checkpoint is at "
            f"{int(paths[-1].stem):,} images; go on from there with: {resume_command(run)}"
        ) from stop


@contextmanager
def report_out_of_memory(recipe: Recipe, data: PreparedData, state: TrainState) -> Iterator[None]:
    """If memory runs out inside, name the largest batch that fits.

    Raises:
        OutOfMemory: instead of torch's or Python's error; the state cannot be used afterwards.
    """
    try:
        yield
        return
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        reason = (str(error) or "no memory left").splitlines()[0]
        traceback.clear_frames(error.__traceback__)  # frames keep the failed step's tensors alive
    finder = BatchSizeFinder(
        data, state.device, state.processes.size, "auto" if state.engine.captures else "off"
    )
    state.release_memory()
    other_cause = (
        "A step alone does fit, so something else took the memory: the scores while training, or "
        "another program. "
        if finder.fits(recipe)
        else ""
    )
    largest = finder.largest_batch(recipe)
    advice = (
        f"The largest smaller batch that was found to fit is {largest.batch}: start again with "
        f"{batch_flags(largest)}"
        if largest
        else "No smaller batch fits either: start again with a smaller size or network width"
    )
    raise OutOfMemory(
        f"out of memory with batches of {recipe.batch} on {state.device} ({reason}). "
        f"{other_cause}{advice}"
    )


def batch_flags(recipe: Recipe) -> str:
    """A recipe's batch sizes as flags of the command line and as arguments in Python."""
    own = recipe.generator_batch
    flags = f"--batch {recipe.batch}" + (f" --generator-batch {own}" if own else "")
    fields = f"batch={recipe.batch}" + (f", generator_batch={own}" if own else "")
    return f"{flags} (in Python: {fields})"
