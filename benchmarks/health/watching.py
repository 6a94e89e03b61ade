"""What ganvas would have said while a run was trained, told from the run's files alone."""

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
"""In place of a symptom where none was named."""

Said = tuple[str, str]
"""A symptom, and its verdict: watch or failing."""


Level = Literal["watch", "failing"]
"""How bad a verdict must be to count: watch takes both."""

COUNTED: dict[Level, tuple[str, ...]] = {"watch": ("watch", "failing"), "failing": ("failing",)}


@dataclass(frozen=True)
class Moment:
    """One look: images seen, and the findings then, the most serious first."""

    images_seen: int
    said: tuple[Said, ...]

    def reaches(self, level: Level) -> bool:
        """Whether there is a finding as bad as that."""
        return any(verdict in COUNTED[level] for _, verdict in self.said)


@dataclass(frozen=True)
class Heard:
    """What a whole run amounts to at one level.

    at: images seen when a finding first reached it; None where none did.
    named: the symptom named first at the last such moment: the end of the run, unless it healed.
    named_at_once: the one named first at the first such moment, with less to go by.
    """

    at: int | None = None
    named: str = NOTHING
    named_at_once: str = NOTHING


@dataclass(frozen=True)
class Timeline:
    """Every look at one run, oldest first."""

    moments: tuple[Moment, ...]

    def heard(self, level: Level) -> Heard:
        """What was said, if it was as bad as that."""
        loud = [moment for moment in self.moments if moment.reaches(level)]
        if not loud:
            return Heard()
        return Heard(loud[0].images_seen, loud[-1].said[0][0], loud[0].said[0][0])


def watch(run: ganvas.Run, thresholds: Thresholds) -> Timeline:
    """What the rules say at each look of a run, each time knowing only the history until then.

    That is what training itself would have said, and what `ganvas diagnose` says of the files.
    """
    return timeline(evidence_of(run, thresholds), run.read_status().images_seen, apply_rules)


def timeline(
    evidence: Evidence, ended: int, rules: Callable[[Evidence], Iterable[Finding]]
) -> Timeline:
    """The rules at each probed record, and once more at the end where training stopped by itself.

    Args:
        ended: images seen when the run ended.
    """
    moments = []
    for index, record in enumerate(evidence.records):
        if is_probed(record):
            known = replace(evidence, records=evidence.records[: index + 1], stopped="")
            moments.append(Moment(record["images_seen"], said_by(rules(known))))
    if evidence.stopped:
        moments.append(Moment(ended, said_by(rules(evidence))))
    return Timeline(tuple(moments))


def said_by(findings: Iterable[Finding]) -> tuple[Said, ...]:
    """The findings without their numbers, in their order."""
    return tuple((finding.symptom, finding.verdict) for finding in findings)


def evidence_of(run: ganvas.Run, thresholds: Thresholds) -> Evidence:
    """A run's files as `ganvas diagnose` reads them, under these limits.

    Without its scores: this benchmark made them, and they confirm what the rules must find alone.
    """
    return replace(diagnosis.evidence_of(run), scores=(), thresholds=thresholds)
