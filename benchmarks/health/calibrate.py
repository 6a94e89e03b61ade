"""What a person needs to set the thresholds: on the even seeds only, how alarming each number was.

Every rule is asked what it saw at each look, as strengths (1 is the limit) and as the numbers they
come from. A look counts as much as the weaker of two in a row, since rules have patience. Where the
worst healthy run and the weakest failure lie apart, a limit between them is proposed: their
geometric mean, measured from where the rule measures from.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from cases import KINDS

from ganvas.health.evidence import Evidence
from ganvas.health.rules.condition import Condition, LimitCheck
from ganvas.health.rules.rule import Rule
from ganvas.health.thresholds import Thresholds

WHOLE = "(rule)"
"""In place of a threshold: the strength of all signals together."""


@dataclass(frozen=True)
class Reading:
    """How alarming one number was in one run, at its most alarming two looks in a row.

    threshold: the field that is its limit, or `WHOLE` for a rule's strength.
    strength: 1 is the limit, more is worse.
    """

    run: str
    kind: str
    symptom: str
    threshold: str
    column: str
    value: float
    strength: float
    origin: float


def marked(thresholds: Thresholds) -> tuple[Thresholds, dict[float, str]]:
    """The same limits, each nudged by a billionth or so, so that each tells which field it is."""
    numbers = {
        entry.name: getattr(thresholds, entry.name)
        for entry in dataclasses.fields(thresholds)
        if isinstance(getattr(thresholds, entry.name), float)
    }
    nudged = {
        name: value * (1 + index * 1e-9) for index, (name, value) in enumerate(numbers.items())
    }
    return dataclasses.replace(thresholds, **nudged), {v: name for name, v in nudged.items()}


def readings(run: str, kind: str, evidence: Evidence, rules: Iterable[Rule]) -> list[Reading]:
    """Every rule's readings of one run: its strength, and each number it compared with a limit."""
    limits, names = marked(evidence.thresholds)
    evidence = dataclasses.replace(evidence, thresholds=limits)
    found = []
    for rule in rules:
        sights = [sight for _, sight in rule.evaluations(evidence)]
        if not sights:
            continue
        strength = sustained([sight.severity for sight in sights], limits.patience)
        found.append(Reading(run, kind, rule.symptom, WHOLE, "", strength, strength, 0.0))
        for threshold in sorted({names[s.limit] for s in signals_of(sights) if s.limit in names}):
            signals = [named(sight, threshold, names) for sight in sights]
            signal = most_alarming(signals, limits.patience)
            if signal is not None:
                value, origin = signal.value, signal.origin
                found.append(
                    Reading(
                        *(run, kind, rule.symptom, threshold, signal.column),
                        *(value, signal.severity, origin),
                    )
                )
    return found


def signals_of(sights: Iterable[Condition]) -> Iterator[LimitCheck]:
    """Every number that was compared."""
    for sight in sights:
        yield from sight.checks


def named(sight: Condition, threshold: str, names: dict[float, str]) -> LimitCheck | None:
    """The signal of a sight that a threshold limits, if there is one."""
    return next((s for s in sight.checks if names.get(s.limit) == threshold), None)


def sustained(strengths: Sequence[float], patience: int) -> float:
    """The largest strength that so many looks in a row had; of fewer looks the weakest."""
    width = min(patience, len(strengths))
    return max(min(strengths[i : i + width]) for i in range(len(strengths) - width + 1))


def most_alarming(signals: Sequence[LimitCheck | None], patience: int) -> LimitCheck | None:
    """The signal whose strength is `sustained`; looks without it break a row."""
    width = min(patience, len(signals))
    best: LimitCheck | None = None
    for start in range(len(signals) - width + 1):
        row = [signal for signal in signals[start : start + width] if signal is not None]
        if len(row) < width:
            continue
        weakest = min(row, key=lambda signal: signal.severity)
        if best is None or weakest.severity > best.severity:
            best = weakest
    return best


@dataclass(frozen=True)
class Line:
    """One threshold beside what healthy runs and failures showed.

    worst_healthy: the most alarming healthy reading; None where no healthy run had one.
    weakest_failure: the least alarming one of failures whose cause the symptom names.
    """

    symptom: str
    threshold: str
    column: str
    now: float
    healthy: tuple[Reading, ...]
    failures: tuple[Reading, ...]

    @property
    def worst_healthy(self) -> Reading | None:
        """None where no healthy run has the number."""
        return max(self.healthy, key=lambda reading: reading.strength, default=None)

    @property
    def weakest_failure(self) -> Reading | None:
        """None where there was no failure of its kinds."""
        return min(self.failures, key=lambda reading: reading.strength, default=None)

    @property
    def lie_apart(self) -> bool:
        """Whether both are there, and the failure is the more alarming."""
        one, other = self.worst_healthy, self.weakest_failure
        return one is not None and other is not None and one.strength < other.strength

    @property
    def proposal(self) -> float | None:
        """A limit between the two; None where they overlap or one is missing."""
        one, other = self.worst_healthy, self.weakest_failure
        if one is None or other is None or not self.lie_apart:
            return None
        return between(one.value, other.value, one.origin)


def between(healthy: float, failure: float, origin: float) -> float | None:
    """The geometric mean of two distances from the origin, on the failure's side of it.

    None where one of them is no distance on that side.
    """
    sign = 1.0 if failure >= origin else -1.0
    distances = (sign * (healthy - origin), sign * (failure - origin))
    if min(distances) <= 0:
        return None
    return origin + sign * math.sqrt(distances[0] * distances[1])


def lines(found: Sequence[Reading], failed: Iterable[str], thresholds: Thresholds) -> list[Line]:
    """A line for each threshold of each symptom, the rule's strength first.

    Args:
        failed: names of sabotaged runs that are failures by a score.
    """
    failed = set(failed)
    keys = sorted({(r.symptom, r.threshold) for r in found}, key=lambda key: (key[0], key[1]))
    made = []
    for symptom, threshold in keys:
        ours = [r for r in found if (r.symptom, r.threshold) == (symptom, threshold)]
        made.append(
            Line(
                symptom,
                threshold,
                ", ".join(sorted({r.column for r in ours if r.column})),
                1.0 if threshold == WHOLE else getattr(thresholds, threshold),
                tuple(r for r in ours if r.kind not in KINDS),
                tuple(
                    r
                    for r in ours
                    if r.run in failed and r.kind in KINDS and symptom in KINDS[r.kind].symptoms[:1]
                ),
            )
        )
    return made


def table(made: Iterable[Line]) -> str:
    """Markdown for a person who sets the thresholds."""
    rows = [
        "| symptom | threshold | column | now | healthy: median | worst (run) | failures: median "
        "| weakest (run) | proposal |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for line in made:
        proposal = ""
        if line.proposal is not None:
            proposal = f"**{line.proposal:.3g}**"
        elif line.healthy and line.failures:
            proposal = "apart" if line.lie_apart else "overlap"
        cells = [
            f"`{line.symptom}`",
            line.threshold,
            line.column,
            f"{line.now:.3g}",
            middle(line.healthy),
            extreme(line.worst_healthy),
            middle(line.failures),
            extreme(line.weakest_failure),
            proposal,
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def middle(found: Sequence[Reading]) -> str:
    """The median value, and of how many."""
    return f"{median(r.value for r in found):.3g} of {len(found)}" if found else ""


def extreme(reading: Reading | None) -> str:
    """A value, and whose it is."""
    return "" if reading is None else f"{reading.value:.3g} ({reading.run})"
