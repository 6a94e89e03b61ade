"""A table for setting the thresholds, from the even seeds only: how abnormal each number was.

Every rule is evaluated at each probed record of a run. A run counts by its most severe `patience`
records in a row, of which the least severe counts, as in the rules. Where the worst healthy run is
less severe than the mildest failure, a limit between them is proposed: the geometric mean of their
distances from the origin of the check.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from cases import KINDS
from tables import markdown_table

from ganvas.health.evidence import Evidence
from ganvas.health.rules.condition import Condition, LimitCheck
from ganvas.health.rules.rule import Rule
from ganvas.health.thresholds import Thresholds

WHOLE_RULE = "(rule)"
"""In place of a threshold: the severity of the whole condition."""

Severe = TypeVar("Severe", Condition, LimitCheck)


@dataclass(frozen=True)
class Reading:
    """How abnormal one number was in one run.

    threshold: the field that is its limit, or `WHOLE_RULE` for the severity of a condition.
    severity: 1 is the limit, more is worse.
    """

    run: str
    kind: str
    symptom: str
    threshold: str
    column: str
    value: float
    severity: float
    origin: float


def tagged(thresholds: Thresholds) -> tuple[Thresholds, dict[float, str]]:
    """The same limits, each changed by a billionth or so: its value then identifies its field."""
    values = {name: v for name, v in vars(thresholds).items() if isinstance(v, float)}
    changed = {name: value * (1 + i * 1e-9) for i, (name, value) in enumerate(values.items())}
    return dataclasses.replace(thresholds, **changed), {v: name for name, v in changed.items()}


def readings(run: str, kind: str, evidence: Evidence, rules: Iterable[Rule]) -> list[Reading]:
    """The readings of one run: the severity of each rule, and each number that has a limit."""
    limits, names = tagged(evidence.thresholds)
    evidence = dataclasses.replace(evidence, thresholds=limits)
    found = []
    for rule in rules:
        conditions = [condition for _, condition in rule.evaluations(evidence)]
        whole = sustained(conditions, limits.patience)
        if whole is None:
            continue
        level = whole.severity
        found.append(Reading(run, kind, rule.symptom, WHOLE_RULE, "", level, level, 0.0))
        used = {names.get(check.limit, "") for c in conditions for check in c.checks} - {""}
        for threshold in sorted(used):
            checks = [
                next((k for k in c.checks if names.get(k.limit) == threshold), None)
                for c in conditions
            ]
            check = sustained(checks, limits.patience)
            if check is not None:
                numbers = (check.value, check.severity, check.origin)
                found.append(Reading(run, kind, rule.symptom, threshold, check.column, *numbers))
    return found


def sustained(items: Sequence[Severe | None], patience: int) -> Severe | None:
    """The least severe of the most severe `patience` items in a row; None interrupts a row."""
    width = min(patience, len(items))
    windows = (items[start : start + width] for start in range(len(items) - width + 1))
    rows = ([item for item in window if item is not None] for window in windows)
    weakest = [
        min(row, key=lambda item: item.severity) for row in rows if row and len(row) == width
    ]
    return max(weakest, key=lambda item: item.severity, default=None)


@dataclass(frozen=True)
class Line:
    """One threshold, with the readings of healthy runs and of failures that it should detect."""

    symptom: str
    threshold: str
    column: str
    now: float
    healthy: tuple[Reading, ...]
    failures: tuple[Reading, ...]

    @property
    def worst_healthy(self) -> Reading | None:
        """None where no healthy run has the number."""
        return max(self.healthy, key=lambda reading: reading.severity, default=None)

    @property
    def weakest_failure(self) -> Reading | None:
        """None where there was no failure of its kinds."""
        return min(self.failures, key=lambda reading: reading.severity, default=None)

    @property
    def proposal(self) -> float | None:
        """A limit between the two; None where they overlap or one is missing."""
        healthy, failure = self.worst_healthy, self.weakest_failure
        if healthy is None or failure is None or healthy.severity >= failure.severity:
            return None
        return between(healthy.value, failure.value, healthy.origin)

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        healthy, failure, proposal = self.worst_healthy, self.weakest_failure, ""
        if self.proposal is not None:
            proposal = f"**{self.proposal:.3g}**"
        elif healthy is not None and failure is not None:
            proposal = "apart" if healthy.severity < failure.severity else "overlap"
        numbers = (
            *(middle(self.healthy), extreme(healthy)),
            *(middle(self.failures), extreme(failure)),
        )
        limit = f"{self.now:.3g}"
        return (f"`{self.symptom}`", self.threshold, self.column, limit, *numbers, proposal)


def between(healthy: float, failure: float, origin: float) -> float | None:
    """The geometric mean of two distances from the origin, on the failure's side of it.

    None where one of them is on the other side.
    """
    sign = 1.0 if failure >= origin else -1.0
    distances = (sign * (healthy - origin), sign * (failure - origin))
    return None if min(distances) <= 0 else origin + sign * math.sqrt(math.prod(distances))


def lines(found: Sequence[Reading], failed: Iterable[str], thresholds: Thresholds) -> list[Line]:
    """A line for each threshold of each symptom, the severity of the rule first.

    Args:
        failed: names of sabotaged runs that are failures by a score.
    """
    failed = set(failed)
    table = []
    for symptom, threshold in sorted({(r.symptom, r.threshold) for r in found}):
        ours = [r for r in found if (r.symptom, r.threshold) == (symptom, threshold)]
        column = ", ".join(sorted({r.column for r in ours if r.column}))
        now = 1.0 if threshold == WHOLE_RULE else getattr(thresholds, threshold)
        healthy = tuple(r for r in ours if r.kind not in KINDS)
        expected = {kind for kind in KINDS if symptom == KINDS[kind].symptoms[0]}
        failures = tuple(r for r in ours if r.run in failed and r.kind in expected)
        table.append(Line(symptom, threshold, column, now, healthy, failures))
    return table


def table(found: Iterable[Line]) -> str:
    """Markdown for the person who sets the thresholds."""
    return markdown_table(
        "| symptom | threshold | column | now | healthy: median | worst (run) | failures: median "
        "| weakest (run) | proposal |",
        (line.cells() for line in found),
    )


def middle(found: Sequence[Reading]) -> str:
    """The median value, and of how many."""
    return f"{median(r.value for r in found):.3g} of {len(found)}" if found else ""


def extreme(reading: Reading | None) -> str:
    """A value, and its run."""
    return "" if reading is None else f"{reading.value:.3g} ({reading.run})"
