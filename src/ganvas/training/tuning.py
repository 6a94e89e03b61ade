"""`--tune`: a run's first images, trained with several values; the run continues from the best.

Every candidate is a run in RUN/tuning/N, the first part of what the whole run would be with its
value. The chosen one's files become those of the run, which is then resumed as any other. What is
done is in RUN/tuning.json after every candidate, so a kill repeats none, and nothing changes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch

from ganvas import json_files, storage, tensor_file
from ganvas.command_line import ganvas_command
from ganvas.data.prepared import PreparedData
from ganvas.diagnosis import diagnose
from ganvas.errors import Diverged, Interrupted, RankLost, Unhealthy
from ganvas.evaluation.checks import check_held_out
from ganvas.evaluation.extractor_choice import unavailable_metrics
from ganvas.evaluation.failures import instead_lines
from ganvas.evaluation.measure import measure
from ganvas.generators.files import generator_in_training
from ganvas.metrics.names import parse_metrics
from ganvas.processes import ProcessGroup
from ganvas.progress import Progress, no_progress
from ganvas.recipes import Recipe
from ganvas.runs import Run
from ganvas.runs.file_names import DATA_JSON, ENVIRONMENT_JSON, RECIPE_JSON, STATUS_JSON
from ganvas.runs.tuning import CandidateOutcome, Tuning, candidate_directory, read_tuning
from ganvas.training.candidates import OWN, choose_candidate, recipe_of, with_values
from ganvas.training.display import Display
from ganvas.training.distributed import check_batch_norm_samples, run_lock
from ganvas.training.failures import rank_lost_error, report_out_of_memory, resume_command
from ganvas.training.grids import remove_interruption_grid
from ganvas.training.listeners import Listener, Listeners
from ganvas.training.loop import fit
from ganvas.training.monitor import HealthMonitor
from ganvas.training.restore import restore_newest
from ganvas.training.run_files import RunFiles
from ganvas.training.scoring import ScoringFeedback
from ganvas.training.state import TrainState

EARLY_METRICS = ("fd-lite0", "swd")
"""The first that can be measured gives the early score; of both, less is better."""
OWN_FILES = {RECIPE_JSON, ENVIRONMENT_JSON, DATA_JSON, STATUS_JSON, ".lock"}
"""Files of a candidate that the run which continues from it has itself."""


def early_metric(recipe: Recipe, data: PreparedData) -> tuple[str | None, tuple[str, ...]]:
    """The metric of the early score; None where none can be measured, as for points.

    Returns:
        The metric, and a line if it serves in place of the usual one.

    Raises:
        DataError: too few images are held out to score samples.
    """
    names = parse_metrics(EARLY_METRICS)
    failures = unavailable_metrics(names, data, recipe.evaluation.samples)
    metric = next((metric for metric in names if metric.name not in failures), None)
    if metric is None:
        return None, ()
    check_held_out(data, recipe.data.held_out)
    return metric.name, instead_lines(metric.name, failures)


def is_tuning(run: Run) -> bool:
    """Whether a run is still trying values."""
    tuning = read_tuning(run.directory)
    return tuning is not None and tuning.chosen is None


@dataclass(frozen=True)
class Candidates:
    """The candidates of a run, and what is needed to train and score them."""

    run: Run
    data: PreparedData
    device: torch.device
    processes: ProcessGroup
    display: Display

    def tune(self) -> None:
        """Train all that are not trained yet, and let the run begin as the best of them.

        Every process calls it; the first has the lock of the run. A run that is killed inside
        continues here, and nothing that is done is done again.

        Raises:
            Unhealthy: every value is dropped.
            Interrupted: a signal asked to stop.
            RankLost: another process is gone.
        """
        with reporting_ends(self.run, self.processes):
            recipe, tuning = self.run.read_recipe(), read_tuning(self.run.directory)
            assert tuning is not None
            self.display.message(tuning.headline)
            tuning = choose_candidate(self._try_all(recipe, tuning))
            if tuning.chosen is None:
                raise all_fail(self.run, tuning, self.processes)
            if self.processes.is_main:
                copy_records(candidate_run(self.run, tuning.chosen), self.run)
                self.run.write_recipe(with_values(recipe, tuning.candidates[tuning.chosen]))
                self.run.write_status("running", tuning.images)
                tuning.write(self.run.directory)  # last: now it is a run like any other
            self.processes.barrier()
            self.display.message(f"  {tuning.conclusion}")

    def _try_all(self, recipe: Recipe, tuning: Tuning) -> Tuning:
        """The tuning with all outcomes; each is written, and said, when it is known."""
        for index, candidate in enumerate(tuning.candidates):
            if candidate.outcome is None:
                own = recipe_of(candidate, tuning, recipe)
                outcome = self._train(candidate_run(self.run, index), own, tuning.metric)
                tuning = tuning.with_outcome(index, outcome)
                if self.processes.is_main:
                    tuning.write(self.run.directory)
            self.display.message(f"  {tuning.line(tuning.candidates[index])}")
        return tuning

    def _train(self, run: Run, recipe: Recipe, metric: str | None) -> CandidateOutcome:
        """Train a candidate, or what is left of it, and score it; also one that diverges."""
        if self.processes.is_main and not run.directory.exists():
            make_candidate(run, recipe, self.run)
        self.processes.barrier()
        with run_lock(run, self.processes):
            state, _ = restore_newest(run, recipe, self.data, self.device, self.processes)
            check_batch_norm_samples(recipe, state)
            with suppress(Diverged), report_out_of_memory(recipe, self.data, state):
                if state.images_seen < recipe.images:
                    self._fit(run, recipe, state)
            outcome = self._outcome_of(run, recipe, state, metric)
            state.release_memory()
        return outcome

    def _fit(self, run: Run, recipe: Recipe, state: TrainState) -> None:
        """Train a candidate to its end."""
        listeners, monitor = Listeners(), None
        if self.processes.is_main:
            remove_interruption_grid(run, recipe, state)
            run.delete_records_after(state.images_seen)
            run.write_status("running", state.images_seen)
            live = LiveLine(self.display, f"tuning, value {run.directory.name}", recipe.images)
            listeners = Listeners(RunFiles(run, recipe), live)
            monitor = HealthMonitor(run, recipe, self.data, state)
        fit(run, recipe, state, self.data, listeners, monitor)

    def _outcome_of(
        self, run: Run, recipe: Recipe, state: TrainState, metric: str | None
    ) -> CandidateOutcome:
        """What health says of a trained candidate; and its score, unless it is dropped."""
        table = self.processes.broadcast_object(lambda: json_files.to_plain(verdict_on(run)))
        outcome = json_files.from_plain(CandidateOutcome, table)
        if outcome.is_dropped or metric is None:
            return outcome
        generator = generator_in_training(recipe, state.ema, self.data, state.images_seen)
        with self.display.active():
            result = measure(
                generator,
                self.data,
                recipe.data,
                parse_metrics(metric),
                recipe.evaluation.samples,
                state.seed,
                ScoringFeedback(self.display),
                self.processes,
            )
        score = self.processes.broadcast_object(
            lambda: next((score.value for score in result.scores), None)
        )
        return dataclasses.replace(outcome, score=score)


class LiveLine(Listener):
    """Shows in the live line how far a candidate is, and prints nothing."""

    def __init__(self, display: Display, name: str, images: int) -> None:
        self._display, self._name, self._images = display, name, images
        self._advance: Progress = no_progress

    @contextmanager
    def active(self) -> Iterator[None]:
        with self._display.active(), self._display.progress(self._name) as self._advance:
            yield

    def step(self, state: TrainState) -> None:
        self._advance(state.images_seen, self._images)

    @contextmanager
    def progress(self, task: str) -> Iterator[Progress]:
        with self._display.progress(f"{self._name}, {task}") as advance:
            yield advance


def verdict_on(run: Run) -> CandidateOutcome:
    """What the files of a trained candidate say of its health."""
    status = run.read_status()
    if status.status == "diverged":
        return CandidateOutcome("diverged", (f"{status.reason}.",))
    diagnosis = diagnose(run)
    failing = [finding for finding in diagnosis.findings if finding.verdict == "failing"]
    reasons = (f"{finding.symptom}: {finding.meaning}" for finding in failing)
    return CandidateOutcome(diagnosis.verdict, tuple(reasons))


def candidate_run(run: Run, index: int) -> Run:
    """A candidate as a run of its own."""
    return Run(candidate_directory(run.directory, index))


def make_candidate(candidate: Run, recipe: Recipe, run: Run) -> None:
    """Make the run of a candidate, with the weights that the run starts from."""
    start = run.checkpoint_path(0)
    Run.create(
        candidate.directory,
        recipe,
        {**run.read_environment(), "launch": None, "log": []},
        run.read_data(),
        tensor_file.read(start) if start.exists() else None,
    )


def copy_records(candidate: Run, run: Run) -> None:
    """Give a run all that a candidate has written while it trained; repeating it is harmless."""
    for source in candidate.directory.rglob("*"):
        target = run.directory / source.relative_to(candidate.directory)
        if source.is_file() and source.name not in OWN_FILES:
            storage.write_bytes(target, source.read_bytes())


@contextmanager
def reporting_ends(run: Run, processes: ProcessGroup) -> Iterator[None]:
    """Report what ends a candidate from outside as an end of the run.

    Raises:
        Interrupted, RankLost: with the command that continues the run.
    """
    try:
        yield
    except (Interrupted, KeyboardInterrupt) as stop:
        if processes.is_main:
            run.write_status("interrupted", 0)
        raise Interrupted(f"saved while tuning; go on with: {resume_command(run)}") from stop
    except RankLost as error:
        raise rank_lost_error(run, error) from error


def all_fail(run: Run, tuning: Tuning, processes: ProcessGroup) -> Unhealthy:
    """Write the status of a run of which every candidate is dropped, and return the error."""
    ends = [tuning.line(candidate) for candidate in tuning.candidates]
    text = f"training fails with every value that was tried: {' '.join(ends)}"
    if processes.is_main:
        run.write_status("unhealthy", 0, text)
    own = candidate_run(run, OWN).directory
    return Unhealthy(
        f"{text} Another value of these fields does not help, so change something else: "
        f"{ganvas_command('diagnose', own)}"
    )
