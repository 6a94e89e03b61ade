"""`ganvas diagnose RUN`: is a run healthy, and if not, what should be changed?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ganvas.command_line import ganvas_command
from ganvas.formatting import format_count
from ganvas.terminal import print_lines

if TYPE_CHECKING:
    from ganvas.diagnosis import Diagnosis
    from ganvas.health.finding import Finding


STOPPED = ("diverged", "unhealthy")
"""States of a run that stopped by itself: it needs a change, not more images."""


@dataclass(frozen=True)
class Diagnose:
    """Say whether a run, finished or not, is healthy, and if not, what to change.

    The exit code is 1 if there are findings, else 0.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory."""
    verbose: bool = False
    """List suspicious numbers that are no finding, and symptoms not checked, with the reasons."""
    json: bool = False
    """Print one JSON object instead of text."""

    def run(self) -> int:
        """Print the diagnosis; 1 with findings, else 0."""
        from ganvas.diagnosis import diagnose

        diagnosis = diagnose(self.run_directory)
        if self.json:
            print(json.dumps(diagnosis.to_json(), indent=2))
        else:
            print_lines(*diagnosis_lines(diagnosis, self.verbose), "")
            if diagnosis.command:
                print_lines(f"a new run with the first change: {diagnosis.command}")
            print_lines(next_step(diagnosis, self.run_directory))
        return 1 if diagnosis.findings else 0


def diagnosis_lines(diagnosis: Diagnosis, verbose: bool) -> list[str]:
    """The diagnosis as text.

    Args:
        verbose: list what is suspicious but excused, and the symptoms that were not checked;
            otherwise a line counts the latter.
    """
    checked = diagnosis.applicable - len(diagnosis.not_checked)
    head = diagnosis.headline
    if not diagnosis.findings:
        count = f"{checked} of" if checked < diagnosis.applicable else "all"
        head += f"; checked {count} {diagnosis.applicable} symptoms that apply to its recipe"
    lines = [head]
    if diagnosis.status == "stopped without saving":
        lines.append(f"it was last saved at {diagnosis.saved_at:,} images, and would resume there")
    lines += [line for finding in diagnosis.findings for line in finding_lines(finding)]
    if diagnosis.records == 0:
        lines.append("no probes were taken yet, so there is nothing to judge by")
    past = [line for line in map(event_line, diagnosis.events) if line]
    if past:
        lines += ["", "what happened:", *(f"  {line}" for line in past)]
    if diagnosis.tuning is not None:
        lines += ["", *diagnosis.tuning.lines()]
    lines += [f"note: {text}" for text in diagnosis.caveats]
    if not verbose:
        return lines + unchecked_lines(diagnosis)
    if diagnosis.excused:
        lines += ["", "suspicious, but no finding:"]
        lines += [
            f"  {name}: {why}" for name, excuses in diagnosis.excused.items() for why in excuses
        ]
    reason_lists = {
        "not checked:": diagnosis.not_checked,
        "not applicable to this recipe:": diagnosis.not_applicable,
    }
    for title, reasons in reason_lists.items():
        if reasons:
            lines += ["", title, *(f"  {symptom}: {why}" for symptom, why in reasons.items())]
    return lines


def unchecked_lines(diagnosis: Diagnosis) -> list[str]:
    """How many symptoms were not checked, in one line; empty if all were."""
    early = len(diagnosis.too_early)
    others = len(diagnosis.not_checked) - early
    counts = [
        f"{format_count(early, 'symptom')} can be checked later, all from "
        f"{diagnosis.all_checked_from:,} images on"
        if early
        else "",
        f"{format_count(others, 'symptom')} could not be checked" if others else "",
    ]
    summary = "; ".join(count for count in counts if count)
    return [f"{summary} (--verbose says why)"] if summary else []


def next_step(diagnosis: Diagnosis, run: Path) -> str:
    """What to type next. A run that needs a change is not trained longer."""
    wanted = diagnosis.all_checked_from
    is_over = diagnosis.status in STOPPED or (
        diagnosis.status == "finished" and diagnosis.verdict == "watch"
    )
    if is_over or diagnosis.verdict == "failing" or not diagnosis.too_early:
        return f"next: {ganvas_command('report', run)}"
    if diagnosis.status == "running":
        command = ganvas_command("diagnose", run)
        return f"it is still training; from {wanted:,} images on: {command}"
    if diagnosis.status != "finished" and diagnosis.budget >= wanted:
        return f"next: {ganvas_command('resume', run)}"
    return f"next: {ganvas_command('resume', run, '--images', diagnosis.longer_budget)}"


def finding_lines(finding: Finding) -> list[str]:
    """One finding: symptom, confidence, meaning, numbers, and what to change."""
    lines = [
        "",
        f"{finding.verdict}: {finding.symptom}, since {finding.since:,} images "
        f"(confidence {finding.confidence:.0%})",
        f"  {finding.meaning}",
    ]
    verb = "was" if finding.ending else "is"
    for number in finding.numbers:
        lines.append(f"  {number.name} {verb} {number.value:.4g}; normal: {number.normal}")
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
