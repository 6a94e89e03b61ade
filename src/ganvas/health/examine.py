"""From a run's evidence to its findings, to a verdict, and to what could not be told."""

from __future__ import annotations

from collections.abc import Sequence

from ganvas.health.evidence import Evidence
from ganvas.health.finding import Finding, Verdict
from ganvas.health.rules import RULES
from ganvas.health.rules.rule import Rule
from ganvas.recipes.recipe import Recipe

SAYS_MORE = {"partial-collapse": "mode-collapse"}
"""Symptoms that another one includes: they are left out beside it."""

ENOUGH = 0.5
"""The share of the rules that apply to a recipe that must have looked before it is called healthy.
With every recipe that comes with ganvas it is under 0.45 before `learning_steps`, over 0.65 then.
"""


def examine(evidence: Evidence) -> tuple[Finding, ...]:
    """What is wrong now, causes before consequences (the order of `RULES`)."""
    findings = {symptom: rule(evidence) for symptom, rule in RULES.items()}
    return tuple(
        finding
        for symptom, finding in findings.items()
        if finding is not None and findings.get(SAYS_MORE.get(symptom, "")) is None
    )


def verdict_on(evidence: Evidence, findings: Sequence[Finding]) -> Verdict:
    """The worst of what was found; where nothing was, healthy only if enough rules could look."""
    if findings:
        return "failing" if any(one.verdict == "failing" for one in findings) else "watch"
    rules = applying(evidence.recipe)
    able = [rule for rule in rules if rule.reason_unable(evidence) is None]
    if len(able) >= ENOUGH * len(rules):
        return "healthy"
    looks = [evidence.generator_steps(record["images_seen"]) for record in evidence.probed]
    early = bool(looks) and looks[-1] < evidence.thresholds.learning_steps
    return "too early to tell" if early else "not judged"


def applying(recipe: Recipe) -> list[Rule]:
    """The rules whose symptoms can be told under a recipe at all."""
    return [rule for rule in RULES.values() if rule.applies(recipe) is None]


def impossible(recipe: Recipe) -> dict[str, str]:
    """The symptoms that cannot be told under a recipe, with the reason."""
    reasons = {symptom: rule.applies(recipe) for symptom, rule in RULES.items()}
    return {symptom: reason for symptom, reason in reasons.items() if reason is not None}


def all_look_from(recipe: Recipe) -> int:
    """Images seen from which on every rule that applies to a recipe looks."""
    nothing = Evidence((), recipe)
    return max((rule.first_look(nothing) for rule in applying(recipe)), default=0)


def unable(evidence: Evidence) -> dict[str, str]:
    """The symptoms that could not be looked for, with the reason."""
    reasons = {symptom: rule.reason_unable(evidence) for symptom, rule in RULES.items()}
    return {symptom: reason for symptom, reason in reasons.items() if reason is not None}


def signals(evidence: Evidence) -> dict[str, float]:
    """How near each rule that could look is to speak: from 1 on it does.

    A finding that is there already stays until its strength is below `Thresholds.release`.
    """
    strengths = {symptom: rule.signal(evidence) for symptom, rule in RULES.items()}
    return {symptom: value for symptom, value in strengths.items() if value is not None}
