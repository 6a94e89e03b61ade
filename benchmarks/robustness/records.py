"""Records of a benchmark: one JSON object a line, appended as they are made, so it can continue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Record = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "results" / "robustness"
"""The committed records."""


def read_records(path: Path) -> list[Record]:
    """All complete records of a file; none where there is no file."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def append_record(path: Path, record: Record) -> None:
    """Append one record. A line that a kill has cut is removed before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.read_bytes() if path.exists() else b""
    with path.open("r+b" if path.exists() else "wb") as file:
        file.truncate(whole.rfind(b"\n") + 1)
        file.seek(0, 2)
        file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
