"""From a run's evidence to its findings, and to what could not be told."""

from __future__ import annotations

from ganvas.health.evidence import Evidence
from ganvas.health.finding import Finding
from ganvas.health.rules import RULES

SAYS_MORE = {"partial-collapse": "mode-collapse"}
"""Symptoms that another one includes: they are left out beside it."""


def examine(evidence: Evidence) -> tuple[Finding, ...]:
    """What is wrong now, causes before consequences (the order of `RULES`)."""
    findings = {symptom: rule(evidence) for symptom, rule in RULES.items()}
    return tuple(
        finding
        for symptom, finding in findings.items()
        if finding is not None and findings.get(SAYS_MORE.get(symptom, "")) is None
    )


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
