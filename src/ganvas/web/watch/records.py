"""What a run has recorded beside its history: findings and scores, followed as they come."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ganvas import json_files
from ganvas.errors import GanvasError
from ganvas.health.evidence import finite_number, images_seen
from ganvas.health.finding import Finding, HealthStatus
from ganvas.runs.history import Record
from ganvas.runs.tables import FindingRecord, ScoreRecord
from ganvas.web.watch.series import Series
from ganvas.web.watch.tail import Tail

MOST_EVENTS = 100
"""The newest that are kept of each run."""


def record_of(line: bytes, kind: Any = None) -> Record | None:
    """A line as a record; None for one that is cut, damaged, or from another version.

    Args:
        line: of history.jsonl, findings.jsonl or scores.jsonl.
        kind: the `TypedDict` whose fields it must have; None: only images seen.
    """
    try:
        record = json.loads(line)  # of a history only numbers are used, however deep the rest
        if kind is not None:
            json_files.check_nesting(record)
            json_files.check_table(kind, record)
    except (ValueError, RecursionError):
        return None
    return record if images_seen(record) is not None else None


def new_records(tail: Tail, kind: Any) -> tuple[bool, list[Record]]:
    """Whether a file begins anew, and all its records that were not read yet."""
    restarted = False
    records: list[Record] = []
    while True:
        lines = tail.read()
        if lines.restarted:
            restarted = True
            records.clear()
        records += [record for line in lines.lines if (record := record_of(line, kind))]
        if not tail.is_behind:
            return restarted, records


@dataclass
class Findings:
    """The findings of a run: those that are open, and what happened."""

    tail: Tail
    open: dict[str, Record] = field(default_factory=dict)
    """The event that opened a finding or made it worse, by symptom."""
    events: deque[Record] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))

    def poll(self) -> None:
        """Read what is new.

        Raises:
            RunError: the file cannot be read.
        """
        restarted, records = new_records(self.tail, FindingRecord)
        if restarted:
            self.open.clear()
            self.events.clear()
        for record in records:
            self.events.append(record)
            match record["event"]:
                case "onset" | "worse":
                    since = self.open.get(record["symptom"], record)["since"]
                    self.open[record["symptom"]] = {**record, "since": since}
                case "end":
                    self.open.pop(record["symptom"], None)

    @property
    def verdict(self) -> HealthStatus | None:
        """That of the worst open finding; None without any."""
        return self.worst_first[0]["verdict"] if self.open else None

    @property
    def symptom(self) -> str:
        """That of the worst open finding; empty without any."""
        return self.worst_first[0]["symptom"] if self.open else ""

    @property
    def worst_first(self) -> list[Record]:
        """The open findings, of those as bad as each other the first that came."""
        return sorted(self.open.values(), key=lambda record: bool(record["verdict"] != "failing"))

    def tables(self) -> list[dict[str, Any]]:
        """The open findings as the page shows them, the worst first."""
        return [finding_table(record) for record in self.worst_first]

    def lines(self) -> list[dict[str, Any]]:
        """What happened, newest first."""
        return [event_table(record) for record in reversed(self.events)]


def finding_table(record: Record) -> dict[str, Any]:
    """A finding for the page; one of another version or damaged without its numbers and advice."""
    table = {key: record.get(key, "") for key in ("symptom", "verdict", "since", "meaning")}
    try:
        finding = Finding.from_table(record)
        numbers = [json_files.to_plain(number) for number in finding.numbers]
        json_files.check_finite(numbers)
    except (GanvasError, ValueError):
        return {**table, "numbers": [], "advice": [], "paper": ""}
    return {
        **table,
        "numbers": numbers,
        "advice": [{"flag": change.flag, "why": change.why} for change in finding.advice],
        "paper": finding.paper,
    }


def event_table(record: Record) -> dict[str, Any]:
    """An event for the page."""
    keys = ("event", "images_seen", "symptom", "verdict", "meaning", "failed_at", "number")
    return {key: record[key] for key in keys if key in record}


@dataclass
class Scores:
    """The scores of a run: each metric over images seen, and the newest."""

    tail: Tail
    series: Series = field(default_factory=Series)
    latest: Record | None = None
    """Of several measured together the first."""
    floors: dict[str, float] = field(default_factory=dict)
    """What real images score, by metric."""

    def poll(self) -> None:
        """Read what is new.

        Raises:
            RunError: the file cannot be read.
        """
        restarted, records = new_records(self.tail, ScoreRecord)
        if restarted:
            self.series.clear()
            self.floors.clear()
            self.latest = None
        for record in records:
            self._add(record)

    def _add(self, record: Record) -> None:
        value, metric = finite_number(record["value"]), record["metric"]
        if value is None:
            return
        if record["while_training"]:  # others are measured at any time, and not in order
            self.series.add(record["images_seen"], {metric: value})
        floor = finite_number(record["floor"])
        if floor is not None:
            self.floors[metric] = floor
        together = self.latest is not None and all(
            self.latest[key] == record[key] for key in ("images_seen", "while_training")
        )
        if not together or (self.latest is not None and self.latest["metric"] == metric):
            self.latest = record

    def table(self) -> dict[str, Any] | None:
        """The newest score for the page; None before the first."""
        if self.latest is None:
            return None
        table = {key: self.latest[key] for key in ("metric", "value", "images_seen")}
        return {**table, "floor": finite_number(self.latest["floor"])}


def finite_numbers(record: Record) -> Iterator[tuple[str, float]]:
    """The columns of a record of the history that are numbers."""
    for name, value in record.items():
        number = finite_number(value)
        if number is not None and name != "images_seen":
            yield name, number
