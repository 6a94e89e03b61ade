"""`diagnose`: apply the health rules to a run's files, whatever state the run is in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganvas import notebook
from ganvas.command_line import ganvas_command
from ganvas.health.assessment import (
    all_rules_active_from,
    applicable_rules,
    apply_rules,
    excused,
    health_status,
    longer_budget,
    not_applicable,
    not_checked,
    too_early,
)
from ganvas.health.evidence import Evidence, caveats
from ganvas.health.finding import Finding, HealthStatus
from ganvas.json_files import to_plain
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.runs.status import State
from ganvas.runs.training_command import Places, arguments_with_change
from ganvas.runs.tuning import Tuning, read_tuning


@dataclass(frozen=True)
class Diagnosis:
    """The health status of a run, and what it is based on."""

    verdict: HealthStatus
    findings: tuple[Finding, ...]
    """The current findings, causes before consequences."""
    status: State
    """Of the run: running, finished, interrupted, stopped without saving, diverged, unhealthy."""
    images_seen: int
    """Of the newest record."""
    saved_at: int
    """Images seen at the last checkpoint, from which the run resumes."""
    records: int
    """How many of the history's records have probes."""
    applicable: int
    """How many symptoms can occur under this recipe."""
    not_checked: dict[str, str]
    """Those of them that could not be checked, and why."""
    too_early: tuple[str, ...]
    """Those of them that can be checked only later in the run."""
    all_checked_from: int
    """Images seen from which on every applicable symptom is checked."""
    budget: int
    """How many images the run is to see."""
    longer_budget: int
    """The next larger budget, for a run that was too short (`health.assessment`)."""
    not_applicable: dict[str, str]
    """The symptoms that cannot occur under this recipe, and why."""
    caveats: tuple[str, ...]
    """Problems with the files that make the status uncertain, one sentence each."""
    events: tuple[Record, ...]
    """findings.jsonl: onset, worsening and end of findings, and rewinds."""
    tuning: Tuning | None = None
    """Which values `--tune` tried at the start, and what came out; None without it."""
    command: str = ""
    """The `ganvas train` of a new run with the first advice; empty where there is none."""
    excused: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Symptoms without a finding whose numbers would be suspicious, and why they are not."""

    @property
    def headline(self) -> str:
        """The status in one line: `watch at 12,000 images (finished)`."""
        return f"{self.verdict} at {self.images_seen:,} images ({self.status})"

    def __repr__(self) -> str:
        """Short: the headline and the symptoms."""
        symptoms = ", ".join(finding.symptom for finding in self.findings)
        return f"Diagnosis({self.headline}{symptoms and f': {symptoms}'})"

    def _repr_html_(self) -> str:
        parts = [notebook.paragraph(self.headline)]
        if self.findings:
            rows = [
                (
                    f"{finding.verdict}: {finding.symptom}",
                    finding.meaning,
                    " or ".join(change.flag for change in finding.advice),
                )
                for finding in self.findings
            ]
            parts.append(notebook.table(("finding", "meaning", "try"), rows))
        parts += [notebook.paragraph(f"note: {text}") for text in self.caveats]
        return "".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `ganvas diagnose --json` prints them."""
        findings = [
            {
                **finding.to_table(),
                "advice": [{**to_plain(change), "flag": change.flag} for change in finding.advice],
            }
            for finding in self.findings
        ]
        return {**to_plain(self), "findings": findings}


def diagnose(run: Run | Path | str) -> Diagnosis:
    """Apply the health rules to what a run has written.

    Args:
        run: a run in any state, or its directory.

    Raises:
        RunError: it is not a run, or has another format.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    evidence = evidence_of(run)
    findings = apply_rules(evidence)
    records = evidence.valid_records
    excluded = not_applicable(evidence.recipe)
    status = run.read_status()
    newest = records[-1]["images_seen"] if records else status.images_seen
    return Diagnosis(
        verdict=health_status(evidence, findings),
        findings=findings,
        status=run.state(),
        images_seen=newest,
        saved_at=status.images_seen,
        records=len(evidence.probed),
        applicable=len(applicable_rules(evidence.recipe)),
        not_checked={k: why for k, why in not_checked(evidence).items() if k not in excluded},
        too_early=too_early(evidence),
        all_checked_from=all_rules_active_from(evidence.recipe),
        budget=evidence.recipe.images,
        longer_budget=longer_budget(evidence.recipe, run.read_data()["shape"]["channels"]),
        not_applicable=excluded,
        caveats=caveats(evidence),
        events=tuple(
            event for event in run.findings.records() if {"event", "images_seen"} <= event.keys()
        ),
        tuning=read_tuning(run.directory),
        command=command_with_advice(run, findings),
        excused=excused(evidence),
    )


def command_with_advice(run: Run, findings: Sequence[Finding]) -> str:
    """The `ganvas train` of a run like this with the first advice; empty where there is none."""
    first = next((change for finding in findings[:1] for change in finding.advice), None)
    arguments = None if first is None else arguments_with_change(run, first, Places.of(run))
    return "" if arguments is None else ganvas_command(*arguments)


def evidence_of(run: Run) -> Evidence:
    """Read what the rules need from a run's files."""
    status, data = run.read_status(), run.read_data()
    known = {"images", "held_out"} <= data.keys()
    return Evidence(
        records=tuple(run.history.records()),
        recipe=run.read_recipe(),
        training_images=data["images"] - data["held_out"] if known else None,
        scores=tuple(run.scores.records()),
        stopped=status.reason if status.status == "diverged" else "",
        held_out_images=data["held_out"] if known else None,
    )
