"""The history of a run: append-only records of what was measured, read back as columns."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganvas import storage

Record = dict[str, Any]
"""What was measured at one moment: `images_seen` and numbers by name.

Of training: means since the record before, and timings. Of generated images: one score.
"""

TIMINGS = ("seconds", "images_per_second", "data_wait", "memory_mb")
"""Fields that differ between two otherwise identical runs."""

TAIL = 2**16
"""Bytes that hold the last record for sure."""


@dataclass(frozen=True)
class History:
    """A history file. Reading is safe while another process appends, and after a kill."""

    path: Path

    def append(self, record: Record) -> None:
        """Add one record."""
        storage.append_line(self.path, json.dumps(record))

    def records(self) -> list[Record]:
        """Every whole record, oldest first; a line cut by a kill is left out."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                with contextlib.suppress(ValueError):  # cut by a full disk, then written on
                    record = json.loads(line)
                    if isinstance(record, dict):
                        found.append(record)
        return found

    def newest(self) -> Record | None:
        """The last whole record, without reading the others; None without one."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                lines = file.read().splitlines(keepends=True)
        except OSError:
            return None
        for line in reversed(lines):
            if line.endswith(b"\n"):
                with contextlib.suppress(ValueError):
                    record: Record = json.loads(line)
                    return record
        return None

    def column(self, name: str) -> list[float]:
        """One measured quantity over time; records that lack it are left out."""
        return [record[name] for record in self.records() if name in record]

    def cut_after(self, images_seen: int) -> None:
        """Drop records later than a checkpoint that training goes on from."""
        if not self.path.exists():
            return
        kept = [record for record in self.records() if record["images_seen"] <= images_seen]
        lines = "".join(json.dumps(record) + "\n" for record in kept)
        storage.write_bytes(self.path, lines.encode())


def failing_spans(findings: list[Record]) -> list[tuple[int, float]]:
    """When something failed, in images seen, [begin, end); an end of infinity is still open.

    Args:
        findings: the records of findings.jsonl (see `training.watch`).
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
