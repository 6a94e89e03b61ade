"""How far the runs of a study are, and how long it will still take.

By the plan until something was measured here; then by how fast runs train and are scored.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from ganvas.runs import Run
from ganvas.studies.directory import StudyDirectory
from ganvas.studies.study import SAMPLES_WHILE_TRAINING
from ganvas.studies.worker import Job

Key = tuple[str, int]
"""Arm and seed of a run."""


@dataclass(frozen=True)
class Stage:
    """Where one run stands, by what it has written.

    images: seen, at most the budget, although a last batch may reach beyond.
    scored: how many of the scores while training are done.
    scoring: whether it is being scored, or about to be; nothing is written until that is over.
    """

    images: int = 0
    scored: int = 0
    scoring: bool = False


def stage_of(directory: StudyDirectory, key: Key) -> Stage:
    """The stage of a run, by the newest records of its history and of its scores."""
    run, budget = Run(directory.run_path(*key)), directory.plan.images[key[0]]
    record, score = run.history.newest(), run.scores.newest()
    measured = 0 if score is None else int(score["images_seen"])
    seen = measured if record is None else max(measured, int(record["images_seen"]))
    if seen >= budget:
        evaluations = directory.study.evaluations
        return Stage(budget, evaluations if measured >= budget else max(0, evaluations - 1), True)
    every = directory.study.evaluation_interval(budget)
    if every == 0:
        return Stage(seen)
    return Stage(seen, measured // every, seen // every > measured // every)


class Forecast:
    """What is expected of the jobs that a study has left. Times are those of one steady clock."""

    def __init__(self, directory: StudyDirectory, jobs: Sequence[Job]) -> None:
        self._directory = directory
        self._study, self._plan = directory.study, directory.plan
        self._left = [(job.arm, job.seed) for job in jobs]
        self._stages: dict[Key, tuple[Stage, float]] = {}
        """Of the runs at work, and since when they are in it."""
        self._trained: dict[str, tuple[int, float]] = {}
        """Images that each arm was seen to train on, and in how many seconds."""
        self._took = self._planned = 0.0
        """Seconds of the scores that were seen to be made, and what the plan thought of them."""
        self._at_a_time = 1

    def look(self, running: Sequence[Job], now: float) -> dict[Key, Stage]:
        """The stages of the runs at work."""
        stages = {}
        for key in [(job.arm, job.seed) for job in running]:
            stage = stage_of(self._directory, key)
            before, since = self._stages.get(key, (stage, now))
            stages[key] = (stage, since if stage == before else now)
            self._learn_rate(key, stage.images - before.images)
            if before.scoring and stage.scored > before.scored:
                self._learn_scoring(before, now - since)
        self._stages = stages
        self._at_a_time = max(self._at_a_time, len(stages))
        return {key: stage for key, (stage, _) in stages.items()}

    def ended(self, key: Key, now: float, failed: bool = False) -> None:
        """A run is done."""
        if key in self._stages:
            stage, since = self._stages.pop(key)
            if stage.scoring and not failed:
                self._learn_scoring(stage, now - since)
        self._left.remove(key)

    def seconds(self, now: float) -> float | None:
        """Until all is done; None while scores take longer than anybody could know."""
        free = []
        for key, (stage, since) in self._stages.items():
            took, piece = now - since, self._seconds_of_piece(key[0], stage)
            if stage.scoring and took > piece:
                return None
            free.append(self._seconds_from(key[0], stage) - min(took, piece))
        free += [0.0] * (self._at_a_time - len(free))  # whoever is just between two runs
        heapq.heapify(free)
        for key in self._left:
            if key not in self._stages:
                heapq.heappush(free, heapq.heappop(free) + self._seconds_from(key[0], Stage()))
        return max(free)

    def _learn_rate(self, key: Key, more: int) -> None:
        if more <= 0:
            return
        record = Run(self._directory.run_path(*key)).history.newest()
        if record is not None and record["images_per_second"] > 0:
            images, seconds = self._trained.get(key[0], (0, 0.0))
            seconds += more / record["images_per_second"]
            self._trained[key[0]] = (images + more, seconds)

    def _learn_scoring(self, stage: Stage, took: float) -> None:
        self._took += took
        self._planned += self._planned_scoring(stage)

    def _planned_scoring(self, stage: Stage) -> float:
        """Of the scores that come next in a stage."""
        at_the_end = stage.scored == self._study.evaluations
        return self._plan.scoring_seconds(
            self._study.samples if at_the_end else SAMPLES_WHILE_TRAINING
        )

    def _rate(self, arm: str) -> float:
        images, seconds = self._trained.get(arm, (0, 0.0))
        return images / seconds if images else self._plan.throughput[arm].images_per_second

    def _slower(self) -> float:
        """How many times as long as planned the scores take."""
        return self._took / self._planned if self._planned else 1.0

    def _seconds_of_piece(self, arm: str, stage: Stage) -> float:
        """Until a run writes something again: the next scores, or the next record of training."""
        if stage.scoring:
            return self._planned_scoring(stage) * self._slower()
        images = self._study.arm(arm).recipe.intervals.history
        return min(images, self._plan.images[arm] - stage.images) / self._rate(arm)

    def _seconds_from(self, arm: str, stage: Stage) -> float:
        """From the beginning of a stage to the end of the run."""
        scoring = self._plan.scoring_seconds(self._study.samples)
        while_training = self._plan.scoring_seconds(SAMPLES_WHILE_TRAINING)
        scoring += max(0, self._study.evaluations - stage.scored) * while_training
        training = (self._plan.images[arm] - stage.images) / self._rate(arm)
        return training + scoring * self._slower()
