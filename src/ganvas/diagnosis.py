"""From a run's files to a verdict: what `ganvas diagnose` says, of a run in whatever state."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ganvas.health.evidence import Evidence, reservations
from ganvas.health.examine import applying, examine, impossible, unable, verdict_on
from ganvas.health.finding import Finding, Verdict
from ganvas.runs import Run
from ganvas.runs.history import Record


@dataclass(frozen=True)
class Diagnosis:
    """How a run stands, and on what ground that is said."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    """What is wrong now, most causal and serious first."""
    status: str
    """running, finished, interrupted, diverged or unhealthy; a killed run still says running."""
    images_seen: int
    """Of the newest record."""
    records: int
    """How many of the history's records have probes."""
    possible: int
    """How many symptoms a run of this recipe can show."""
    unable: dict[str, str]
    """Those of them that could not be looked for, and why."""
    impossible: dict[str, str]
    """The other symptoms, and why a run of this recipe cannot show them."""
    reservations: tuple[str, ...]
    """What is the matter with the files, where something is."""
    events: tuple[Record, ...]
    """findings.jsonl: what began, got worse, ended, and led to going back."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `ganvas diagnose --json` prints them."""
        findings = [
            {
                **finding.to_table(),
                "advice": [{**asdict(change), "flag": change.flag} for change in finding.advice],
            }
            for finding in self.findings
        ]
        return {**asdict(self), "findings": findings}


def diagnose(run: Run | Path | str) -> Diagnosis:
    """Apply the rules of health to what a run has written.

    Args:
        run: a finished, running, stopped or killed run, or its directory.

    Raises:
        RunError: it is not a run, or of another format.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    evidence = evidence_of(run)
    findings = examine(evidence)
    judged = evidence.judged
    ruled_out = impossible(evidence.recipe)
    status = run.read_status()
    newest = judged[-1]["images_seen"] if judged else status.images_seen
    return Diagnosis(
        verdict=verdict_on(evidence, findings),
        findings=findings,
        status=status.status,
        images_seen=newest,
        records=len(evidence.probed),
        possible=len(applying(evidence.recipe)),
        unable={name: why for name, why in unable(evidence).items() if name not in ruled_out},
        impossible=ruled_out,
        reservations=reservations(evidence),
        events=tuple(
            event for event in run.findings.records() if {"event", "images_seen"} <= event.keys()
        ),
    )


def evidence_of(run: Run) -> Evidence:
    """What the rules look at, read from a run's files."""
    status, data = run.read_status(), run.read_data()
    known = {"images", "held_out"} <= data.keys()
    return Evidence(
        records=tuple(run.history.records()),
        recipe=run.read_recipe(),
        training_images=data["images"] - data["held_out"] if known else None,
        scores=tuple(run.scores.records()),
        stopped=status.reason if status.status == "diverged" else "",
    )
