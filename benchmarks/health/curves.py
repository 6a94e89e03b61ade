"""The number that decides a symptom, over a run: what the rule compared, and with which limit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from watching import Timeline

from ganvas.health.evidence import Evidence
from ganvas.health.rules.condition import Condition, LimitCheck, RuleInput
from ganvas.health.rules.rule import Rule

Points = tuple[tuple[int, float], ...]
"""(images seen, value), oldest first."""

SCORE = "images_seen"
"""What stagnation compares where there are scores: how long ago the best of them was."""

WHERE_IT_STOPPED = "probe/logits/real"
"""What is drawn of a run that stopped by itself, which is a finding without a number."""

FIRST_AT_THE_END, FIRST, AT_THE_END, SAID, SILENT = 4, 3, 2, 1, 0
"""How clearly a run shows a symptom: named first at its end, first at some look, and so on."""


@dataclass(frozen=True)
class Curve:
    """A number over two runs, beside its limit.

    limits: what it was compared with at each look of the sick run; empty where nothing was.
    alarms_above: on which side of the limit the symptom lies.
    judged_from: images seen from which on the rule looks.
    """

    column: str
    sick: Points
    healthy: Points
    limits: Points
    alarms_above: bool
    judged_from: int
    is_score: bool = False
    """Whether it is the score of a run, and the limit the best one."""
    stopped_at: int | None = None
    """Images seen where the sick run stopped at numbers that are not finite."""


def clarity(timeline: Timeline, symptom: str) -> int:
    """How clearly a run shows a symptom, from `SILENT` to `FIRST_AT_THE_END`."""
    names = [[name for name, _ in moment.said] for moment in timeline.moments]
    if not any(symptom in said for said in names):
        return SILENT
    if names[-1][:1] == [symptom]:
        return FIRST_AT_THE_END
    if any(said[:1] == [symptom] for said in names):
        return FIRST
    return AT_THE_END if symptom in names[-1] else SAID


def moment_of(timeline: Timeline, symptom: str) -> int:
    """Images seen at the last look at which a symptom was named as clearly as it ever was."""
    names = [(m.images_seen, [name for name, _ in m.said]) for m in timeline.moments]
    first = [seen for seen, said in names if said[:1] == [symptom]]
    return (first or [seen for seen, said in names if symptom in said])[-1]


def named_at(timeline: Timeline, symptom: str, until: int) -> int:
    """Images seen when the stretch of looks that names the symptom, up to that one, began."""
    began = until
    for moment in reversed(timeline.moments):
        if moment.images_seen > until:
            continue
        if symptom not in [name for name, _ in moment.said]:
            break
        began = moment.images_seen
    return began


def until(evidence: Evidence, images: int) -> Evidence:
    """What was known then; that training stopped is known only at the end."""
    known = tuple(r for r in evidence.records if r.get("images_seen", math.inf) <= images)
    is_all = len(known) == len(evidence.records)
    return replace(evidence, records=known, stopped=evidence.stopped if is_all else "")


def deciding(sight: Condition) -> LimitCheck | None:
    """The signal that a sight is as strong as: its weakest. None where nothing was compared."""
    return min(sight.checks, key=lambda signal: signal.severity, default=None)


def curve_of(rule: Rule, sick: Evidence, healthy: Evidence, at: int) -> Curve | None:
    """The number that decided a finding, over both runs; None where the rule never looked.

    Args:
        sick: the run's evidence, whole.
        healthy: the twin's.
        at: images seen at the look whose finding is told.
    """
    looks = list(rule.evaluations(sick))
    known = [sight for images, sight in rule.evaluations(until(sick, at)) if images <= at]
    if not known:
        return None
    signal = deciding(known[0])
    if signal is not None and signal.column == SCORE:
        return scores(sick, healthy, rule, best_at=int(signal.origin))
    column = WHERE_IT_STOPPED if signal is None else signal.column
    above = signal is None or alarms_above(signal)
    pairs = [] if signal is None else [(at, strictest(sight, signal)) for at, sight in looks[::-1]]
    return Curve(
        column=column,
        sick=values(rule, sick, column),
        healthy=values(rule, healthy, column),
        limits=loosest(tuple((images, s.limit) for images, s in pairs if s is not None), above),
        alarms_above=above,
        judged_from=rule.active_from(sick),
        stopped_at=sick.valid_records[-1]["images_seen"] if sick.stopped else None,
    )


def alarms_above(signal: LimitCheck) -> bool:
    """On which side of its limit a number is alarming."""
    return signal.abnormal == "above"


def strictest(sight: Condition, like: LimitCheck) -> LimitCheck | None:
    """The signal of the same column that is hardest to reach; two limits must both be passed."""
    ours = [s for s in sight.checks if s.column == like.column]
    same_side = [s for s in ours if alarms_above(s) == alarms_above(like)]
    return min(same_side, key=lambda signal: signal.severity, default=None)


def loosest(limits: Points, alarms_above: bool) -> Points:
    """Of the limits of a watch and of a failure, the one reached first; others vary by nature."""
    different = {limit for _, limit in limits}
    if len(different) != 2:
        return limits
    first = min(different) if alarms_above else max(different)
    return tuple((images, first) for images, _ in limits)


def values(rule: Rule, evidence: Evidence, column: str) -> Points:
    """A column at every look, as the rule compares it: where it takes means, the means."""
    looks = [RuleInput(evidence, index) for index in evidence.evaluated_indices]
    raw = {m.images_seen: v for m in looks if (v := m.value(column)) is not None}
    compared: dict[int, float] = {}
    for moment in looks:
        applies = rule.reason_not_applicable(evidence.recipe) is None
        sight = rule.evaluate(moment) if applies else None
        for signal in sight.checks if sight is not None else ():
            if signal.column == column:
                compared[moment.images_seen] = signal.value
    as_measured = all(
        math.isclose(raw.get(images, math.nan), value) for images, value in compared.items()
    )
    return tuple(sorted((raw if as_measured else compared).items()))


def scores(sick: Evidence, healthy: Evidence, rule: Rule, best_at: int) -> Curve:
    """The score that decides which checkpoint is best, of both runs.

    Args:
        best_at: images seen at the one that the rule counts as the best: the first of those within
            the interval of the very best. It is the limit.
    """
    points = [
        tuple((score.images, score.value) for score in evidence.training_scores)
        for evidence in (sick, healthy)
    ]
    best = dict(points[0])[best_at]
    return Curve(
        column=sick.selection_metric,
        sick=points[0],
        healthy=points[1],
        limits=tuple((images, best) for images, _ in points[0]),
        alarms_above=True,
        judged_from=rule.active_from(sick),
        is_score=True,
    )


def needs_log_scale(numbers: Iterable[float]) -> bool:
    """Whether only a logarithmic scale shows all of them: all positive, and far apart."""
    found = list(numbers)
    return bool(found) and min(found) > 0 and max(found) > 30 * min(found)


def steady(points: Points) -> bool:
    """Whether a limit is the same at all looks."""
    return len({value for _, value in points}) <= 1


def last_value(points: Points, at: int) -> float | None:
    """The newest value up to then; None where there is none."""
    earlier: Sequence[float] = [value for images, value in points if images <= at]
    return earlier[-1] if earlier else None
