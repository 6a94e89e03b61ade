"""The number that decided a symptom, over a run and its healthy twin, with the rule's limit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from replay import Timeline

from ganvas.health.evidence import Evidence
from ganvas.health.rules.condition import Condition, LimitCheck, RuleInput
from ganvas.health.rules.rule import Rule

Points = tuple[tuple[int, float], ...]
"""(images seen, value), oldest first."""

SINCE_BEST = "images_seen"
"""The column of stagnation where there are scores: how long ago the best of them was."""

STOPPED_COLUMN = "probe/logits/real"
"""What is drawn of a run that diverged, which is a finding without a number."""

FIRST_AT_END, FIRST, AT_END, PRESENT, ABSENT = 4, 3, 2, 1, 0
"""How clearly a run shows a symptom: first at its end, first at any step, and so on."""


@dataclass(frozen=True)
class Curve:
    """A number over two runs, with its limit.

    limits: of each evaluation of the sick run; empty where nothing was compared.
    alarms_above: whether numbers above the limit are abnormal.
    is_score: whether it is the score of a run, and the limit the best one.
    stopped_at: images seen where the sick run diverged.
    """

    column: str
    sick: Points
    healthy: Points
    limits: Points
    alarms_above: bool
    is_score: bool = False
    stopped_at: int | None = None

    @property
    def has_constant_limit(self) -> bool:
        """Whether the limit is the same everywhere."""
        return len({limit for _, limit in self.limits}) <= 1


def clarity(timeline: Timeline, symptom: str) -> int:
    """How clearly a run shows a symptom, from `ABSENT` to `FIRST_AT_END`."""
    names = [step.symptoms for step in timeline.steps]
    if not any(symptom in step for step in names):
        return ABSENT
    if names[-1][:1] == [symptom]:
        return FIRST_AT_END
    if any(step[:1] == [symptom] for step in names):
        return FIRST
    return AT_END if symptom in names[-1] else PRESENT


def shown_at(timeline: Timeline, symptom: str) -> int:
    """Images seen at the last step that shows a symptom as clearly as any."""
    steps = [step for step in timeline.steps if symptom in step.symptoms]
    first = [step for step in steps if step.symptoms[0] == symptom]
    return (first or steps)[-1].images_seen


def found_at(timeline: Timeline, symptom: str, until: int) -> int:
    """Images seen at the first of the steps in a row, up to `until`, that have the symptom."""
    start = until
    for step in reversed(timeline.steps):
        if step.images_seen <= until:
            if symptom not in step.symptoms:
                break
            start = step.images_seen
    return start


def known_at(evidence: Evidence, images: int) -> Evidence:
    """What was known after so many images; a divergence is known only at the end."""
    known = tuple(r for r in evidence.records if r.get("images_seen", math.inf) <= images)
    ended = len(known) == len(evidence.records)
    return replace(evidence, records=known, stopped=evidence.stopped if ended else "")


def deciding(condition: Condition) -> LimitCheck | None:
    """The least severe check, which sets the severity of a condition; None without any check."""
    return min(condition.checks, key=lambda check: check.severity, default=None)


def curve_of(rule: Rule, sick: Evidence, healthy: Evidence, at: int) -> Curve | None:
    """The number that decided a finding, over both runs; None where the rule was not evaluated.

    Args:
        at: images seen at the finding.
    """
    shown = [c for images, c in rule.evaluations(known_at(sick, at)) if images <= at]
    if not shown:
        return None
    check = deciding(shown[0])
    if check is not None and check.column == SINCE_BEST:
        return score_curve(sick, healthy, best_at=int(check.origin))
    column = STOPPED_COLUMN if check is None else check.column
    above = check is None or check.abnormal == "above"
    limits = []
    for images, condition in reversed(list(rule.evaluations(sick))):
        strictest = None if check is None else strictest_check(condition, check)
        if strictest is not None:
            limits.append((images, strictest.limit))
    return Curve(
        column=column,
        sick=values(rule, sick, column),
        healthy=values(rule, healthy, column),
        limits=loosest(tuple(limits), above),
        alarms_above=above,
        stopped_at=sick.valid_records[-1]["images_seen"] if sick.stopped else None,
    )


def strictest_check(condition: Condition, like: LimitCheck) -> LimitCheck | None:
    """The least severe check of the same column and side: where there are two, both must fail."""
    same = [c for c in condition.checks if (c.column, c.abnormal) == (like.column, like.abnormal)]
    return min(same, key=lambda check: check.severity, default=None)


def loosest(limits: Points, alarms_above: bool) -> Points:
    """Where a rule has one limit to watch and one to fail, the first that is reached; else all."""
    different = {limit for _, limit in limits}
    if len(different) != 2:
        return limits
    first = min(different) if alarms_above else max(different)
    return tuple((images, first) for images, _ in limits)


def values(rule: Rule, evidence: Evidence, column: str) -> Points:
    """A column over a run, averaged as the rule averages it before the comparison."""
    raw: dict[int, float] = {}
    compared: dict[int, float] = {}
    applies = rule.reason_not_applicable(evidence.recipe) is None
    for index in evidence.evaluated_indices:
        current = RuleInput(evidence, index)
        value = current.value(column)
        if value is not None:
            raw[current.images_seen] = value
        condition = rule.evaluate(current) if applies else None
        for check in condition.checks if condition is not None else ():
            if check.column == column:
                compared[current.images_seen] = check.value
    is_raw = all(math.isclose(raw.get(at, math.nan), value) for at, value in compared.items())
    return tuple(sorted((raw if is_raw else compared).items()))


def score_curve(sick: Evidence, healthy: Evidence, best_at: int) -> Curve:
    """The scores of both runs by the metric that selects the best checkpoint.

    Args:
        best_at: images seen at the score that the rule counts as the best, which is the limit.
    """
    sick_scores, healthy_scores = (
        tuple((score.images, score.value) for score in evidence.training_scores)
        for evidence in (sick, healthy)
    )
    return Curve(
        column=sick.selection_metric,
        sick=sick_scores,
        healthy=healthy_scores,
        limits=tuple((images, dict(sick_scores)[best_at]) for images, _ in sick_scores),
        alarms_above=True,
        is_score=True,
    )
