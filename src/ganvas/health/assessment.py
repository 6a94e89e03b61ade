"""From evidence to findings, to a health status, and to what could not be checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganvas.health.evidence import Evidence
from ganvas.health.finding import Finding, HealthStatus
from ganvas.health.rules import RULES
from ganvas.health.rules.rule import Rule
from ganvas.recipes.first_shapes import enough_for_shapes
from ganvas.recipes.recipe import Recipe

IMPLIED_BY = {
    "ignores-labels": ("mode-collapse",),
    "mode-collapse": ("class-collapse",),
    "partial-collapse": ("mode-collapse", "class-collapse"),
}
"""Symptoms that other symptoms include: they are left out beside them, unless they are worse."""

MIN_CHECKED_FRACTION = 0.5
"""The fraction of the applicable rules that must have been evaluated before a run is "healthy".
With every recipe of the catalog it is under 0.45 before `learning_steps`, over 0.6 from then on.
"""


def apply_rules(evidence: Evidence) -> tuple[Finding, ...]:
    """The current findings, causes before consequences (the order of `RULES`).

    Those that are ending come last: what is seen now is to be changed first. They still include
    others (`IMPLIED_BY`), which else would begin and end while a value dips.
    """
    findings = {symptom: rule(evidence) for symptom, rule in RULES.items()}
    found = {symptom: finding for symptom, finding in findings.items() if finding is not None}
    open_now = [finding for finding in found.values() if not is_implied(finding, found)]
    return tuple(sorted(open_now, key=lambda finding: finding.ending))


def is_implied(finding: Finding, found: Mapping[str, Finding]) -> bool:
    """Whether another of these findings says the same, and no less."""
    others = (found[name] for name in IMPLIED_BY.get(finding.symptom, ()) if name in found)
    return any(finding.verdict == "watch" or other.verdict == "failing" for other in others)


def health_status(evidence: Evidence, findings: Sequence[Finding]) -> HealthStatus:
    """The worst verdict of the findings; without findings, healthy if enough rules were checked."""
    if findings:
        return "failing" if any(f.verdict == "failing" for f in findings) else "watch"
    rules = applicable_rules(evidence.recipe)
    checked = [rule for rule in rules if rule.reason_not_checked(evidence) is None]
    if len(checked) >= MIN_CHECKED_FRACTION * len(rules):
        return "healthy"
    steps = [evidence.generator_steps(record["images_seen"]) for record in evidence.probed]
    early = bool(steps) and steps[-1] < evidence.thresholds.learning_steps
    return "too early to tell" if early else "not judged"


def applicable_rules(recipe: Recipe) -> list[Rule]:
    """The rules whose symptoms can occur under a recipe."""
    return [rule for rule in RULES.values() if rule.reason_not_applicable(recipe) is None]


def not_applicable(recipe: Recipe) -> dict[str, str]:
    """The symptoms that cannot occur under a recipe, with the reason."""
    reasons = {symptom: rule.reason_not_applicable(recipe) for symptom, rule in RULES.items()}
    return {symptom: reason for symptom, reason in reasons.items() if reason is not None}


def all_rules_active_from(recipe: Recipe) -> int:
    """Images seen from which on every applicable rule is evaluated."""
    nothing = Evidence((), recipe)
    return max((rule.active_from(nothing) for rule in applicable_rules(recipe)), default=0)


def longer_budget(recipe: Recipe, channels: int) -> int:
    """The next larger budget: twice as long, all symptoms checked, and shapes to be seen.

    The one answer to how long to train, for whatever shows it.

    Args:
        channels: of the images.
    """
    shapes = enough_for_shapes(recipe, channels) or 0
    return max(2 * recipe.images, all_rules_active_from(recipe), shapes)


def not_checked(evidence: Evidence) -> dict[str, str]:
    """The symptoms that could not be checked, with the reason."""
    reasons = {symptom: rule.reason_not_checked(evidence) for symptom, rule in RULES.items()}
    return {symptom: reason for symptom, reason in reasons.items() if reason is not None}


def excused(evidence: Evidence) -> dict[str, tuple[str, ...]]:
    """Of symptoms without a finding: the numbers that would be suspicious, and why they are not."""
    sentences = {
        symptom: rule.excuses(evidence) for symptom, rule in RULES.items() if not rule(evidence)
    }
    return {symptom: excuses for symptom, excuses in sentences.items() if excuses}


def too_early(evidence: Evidence) -> tuple[str, ...]:
    """The symptoms that can be checked only later in the run."""
    applicable = {rule.symptom: rule for rule in applicable_rules(evidence.recipe)}
    return tuple(symptom for symptom, rule in applicable.items() if rule.is_too_early(evidence))


def severities(evidence: Evidence) -> dict[str, float]:
    """How close each checked rule is to a new finding: from 1 on there is one.

    An existing finding stays until its severity was below `Thresholds.release` for
    `Thresholds.recovery` evaluations in a row.
    """
    by_symptom = {symptom: rule.severity(evidence) for symptom, rule in RULES.items()}
    return {symptom: value for symptom, value in by_symptom.items() if value is not None}
