"""The attempts of a run and when each symptom lasted: from findings.jsonl and its rewinds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ganvas import json_files
from ganvas.formatting import format_list
from ganvas.health.finding import Change
from ganvas.reports.charts import Span, TimelineRow
from ganvas.reports.texts import as_sentence, symptom_name
from ganvas.runs import Run
from ganvas.runs.history import Record
from ganvas.training.rewind import PLAN, Rewind, rewind_dirs


@dataclass(frozen=True)
class Attempt:
    """One attempt at training: one that a rewind discarded, or the current one.

    files: its recipe, history, findings and samples; of a discarded one, nothing else is kept.
    begin, end: in images seen; it begins where the rewind before it went back to.
    rewind: the one that discarded it; None for the current attempt.
    """

    number: int
    files: Run
    begin: int
    end: int
    findings: list[Record]
    history: list[Record]
    rewind: Rewind | None = None

    @property
    def name(self) -> str:
        """`attempt 1`."""
        return f"attempt {self.number}"


def read_attempts(run: Run) -> list[Attempt]:
    """Every attempt of the run, in order; the last is the current one."""
    attempts: list[Attempt] = []
    begin = 0
    for directory in rewind_dirs(run):
        rewind = json_files.read_dataclass(directory / PLAN, Rewind)
        files, number = Run(directory), len(attempts) + 1
        attempts.append(_attempt(number, files, begin, rewind.failed_at, rewind))
        begin = rewind.to
    history = run.history.records()
    end = max(history[-1]["images_seen"] if history else 0, run.read_status().images_seen)
    return [*attempts, _attempt(len(attempts) + 1, run, begin, end, None)]


def _attempt(number: int, files: Run, begin: int, end: int, rewind: Rewind | None) -> Attempt:
    findings, history = files.findings.records(), files.history.records()
    return Attempt(number, files, begin, max(end, begin), findings, history, rewind)


@dataclass(frozen=True)
class Episode:
    """A symptom from its onset to its end, in images seen.

    until: None while it lasts.
    failing_from: None if it was only ever to be watched.
    verdict, meaning: of its newest finding.
    """

    symptom: str
    since: int
    until: int | None
    failing_from: int | None
    verdict: str
    meaning: str


def episodes(events: list[Record]) -> list[Episode]:
    """The symptoms in the records of findings.jsonl: those that ended, then those that last."""
    ended: list[Episode] = []
    lasting: dict[str, Episode] = {}
    for event in events:
        name = event.get("symptom", "")
        if event["event"] in ("onset", "worse"):
            lasting[name] = _episode(event, lasting.get(name))
        elif event["event"] == "end" and name in lasting:
            ended.append(replace(lasting.pop(name), until=event["images_seen"]))
    return [*ended, *lasting.values()]


def _episode(event: Record, known: Episode | None) -> Episode:
    """The episode that an onset begins, or that a worsening continues."""
    failing_from = None if known is None else known.failing_from
    if event["verdict"] == "failing" and failing_from is None:
        failing_from = event["since"] if event["event"] == "onset" else event["images_seen"]
    since = event["since"] if known is None else known.since
    meaning = event.get("meaning", "")
    return Episode(event["symptom"], since, None, failing_from, event["verdict"], meaning)


def spans(events: list[Record], begin: int, end: int) -> list[Span]:
    """The episodes between `begin` and `end`, cut where they reach beyond them."""
    lasted = [
        Span(
            symptom_name(episode.symptom),
            max(episode.since, begin),
            end if episode.until is None else episode.until,
            None if episode.failing_from is None else max(episode.failing_from, begin),
        )
        for episode in episodes(events)
        if episode.until is None or episode.until > begin
    ]
    return sorted(lasted, key=lambda span: (span.since, span.name))


def ended_symptoms(events: list[Record]) -> list[str]:
    """Each symptom that ended, in two sentences."""
    return [
        f"{as_sentence(symptom_name(episode.symptom)).removesuffix('.')} ({episode.verdict}), "
        f"from {episode.since:,} to {episode.until:,} images. {as_sentence(episode.meaning)}"
        for episode in episodes(events)
        if episode.until is not None
    ]


def timeline_rows(attempts: list[Attempt], ending: str) -> list[TimelineRow]:
    """The attempts for the timeline.

    Args:
        ending: the state of the last one, in a word.
    """
    return [
        TimelineRow(
            attempt.name if len(attempts) > 1 else "training",
            attempt.begin,
            attempt.end,
            ending if attempt.rewind is None else "discarded",
            spans(attempt.findings, attempt.begin, attempt.end),
        )
        for attempt in attempts
    ]


def describe_rows(rows: list[TimelineRow]) -> str:
    """A timeline in words, for readers who cannot see it."""
    return ". ".join(_describe_row(row) for row in rows)


def _describe_row(row: TimelineRow) -> str:
    symptoms = [
        f"{span.name} from {span.since:,.0f} to {span.until:,.0f}"
        + (f", failing from {span.failing_from:,.0f}" if span.failing_from is not None else "")
        for span in row.spans
    ]
    attempt = f"{row.name}, from {row.begin:,.0f} to {row.end:,.0f} images ({row.ending})"
    return f"{attempt}: {'; '.join(symptoms) or 'no symptom'}"


def _in_words(change: Change) -> str:
    """`the generator's learning rate set to 0.0002`."""
    field = change.field.replace("_", " ").replace(".", "'s ", 1)
    return f"the {field} set to {change.value}"


def describe_rewind(attempt: Attempt) -> str:
    """Why an attempt was discarded and what was changed, in two or three sentences."""
    rewind = attempt.rewind
    assert rewind is not None
    change, symptom = rewind.change, rewind.symptom
    meanings = (e.meaning for e in reversed(episodes(attempt.findings)) if e.symptom == symptom)
    meaning = as_sentence(next(filter(None, meanings), ""))
    to = f"went back to {rewind.to:,} images" if rewind.to else "started again from the beginning"
    settings = [_in_words(part) for part in change.parts]
    return (
        f"At {rewind.failed_at:,} images training was failing: {symptom_name(symptom)}. "
        f"{meaning + ' ' if meaning else ''}It {to}, with {format_list(settings)}: "
        f"{change.why}."
    )
