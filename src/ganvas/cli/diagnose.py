"""`ganvas diagnose RUN`: is training healthy, and if not, what would one change?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from ganvas.diagnosis import Diagnosis
    from ganvas.health.finding import Finding


@dataclass(frozen=True)
class Diagnose:
    """Say whether a finished, running or killed run is healthy, and if not, what to change.

    Ends with 1 where something was found, else with 0.
    """

    run_directory: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run directory."""
    json: bool = False
    """Print one JSON object instead of words."""

    def run(self) -> int:
        """Print the verdict; 1 with findings, else 0."""
        from ganvas.diagnosis import diagnose

        found = diagnose(self.run_directory)
        text = json.dumps(found.to_json(), indent=2) if self.json else "\n".join(lines(found))
        print(text)
        return 1 if found.findings else 0


def lines(found: Diagnosis) -> list[str]:
    """The diagnosis in words."""
    able = found.possible - len(found.unable)
    head = f"{found.verdict} at {found.images_seen:,} images ({found.status})"
    if not found.findings:
        count = f"{able} of the" if able < found.possible else "all"
        head += f"; looked for {count} {found.possible} symptoms it can show"
    said = [head, *(line for finding in found.findings for line in about(finding))]
    if found.records == 0:
        said.append("nothing was probed yet, so there is nothing to judge by")
    past = [told for told in map(story, found.events) if told]
    if past:
        said += ["", "what happened:", *(f"  {told}" for told in past)]
    said += [f"note: {text}" for text in found.reservations]
    lists = {
        "not looked for:": found.unable,
        "cannot be shown by a run of this recipe:": found.impossible,
    }
    for title, reasons in lists.items():
        if reasons:
            said += ["", title, *(f"  {symptom}: {why}" for symptom, why in reasons.items())]
    return said


def about(finding: Finding) -> list[str]:
    """One finding: what, how sure, what it means, the numbers, what to change."""
    said = [
        "",
        f"{finding.verdict}: {finding.symptom}, since {finding.since:,} images "
        f"({finding.confidence:.0%} sure)",
        f"  {finding.meaning}",
    ]
    for one in finding.numbers:
        said.append(f"  {one.name} is {one.value:.4g}; normal: {one.normal}")
    for change in finding.advice:
        said.append(f"  try {change.flag}  ({change.why})")
    return [*said, f"  see {finding.paper}"]


def story(event: dict[str, object]) -> str:
    """One line of what is over or was done; what is still open is told elsewhere."""
    seen = f"{event['images_seen']:,}"
    match event["event"]:
        case "end":
            return f"{seen}: {event['symptom']} is over"
        case "onset" | "worse":
            return f"{seen}: {event['verdict']}, {event['symptom']}"
        case "rewind":
            return (
                f"{seen}: went back here from {event['failed_at']:,}, because of "
                f"{event['symptom']} (rewound/{event['number']})"
            )
    return ""
