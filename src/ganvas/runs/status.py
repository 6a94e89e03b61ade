"""status.json: how far a run is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ganvas import json_files

Status = Literal["running", "finished", "interrupted", "diverged", "unhealthy"]
State = Status | Literal["unknown", "stopped without saving"]
"""A saved status, or what `Run.state` found instead."""


@dataclass(frozen=True)
class SavedStatus:
    """The content of status.json.

    status: of a process that died it still says running; see `Run.state`. unknown: not written.
    images_seen: at the last checkpoint, or where training stopped.
    reason: why it stopped, in one line; empty if it did not fail.
    """

    status: Status | Literal["unknown"] = "unknown"
    images_seen: int = 0
    reason: str = ""

    @property
    def was_saved(self) -> bool:
        """Whether a checkpoint is certain: a run that failed may have stopped before its first."""
        return self.images_seen > 0 and self.status in ("running", "interrupted", "finished")

    def write(self, path: Path) -> None:
        """Write the file. A reason that is empty is left out."""
        table = json_files.to_plain(self)
        if not self.reason:
            del table["reason"]
        json_files.write_json(path, table)


def read_status(path: Path) -> SavedStatus:
    """Read what `SavedStatus.write` wrote.

    Raises:
        RunError: the file is missing or damaged.
    """
    return json_files.read_dataclass(path, SavedStatus)
