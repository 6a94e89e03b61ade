"""`ganvas diagnose RUN`: is a run healthy, and if not, what should be changed?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ganvas.terminal import print_lines

if TYPE_CHECKING:
    from ganvas.diagnosis import Diagnosis
    from ganvas.health.finding import Finding


@dataclass(frozen=True)
class Diagnose:
    """Say whether a run, finished or not, is healthy, and if not, what to change.

    Ends with 1 if there are findings, else with 0.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory."""
    json: bool = False
    """Print one JSON object instead of text."""

    def run(self) -> int:
        """Print the diagnosis; 1 with findings, else 0."""
        from ganvas.diagnosis import diagnose

        diagnosis = diagnose(self.run_directory)
        if self.json:
            print(json.dumps(diagnosis.to_json(), indent=2))
        else:
            print_lines(*diagnosis_lines(diagnosis))
        return 1 if diagnosis.findings else 0


def diagnosis_lines(diagnosis: Diagnosis) -> list[str]:
    """The diagnosis as text."""
    checked = diagnosis.applicable - len(diagnosis.not_checked)
    head = f"{diagnosis.verdict} at {diagnosis.images_seen:,} images ({diagnosis.status})"
    if not diagnosis.findings:
        count = f"{checked} of" if checked < diagnosis.applicable else "all"
        head += f"; checked {count} {diagnosis.applicable} symptoms that apply to its recipe"
    lines = [head, *(line for finding in diagnosis.findings for line in finding_lines(finding))]
    if diagnosis.records == 0:
        lines.append("no probes were taken yet, so there is nothing to judge by")
    past = [line for line in map(event_line, diagnosis.events) if line]
    if past:
        lines += ["", "what happened:", *(f"  {line}" for line in past)]
    lines += [f"note: {text}" for text in diagnosis.caveats]
    reason_lists = {
        "not checked:": diagnosis.not_checked,
        "not applicable to this recipe:": diagnosis.not_applicable,
    }
    for title, reasons in reason_lists.items():
        if reasons:
            lines += ["", title, *(f"  {symptom}: {why}" for symptom, why in reasons.items())]
    return lines


def finding_lines(finding: Finding) -> list[str]:
    """One finding: symptom, confidence, meaning, numbers, and what to change."""
    lines = [
        "",
        f"{finding.verdict}: {finding.symptom}, since {finding.since:,} images "
        f"(confidence {finding.confidence:.0%})",
        f"  {finding.meaning}",
    ]
    for number in finding.numbers:
        lines.append(f"  {number.name} is {number.value:.4g}; normal: {number.normal}")
    for change in finding.advice:
        lines.append(f"  try {change.flag}  ({change.why})")
    return [*lines, f"  see {finding.paper}"]


def event_line(event: dict[str, object]) -> str:
    """One line for a past event; empty for events of other kinds."""
    seen = f"{event['images_seen']:,}"
    match event["event"]:
        case "end":
            return f"{seen}: {event['symptom']} is over"
        case "onset" | "worse":
            return f"{seen}: {event['verdict']}, {event['symptom']}"
        case "rewind":
            return (
                f"{seen}: rewound to here from {event['failed_at']:,}, because of "
                f"{event['symptom']} (rewound/{event['number']})"
            )
    return ""
