"""The history of a run: append-only records, read back as records or columns."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ganvas import json_files, storage
from ganvas.errors import GanvasError
from ganvas.runs.tables import HistoryRecord

if TYPE_CHECKING:
    import pandas

Record = dict[str, Any]
"""Measurements at one time: `images_seen`, and values by name.

In the history: means since the last record, and timings. In the scores: one score.
"""

TIMINGS = ("seconds", "images_per_second", "data_wait", "memory_mb")
"""Fields that differ between otherwise identical runs."""

TAIL = 2**16
"""Bytes that surely contain the last record."""


@dataclass(frozen=True)
class History:
    """A file of records. Reading is safe while another process appends, and after a kill."""

    path: Path
    kind: Any = HistoryRecord
    """What a record must be: a `TypedDict`, or one of several."""

    def append(self, record: Record) -> None:
        """Append one record."""
        storage.append_line(self.path, json.dumps(record))

    def records(self) -> list[Record]:
        """All whole records, oldest first.

        A line is left out if a kill has cut it, a full disk has cut it and another was appended to
        it, or it has other fields than such a record.
        """
        return self.records_from(0)[0]

    def records_from(self, position: int) -> tuple[list[Record], int]:
        """The whole records after so many bytes of the file, and where the next ones will begin.

        A line that is still being written is read the next time.
        """
        if not self.path.exists():
            return [], position
        with self.path.open("rb") as file:
            file.seek(position)
            lines = file.read().splitlines(keepends=True)
        records = [record for line in lines if (record := self._record(line)) is not None]
        whole = sum(len(line) for line in lines if line.endswith(b"\n"))
        return records, position + whole

    def _record(self, line: bytes) -> Record | None:
        """The record of a line; None if it is not whole."""
        if not line.endswith(b"\n"):
            return None
        try:
            record: Record = json_files.parse_json(line)
            json_files.check_table(self.kind, record)
        except ValueError:
            return None
        return record

    def last_record(self) -> Record | None:
        """The last complete record, without reading the whole file; None if there is none."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                lines = file.read().splitlines(keepends=True)
        except OSError:
            return None
        return next(filter(None, map(self._record, reversed(lines))), None)

    def column(self, name: str) -> list[float]:
        """One quantity over time; records without it are left out."""
        return [record[name] for record in self.records() if name in record]

    def arrays(self) -> dict[str, npt.NDArray[np.float64]]:
        """Every quantity that is a number, by name, as float64 (R,) for R records.

        Where a record lacks it, NaN. `images_seen` is among them, the x axis of the others.
        """
        records = self.records()
        names = dict.fromkeys(
            name
            for record in records
            for name, value in record.items()
            if isinstance(value, int | float)
        )
        return {
            name: np.array([record.get(name, np.nan) for record in records], np.float64)
            for name in names
        }

    def frame(self) -> pandas.DataFrame:
        """The records as a pandas frame, indexed by `images_seen`.

        Raises:
            GanvasError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise GanvasError("history.frame() needs pandas: pip install pandas") from error
        records = self.records()
        return pandas.DataFrame.from_records(records, index="images_seen" if records else None)

    def truncate_after(self, images_seen: int) -> None:
        """Delete records after the checkpoint from which training resumes."""
        if not self.path.exists():
            return
        kept = [record for record in self.records() if record["images_seen"] <= images_seen]
        lines = "".join(json.dumps(record) + "\n" for record in kept)
        storage.write_bytes(self.path, lines.encode())


def records_with(records: Iterable[Record], *names: str) -> list[Record]:
    """Those that have all of these fields, which a damaged line may lack."""
    return [record for record in records if set(names) <= record.keys()]


def failing_spans(findings: list[Record]) -> list[tuple[int, float]]:
    """The spans of failing findings, in images seen, [begin, end); infinity if still open.

    Args:
        findings: the records of findings.jsonl (see `training.monitor`).
    """
    spans: dict[str, tuple[int, float]] = {}
    closed = []
    for record in findings:
        symptom = record.get("symptom", "")
        if record["event"] == "end" and symptom in spans:
            closed.append((spans.pop(symptom)[0], record["images_seen"]))
        elif record["event"] in ("onset", "worse") and record["verdict"] == "failing":
            spans.setdefault(symptom, (record["since"], float("inf")))
    return closed + list(spans.values())


def open_events(findings: list[Record]) -> list[Record]:
    """The newest event of every finding that began and did not end, the oldest finding first.

    Args:
        findings: the records of findings.jsonl.
    """
    events: dict[str, Record] = {}
    for record in findings:
        if record["event"] == "end":
            events.pop(record["symptom"], None)
        elif record["event"] in ("onset", "worse"):
            events[record["symptom"]] = record
    return list(events.values())
