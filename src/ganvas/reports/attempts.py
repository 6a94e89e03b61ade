"""What health said over a run, as spans and words: findings.jsonl, and what rewinds gave up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ganvas.errors import GanvasError
from ganvas.health.finding import Finding
from ganvas.recipes import Recipe
from ganvas.reports import words
from ganvas.reports.charts import Lane, Span
from ganvas.runs import History, Run
from ganvas.runs.history import Record

PLAN = "plan.json"
"""What a rewind is, in the folder of what it gave up (see `training.rewind`)."""


@dataclass(frozen=True)
class Attempt:
    """One course of training: one that a rewind gave up, or the one that stands.

    begin, end: in images seen; it begins where the rewind before it went back to.
    rewind: the plan of the rewind that gave it up; None for the one that stands.
    """

    number: int
    directory: Path
    begin: int
    end: int
    findings: list[Record]
    history: list[Record]
    rewind: Record | None = None

    @property
    def recipe(self) -> Recipe:
        """What it was trained with."""
        return Recipe.from_file(self.directory / "recipe.json")


def attempts(run: Run) -> list[Attempt]:
    """Every course that the run took, in order; the last is what it is now."""
    found: list[Attempt] = []
    begin = 0
    for place in sorted((run.directory / "rewound").glob(f"[0-9]*/{PLAN}")):
        plan = json.loads(place.read_text(encoding="utf-8"))
        found.append(_attempt(len(found) + 1, place.parent, begin, plan["failed_at"], plan))
        begin = plan["to"]
    history = run.history.records()
    end = max(history[-1]["images_seen"] if history else 0, run.read_status()["images_seen"])
    return [*found, _attempt(len(found) + 1, run.directory, begin, end, None)]


def _attempt(number: int, place: Path, begin: int, end: int, plan: Record | None) -> Attempt:
    findings = History(place / "findings.jsonl").records()
    history = History(place / "history.jsonl").records()
    return Attempt(number, place, begin, max(end, begin), findings, history, plan)


def spans(events: list[Record], begin: int, end: int) -> list[Span]:
    """When each symptom was there, from the records of findings.jsonl; open ones last to the end.

    A symptom that was carried over from before `begin` begins there.
    """
    closed: list[Span] = []
    open_: dict[str, tuple[float, float | None]] = {}
    for event in events:
        name, seen = event.get("symptom", ""), event["images_seen"]
        if event["event"] in ("onset", "worse"):
            since, failing = open_.get(name, (event["since"], None))
            if event["verdict"] == "failing" and failing is None:
                failing = event["since"] if event["event"] == "onset" else seen
            open_[name] = (since, failing)
        elif event["event"] == "end" and name in open_:
            closed.append(_span(name, *open_.pop(name), begin, seen))
    still = [_span(name, *found, begin, end) for name, found in open_.items()]
    seen_here = [span for span in closed if span.until > begin] + still
    return sorted(seen_here, key=lambda span: (span.since, span.name))


def _span(name: str, since: float, failing: float | None, begin: float, until: float) -> Span:
    failing = None if failing is None else max(failing, begin)
    return Span(words.symptom(name), max(since, begin), until, failing)


def lanes(taken: list[Attempt], ending: str) -> list[Lane]:
    """The attempts for the timeline.

    Args:
        ending: how the last one stands, in a word.
    """
    found = []
    for attempt in taken:
        course = spans(attempt.findings, attempt.begin, attempt.end)
        name = f"attempt {attempt.number}" if len(taken) > 1 else "training"
        ends = ending if attempt.rewind is None else "given up"
        found.append(Lane(name, attempt.begin, attempt.end, ends, course))
    return found


def lane_in_words(lane: Lane) -> str:
    """A line of the timeline for those who cannot see it."""
    course = [
        f"{span.name} from {span.since:,.0f} to {span.until:,.0f}"
        + (f", failing from {span.failing_from:,.0f}" if span.failing_from is not None else "")
        for span in lane.spans
    ]
    ends = f"{lane.name}, from {lane.begin:,.0f} to {lane.end:,.0f} images ({lane.ending})"
    return f"{ends}: {'; '.join(course) or 'no symptom'}"


def rewind_in_words(attempt: Attempt) -> str:
    """Why an attempt was given up, and what was done, in two or three sentences."""
    plan = attempt.rewind
    assert plan is not None
    change = plan["change"]
    why = last_meaning(attempt, plan["symptom"])
    back = (
        f"went back to {plan['to']:,} images" if plan["to"] else "began anew from the first image"
    )
    field = change["field"].replace("_", " ").replace(".", "'s ", 1)
    return (
        f"At {plan['failed_at']:,} images training was found to fail: "
        f"{words.symptom(plan['symptom'])}. {why + ' ' if why else ''}So it {back}, with the "
        f"{field} set to {change['value']}: {change['why']}."
    )


def last_meaning(attempt: Attempt, symptom: str) -> str:
    """What the symptom means, as the attempt's findings say; nothing where they do not."""
    for event in reversed(attempt.findings):
        if event.get("symptom") == symptom and "meaning" in event:
            return words.sentence(event["meaning"])
    return ""


def finding_of(event: Record) -> Finding | None:
    """The finding of an onset; None where the event is no finding of this version."""
    try:
        return Finding.from_table(event)
    except GanvasError:
        return None


def over(events: list[Record]) -> list[str]:
    """What began and is over, a sentence each."""
    began: dict[str, Record] = {}
    said = []
    for event in events:
        name = event.get("symptom", "")
        if event["event"] in ("onset", "worse"):
            began[name] = event if event["event"] == "worse" else began.get(name, event)
        elif event["event"] == "end" and name in began:
            first = began.pop(name)
            said.append(
                f"{words.sentence(words.symptom(name)).removesuffix('.')} ({first['verdict']}), "
                f"from {first['since']:,} to {event['images_seen']:,} images. "
                f"{words.sentence(first.get('meaning', ''))}"
            )
    return said
