"""How far the runs of a study are, and how long they will still take.

Estimates start from the plan. They are corrected by measured training rates and scoring times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ganvas.runs import Run
from ganvas.studies.directory import RunKey, StudyDirectory
from ganvas.studies.plan import makespan
from ganvas.studies.study import SAMPLES_WHILE_TRAINING
from ganvas.studies.worker import Job


@dataclass(frozen=True)
class Stage:
    """How far one run is, by the files that it has written.

    images: seen, at most the budget, although a last batch may go beyond.
    scored: how many of the scores while training are done.
    scoring: whether scores are computed now. Nothing is written until they are done.
    """

    images: int = 0
    scored: int = 0
    scoring: bool = False


def read_stage(directory: StudyDirectory, key: RunKey) -> Stage:
    """The stage of a run, by the newest records of its history and of its scores."""
    run, budget = Run(directory.run_path(*key)), directory.plan.images[key[0]]
    record, score = run.history.last_record(), run.scores.last_record()
    scored = 0 if score is None else int(score["images_seen"])
    seen = scored if record is None else max(scored, int(record["images_seen"]))
    if seen >= budget:
        evaluations = directory.study.evaluation_count
        return Stage(budget, evaluations if scored >= budget else max(0, evaluations - 1), True)
    interval = directory.study.evaluation_interval(budget)
    if interval == 0:
        return Stage(seen)
    return Stage(seen, scored // interval, seen // interval > scored // interval)


class StudyForecast:
    """The time that a study's remaining jobs will take. Times are those of one monotonic clock."""

    def __init__(self, directory: StudyDirectory, jobs: Sequence[Job]) -> None:
        self._directory = directory
        self._study, self._plan = directory.study, directory.plan
        self._remaining = [(job.arm, job.seed) for job in jobs]
        self._stages: dict[RunKey, tuple[Stage, float]] = {}
        """Of the runs in progress, and when each stage began."""
        self._trained: dict[str, tuple[int, float]] = {}
        """Images of each arm's observed training, and its seconds."""
        self._scoring = self._planned_scoring = 0.0
        """Seconds of the observed scores, and what the plan expected of them."""
        self._parallel = 1

    def observe(self, running: Sequence[Job], now: float) -> dict[RunKey, Stage]:
        """Read the stages of the runs in progress, and learn from them."""
        stages = {}
        for key in [(job.arm, job.seed) for job in running]:
            stage = read_stage(self._directory, key)
            previous, since = self._stages.get(key, (stage, now))
            stages[key] = (stage, since if stage == previous else now)
            self._learn_rate(key, stage.images - previous.images)
            if previous.scoring and stage.scored > previous.scored:
                self._learn_scoring(previous, now - since)
        self._stages = stages
        self._parallel = max(self._parallel, len(stages))
        return {key: stage for key, (stage, _) in stages.items()}

    def run_ended(self, key: RunKey, now: float, scored: bool = True) -> None:
        """A run has ended, with final scores or without."""
        if key in self._stages:
            stage, since = self._stages.pop(key)
            if stage.scoring and scored:
                self._learn_scoring(stage, now - since)
        self._remaining.remove(key)

    def seconds(self, now: float) -> float | None:
        """Until all runs are done; None while scores take longer than expected."""
        workers = []
        for (arm, _), (stage, since) in self._stages.items():
            elapsed, expected = now - since, self._seconds_to_next_record(arm, stage)
            if stage.scoring and elapsed > expected:
                return None
            workers.append(self._seconds_from(arm, stage) - min(elapsed, expected))
        workers += [0.0] * (self._parallel - len(workers))  # workers between two runs
        waiting = [arm for arm, seed in self._remaining if (arm, seed) not in self._stages]
        return makespan(workers, [self._seconds_from(arm, Stage()) for arm in waiting])

    def _learn_rate(self, key: RunKey, more: int) -> None:
        if more <= 0:
            return
        record = Run(self._directory.run_path(*key)).history.last_record()
        if record is not None and record.get("images_per_second", 0) > 0:
            images, seconds = self._trained.get(key[0], (0, 0.0))
            seconds += more / record["images_per_second"]
            self._trained[key[0]] = (images + more, seconds)

    def _learn_scoring(self, stage: Stage, seconds: float) -> None:
        self._scoring += seconds
        self._planned_scoring += self._next_scoring(stage)

    def _next_scoring(self, stage: Stage) -> float:
        """Planned seconds of a stage's next scores."""
        final = stage.scored == self._study.evaluation_count
        return self._plan.scoring_seconds(
            self._study.sample_count if final else SAMPLES_WHILE_TRAINING
        )

    def _rate(self, arm: str) -> float:
        images, seconds = self._trained.get(arm, (0, 0.0))
        return images / seconds if images else self._plan.throughput[arm].images_per_second

    def _slowdown(self) -> float:
        """By which factor scores take longer than planned."""
        return self._scoring / self._planned_scoring if self._planned_scoring else 1.0

    def _seconds_to_next_record(self, arm: str, stage: Stage) -> float:
        """Until a run writes again: its next scores, or its next record of training."""
        if stage.scoring:
            return self._next_scoring(stage) * self._slowdown()
        images = self._study.arm(arm).recipe.intervals.history
        return min(images, self._plan.images[arm] - stage.images) / self._rate(arm)

    def _seconds_from(self, arm: str, stage: Stage) -> float:
        """From the beginning of a stage to the end of the run."""
        evaluations = max(0, self._study.evaluation_count - stage.scored)
        scoring = self._plan.all_scoring_seconds(self._study, evaluations)
        training = (self._plan.images[arm] - stage.images) / self._rate(arm)
        return training + scoring * self._slowdown()
