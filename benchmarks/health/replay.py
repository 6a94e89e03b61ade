"""Replay the health rules over a run's files, as training would have applied them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import ganvas
from ganvas import diagnosis
from ganvas.health.assessment import apply_rules
from ganvas.health.evidence import Evidence, is_probed
from ganvas.health.finding import Finding
from ganvas.health.thresholds import Thresholds

NOTHING = "nothing"
"""In place of a symptom where there is no finding."""

Level = Literal["watch", "failing"]
"""The least bad verdict that counts."""

WHILE_PRESENT = Thresholds(recovery=1)
"""The limits in force, but a finding counts only while its values are abnormal. That `ganvas` keeps
one for longer begins none and delays none, and would only count it again."""

VERDICTS: dict[Level, tuple[str, ...]] = {"watch": ("watch", "failing"), "failing": ("failing",)}


@dataclass(frozen=True)
class ReplayStep:
    """The findings at one probed record: (symptom, verdict) each, causes before consequences."""

    images_seen: int
    findings: tuple[tuple[str, str], ...]

    @property
    def symptoms(self) -> list[str]:
        """Without their verdicts."""
        return [symptom for symptom, _ in self.findings]


@dataclass(frozen=True)
class RuleOutput:
    """The outcome of a whole run at one level.

    at: images seen at the first step with a finding that counts; None where there is none.
    symptom: the first one of the last such step.
    first_symptom: the first one of the first such step.
    """

    at: int | None = None
    symptom: str = NOTHING
    first_symptom: str = NOTHING


@dataclass(frozen=True)
class Timeline:
    """The findings at every probed record of a run, oldest first."""

    steps: tuple[ReplayStep, ...]

    def output(self, level: Level) -> RuleOutput:
        """The outcome, counting findings of this level or worse."""
        counted = [
            step for step in self.steps if any(v in VERDICTS[level] for _, v in step.findings)
        ]
        if not counted:
            return RuleOutput()
        return RuleOutput(counted[0].images_seen, counted[-1].symptoms[0], counted[0].symptoms[0])


def replay_run(run: ganvas.Run, thresholds: Thresholds) -> Timeline:
    """What training, or `ganvas diagnose` at that time, would have found at each record.

    Args:
        thresholds: with those of ganvas also what it still keeps, with `WHILE_PRESENT` without.
    """
    return replay(evidence_of(run, thresholds), run.read_status().images_seen)


def replay(
    evidence: Evidence,
    ended: int,
    rules: Callable[[Evidence], Iterable[Finding]] = apply_rules,
) -> Timeline:
    """Apply the rules at each probed record, and once more where training stopped by itself.

    Args:
        ended: images seen when the run ended.
    """
    steps = []
    for index, record in enumerate(evidence.records):
        if is_probed(record):
            known = replace(evidence, records=evidence.records[: index + 1], stopped="")
            steps.append(replay_step(record["images_seen"], rules(known)))
    if evidence.stopped:
        steps.append(replay_step(ended, rules(evidence)))
    return Timeline(tuple(steps))


def replay_step(images_seen: int, findings: Iterable[Finding]) -> ReplayStep:
    """A step of these findings, in their order."""
    return ReplayStep(images_seen, tuple((f.symptom, f.verdict) for f in findings))


def evidence_of(run: ganvas.Run, thresholds: Thresholds) -> Evidence:
    """A run's files as `ganvas diagnose` reads them, with these limits and without scores.

    The scores are this benchmark's own: they decide what is a failure, so rules must not see them.
    """
    return replace(diagnosis.evidence_of(run), scores=(), thresholds=thresholds)
